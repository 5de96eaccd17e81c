/// The options in environment variables.
struct EnvironmentSource {
  private(set) var settings = SourceSettings()

  init(_ environment: [String: String], table: OptionTable, readFile: FileReader) {
    for (variable, text) in environment.sorted(by: { $0.key < $1.key })
    where variable.hasPrefix(table.variablePrefix) {
      let place = Place.variable(variable)
      guard let match = Self.match(variable, in: table) else {
        if !Self.isOfService(variable, value: text) { refuse(variable, table: table) }
        continue
      }
      // Set to nothing is how compose files and the like leave a variable out.
      if text.isEmpty { continue }
      let option = match.option
      guard settings.begin(option, at: place) else { continue }
      if match.isSecretFile {
        settings.addContents(of: text, to: option, at: place, readFile: readFile)
        continue
      }
      let values =
        option.arity == .list
        ? text.split(separator: ",", omittingEmptySubsequences: false).map(Self.withoutSpaces)
        : [text]
      for value in values { settings.add(value, to: option, at: place) }
    }
  }

  private static func match(_ variable: String, in table: OptionTable) -> OptionTable.Match? {
    let rest = variable.dropFirst(table.variablePrefix.count)
    guard !rest.contains("-"), rest.uppercased() == rest else { return nil }
    let name = rest.lowercased().split(separator: "_", omittingEmptySubsequences: false)
    return table.match(name.joined(separator: "-"), from: .environment)
  }

  private static func withoutSpaces(_ text: Substring) -> String {
    let start = text.drop { $0 == " " }
    let end = start.lastIndex { $0 != " " }
    return end.map { String(start[...$0]) } ?? ""
  }

  private mutating func refuse(_ variable: String, table: OptionTable) {
    let rest = String(variable.dropFirst(table.variablePrefix.count))
    let near = nearestName(to: rest, among: table.names(for: .environment))
    settings.mistakes.append(
      Mistake(
        .variable(variable), "unknown variable",
        remedy: near.map { "did you mean \(table.variable(of: $0))?" }
          ?? "unset it; '\(table.command) --help' lists the options"))
  }

  /// Whether Kubernetes or a container link made the variable, for a service whose name begins
  /// as ours: `SLUICE_SERVICE_HOST`, `SLUICE_PORT=tcp://…`, `SLUICE_PORT_8080_TCP_ADDR`.
  private static func isOfService(_ variable: String, value: String) -> Bool {
    let words = variable.split(separator: "_")
    if let service = words.lastIndex(of: "SERVICE"), service > 0 {
      let rest = words[(service + 1)...]
      if rest == ["HOST"] || rest.first == "PORT" { return true }
    }
    guard let port = words.firstIndex(of: "PORT") else { return false }
    let rest = Array(words[(port + 1)...])
    if rest.isEmpty { return value.contains("://") }
    return rest.count >= 2 && Int(rest[0]) != nil && ["TCP", "UDP", "SCTP"].contains(rest[1])
  }
}
