extension OptionTable {
  /// All options as Markdown tables, a section for each group.
  package var reference: String {
    groups.map(section).joined(separator: "\n\n")
  }

  private func section(_ group: OptionGroup) -> String {
    let rows = group.options.map { option in
      let cells = [
        names(of: option), defaultCell(option), valuesCell(option),
        [option.help, option.details].filter { !$0.isEmpty }.joined(separator: " "),
        change(option),
      ]
      let escaped = cells.map { $0.split(separator: "|").joined(separator: "\\|") }
      return "| \(escaped.joined(separator: " | ")) |"
    }
    let head = ["| option | default | values | effect | change |", "|---|---|---|---|---|"]
    return (["### \(group.title)", ""] + head + rows).joined(separator: "\n")
  }

  private func names(of option: OptionDescription) -> String {
    var names: [String] = []
    if option.sources.contains(.file) { names.append("**`\(option.name)`**") }
    let placeholder = option.arity == .flag ? "" : " \(option.syntax.placeholder.uppercased())"
    names.append("`--\(option.name)\(placeholder)`")
    if option.sources.contains(.environment) { names.append("`\(variable(of: option.name))`") }
    if option.isSecret {
      let name = option.name + Self.secretFileSuffix
      names.append("or `\(name)`, `--\(name) FILE`, `\(variable(of: name))`")
    }
    return names.joined(separator: "<br>")
  }

  private func defaultCell(_ option: OptionDescription) -> String {
    option.defaultTexts.isEmpty
      ? option.unsetMeaning : option.defaultTexts.map { "`\($0)`" }.joined(separator: ", ")
  }

  private func valuesCell(_ option: OptionDescription) -> String {
    var text = option.syntax.range
    if !option.syntax.permitted.isEmpty {
      text = option.syntax.permitted.map { "`\($0)`" }.joined(separator: ", ")
    } else if text.isEmpty {
      text = "as `\(option.syntax.example)`"
    }
    return option.arity == .list ? "\(text); repeatable" : text
  }

  private func change(_ option: OptionDescription) -> String {
    switch option.change {
    case .live: "live"
    case .liveWhileSet(let name):
      name == option.name ? "live while set" : "live while `\(name)` is set"
    case .restart: "restart"
    }
  }
}
