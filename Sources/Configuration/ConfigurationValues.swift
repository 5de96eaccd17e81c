/// The values in force, each with the place that it comes from.
package struct ConfigurationValues: Sendable {
  package let table: OptionTable
  private let effective: [String: Setting]

  init(table: OptionTable, effective: [String: Setting]) {
    self.table = table
    self.effective = effective
  }

  /// The option must be one of the table.
  package subscript<Value>(option: ConfigOption<Value>) -> Value {
    // What is kept has been checked, and reads back.
    guard let value = option.decode(setting(of: option.description).texts) else {
      preconditionFailure("\(option.description.name) does not read back")
    }
    return value
  }

  /// Where an option's value comes from.
  package func place<Value>(of option: ConfigOption<Value>) -> Place {
    setting(of: option.description).place
  }

  func setting(of option: OptionDescription) -> Setting {
    guard let setting = effective[option.name] else {
      preconditionFailure("\(option.name) is not in the table")
    }
    return setting
  }
}

extension OptionTable {
  /// Merges all sources: flags go before the environment, that before the file, that before the
  /// defaults. A list replaces the whole list of a source behind it.
  ///
  /// - Parameters:
  ///   - arguments: The command line, without the names of the program and its command.
  ///   - environment: All variables; those of others are not looked at.
  ///   - readFile: Is asked for the configuration file and for the files of secrets.
  /// - Returns: The values in force.
  /// - Throws: Everything that is wrong in any source, also where another source goes before it.
  package func load(
    arguments: [String], environment: [String: String], readFile: @escaping FileReader
  ) throws(Mistakes) -> ConfigurationValues {
    let flags = CommandLineSource(arguments, table: self, readFile: readFile).settings
    let variables = EnvironmentSource(environment, table: self, readFile: readFile).settings
    var file = SourceSettings()
    let fileName = fileOption.description.name
    if let setting = flags.byName[fileName] ?? variables.byName[fileName],
      let path = setting.texts.first
    {
      do throws(FileProblem) {
        file = FileSource(try readFile(path), path: path, table: self, readFile: readFile).settings
      } catch {
        file.mistakes.append(Mistake(setting.place, "cannot read \(quoted(path)): \(error.text)"))
      }
    }
    let mistakes = flags.mistakes + variables.mistakes + file.mistakes
    if !mistakes.isEmpty { throw Mistakes(mistakes) }
    var effective: [String: Setting] = [:]
    for option in options {
      effective[option.name] =
        flags.byName[option.name] ?? variables.byName[option.name] ?? file.byName[option.name]
        ?? Setting(texts: option.defaultTexts, place: .table)
    }
    return ConfigurationValues(table: self, effective: effective)
  }
}
