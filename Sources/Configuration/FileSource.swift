/// The options in a TOML file: at its top level, each under its own name.
struct FileSource {
  private(set) var settings = SourceSettings()
  private let path: String
  private let table: OptionTable
  private var linesOfKeys: [String: Int] = [:]

  /// Nobody reads more.
  private static let mistakesMax = 100

  init(_ bytes: [UInt8], path: String, table: OptionTable, readFile: FileReader) {
    self.path = path
    self.table = table
    do throws(TOMLError) {
      var reader = try TOMLReader(bytes)
      var isInTable = false
      while settings.mistakes.count < Self.mistakesMax, let statement = try reader.next() {
        switch statement {
        case .table(let key):
          isInTable = true
          refuseTable(key)
        case .pair(let key, let node):
          // One mistake for a table is enough.
          if !isInTable { read(key, node, readFile: readFile) }
        }
      }
    } catch {
      settings.mistakes.append(
        Mistake(place(of: error.position), error.problem, remedy: error.remedy))
    }
  }

  private func place(of position: TOMLPosition) -> Place {
    .position(file: path, line: position.line, column: position.column)
  }

  private mutating func refuseTable(_ key: TOMLKey) {
    settings.mistakes.append(
      Mistake(
        place(of: key.position), "there is no table \(quoted(key.text))",
        remedy: "all options stand at the top, without [\(escaped(key.text))], and have the names "
          + "of the flags"))
  }

  private mutating func read(_ key: TOMLKey, _ node: TOMLNode, readFile: FileReader) {
    let name = key.text
    let keyPlace = place(of: key.position)
    if let line = linesOfKeys[name] {
      settings.mistakes.append(
        Mistake(keyPlace, "\(quoted(name)) is set already in line \(line)", remedy: "set it once"))
      return
    }
    linesOfKeys[name] = key.position.line
    guard key.parts.count == 1, let match = table.match(name, from: .file) else {
      refuseKey(name, at: keyPlace)
      return
    }
    let option = match.option
    guard settings.begin(option, at: place(of: node.position)) else { return }
    if match.isSecretFile {
      guard case .string(let secretPath) = node.value else {
        refuse(node, of: option, wanting: "a string", as: "\(name) = \"secret.txt\"")
        return
      }
      settings.addContents(
        of: secretPath, to: option, at: place(of: node.position), readFile: readFile)
      return
    }
    let example = "\(name) = \(option.fileExample)"
    var values = [node]
    if option.arity == .list {
      guard case .array(let elements) = node.value else {
        refuse(node, of: option, wanting: "an array", as: example)
        return
      }
      values = elements
    }
    for value in values {
      if let text = option.text(of: value.value) {
        settings.add(text, to: option, at: place(of: value.position))
      } else {
        refuse(value, of: option, wanting: option.wantedInFile, as: example)
      }
    }
  }

  private mutating func refuse(
    _ node: TOMLNode, of option: OptionDescription, wanting wanted: String, as example: String
  ) {
    let place = place(of: node.position)
    guard case .bareWord(let word) = node.value else {
      settings.mistakes.append(
        Mistake(place, "\(node.value.kind) where \(wanted) is wanted", remedy: "as in \(example)"))
      return
    }
    var remedy = "as in \(example)"
    if option.arity == .flag {
      switch word.lowercased() {
      case "true", "yes", "on": remedy = "write true"
      case "false", "no", "off": remedy = "write false"
      default: break
      }
    } else if option.syntax.fileForms.contains(.string) {
      remedy = "text stands in quotes, \(remedy)"
    }
    let subject = option.isSecret ? "this" : quoted(word)
    settings.mistakes.append(Mistake(place, "\(subject) is not a value", remedy: remedy))
  }

  private mutating func refuseKey(_ name: String, at place: Place) {
    if table.hasOption(name) {
      settings.mistakes.append(
        Mistake(place, "\(quoted(name)) cannot be set in the file", remedy: "use --\(name)"))
      return
    }
    let near = nearestName(to: name, among: table.names(for: .file))
    settings.mistakes.append(
      Mistake(
        place, "unknown key \(quoted(name))",
        remedy: near.map { "did you mean \(quoted($0))?" }
          ?? "keys are the flags of '\(table.command) --help' without their dashes"))
  }
}

extension OptionDescription {
  /// A good value, as it is written in the file.
  var fileExample: String {
    let value: String
    if syntax.fileForms.contains(.string) {
      value = "\"\(syntax.example)\""
    } else {
      value = syntax.example
    }
    return arity == .list ? "[\(value)]" : value
  }

  fileprivate var wantedInFile: String {
    if syntax.fileForms == [.integer] { return "a whole number" }
    if syntax.fileForms == [.boolean] { return "true or false" }
    return syntax.fileForms.contains(.integer) ? "a string or a whole number" : "a string"
  }

  /// Nil when the value is of another kind than this option's.
  fileprivate func text(of value: TOMLValue) -> String? {
    switch value {
    case .string(let text) where syntax.fileForms.contains(.string): text
    case .integer(let number) where syntax.fileForms.contains(.integer): "\(number)"
    case .boolean(let isTrue) where syntax.fileForms.contains(.boolean): "\(isTrue)"
    default: nil
    }
  }
}

extension TOMLValue {
  fileprivate var kind: String {
    switch self {
    case .string: "a string"
    case .integer: "a whole number"
    case .boolean: "true or false"
    case .float: "a number with a fraction"
    case .date: "a date or a time"
    case .array: "an array"
    case .inlineTable: "a table"
    case .bareWord: "a word"
    }
  }
}
