/// Options that belong together, in the help and the reference.
package struct OptionGroup: Sendable {
  package let title: String
  package let options: [OptionDescription]

  package init(_ title: String, _ options: [OptionDescription]) {
    self.title = title
    self.options = options
  }
}

/// All options of a program. Flags, environment variables, the keys of the file, the help, the
/// reference and the messages come from it.
package struct OptionTable: Sendable {
  /// How the program is called, for messages: `sluice serve`.
  package let command: String
  /// What the names of its environment variables begin with: `SLUICE_`.
  package let variablePrefix: String
  package let groups: [OptionGroup]
  /// The option that names the file; it is one of the table.
  package let fileOption: ConfigOption<String?>
  private let byName: [String: OptionDescription]

  package init(
    command: String, variablePrefix: String, groups: [OptionGroup],
    fileOption: ConfigOption<String?>
  ) {
    self.command = command
    self.variablePrefix = variablePrefix
    self.groups = groups
    self.fileOption = fileOption
    byName = Dictionary(
      uniqueKeysWithValues: groups.flatMap(\.options).map { ($0.name, $0) })
    precondition(byName[fileOption.description.name] != nil, "the file's option is in no group")
  }

  /// The same options for another command, and a group more.
  package func extended(
    command: String, title: String, by options: [OptionDescription]
  ) -> OptionTable {
    OptionTable(
      command: command, variablePrefix: variablePrefix,
      groups: groups + [OptionGroup(title, options)], fileOption: fileOption)
  }

  package var options: [OptionDescription] { groups.flatMap(\.options) }

  /// Such as `SLUICE_MAX_FRAGMENTS`.
  package func variable(of name: String) -> String {
    variablePrefix + name.uppercased().split(separator: "-").joined(separator: "_")
  }

  /// An option, or the file from which a secret one is read.
  struct Match {
    let option: OptionDescription
    /// Whether the name was `x-file`, of the secret option `x`.
    let isSecretFile: Bool
  }

  /// Looks a name up among those that a source can give.
  func match(_ name: some StringProtocol, from source: Sources) -> Match? {
    if let option = byName[String(name)] {
      return option.sources.contains(source) ? Match(option: option, isSecretFile: false) : nil
    }
    guard name.hasSuffix(Self.secretFileSuffix),
      let option = byName[String(name.dropLast(Self.secretFileSuffix.count))], option.isSecret,
      option.sources.contains(source)
    else { return nil }
    return Match(option: option, isSecretFile: true)
  }

  /// Whether there is such an option, in whatever source.
  func hasOption(_ name: String) -> Bool {
    byName[name] != nil
  }

  /// Every name that a source can give.
  func names(for source: Sources) -> [String] {
    options.filter { $0.sources.contains(source) }.flatMap { option in
      option.isSecret ? [option.name, option.name + Self.secretFileSuffix] : [option.name]
    }
  }

  static let secretFileSuffix = "-file"
}
