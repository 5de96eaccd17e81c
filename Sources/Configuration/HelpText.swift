/// A help text: what the command does, how it is called, and its options.
package struct HelpText: Sendable {
  private let table: OptionTable
  private let overview: String
  private let columns: Int

  /// Where the explanations begin.
  private static let indentation = 26

  /// `overview` is one paragraph a line, but lines that begin with a space stay as they are;
  /// `columns` is how wide the terminal is.
  package init(_ table: OptionTable, overview: String, columns: Int) {
    self.table = table
    self.overview = overview
    self.columns = min(max(columns, 50), 120)
  }

  package var text: String {
    var lines = paragraphs(overview)
    lines += ["", "USAGE: \(table.command) [options]"]
    for group in table.groups {
      lines += ["", group.title.uppercased() + ":"]
      for option in group.options { lines += self.lines(for: option) }
    }
    lines += ["", "OTHER:"]
    lines += entry("--version", "Show the version.")
    lines += entry("-h, --help", "Show this help.")
    return lines.joined(separator: "\n")
  }

  private func lines(for option: OptionDescription) -> [String] {
    guard option.arity != .flag else { return entry("--\(option.name)", option.help) }
    let flag = "--\(option.name) <\(option.syntax.placeholder)>"
    var lines = entry(flag, option.help + remarks(on: option))
    if option.isSecret {
      let name = option.name + OptionTable.secretFileSuffix
      lines += entry("--\(name) <file>", "The same, read from this file.")
    }
    return lines
  }

  private func remarks(on option: OptionDescription) -> String {
    var facts: [String] = []
    if option.arity == .list { facts.append("repeatable") }
    if !option.syntax.permitted.isEmpty {
      facts.append("values: \(option.syntax.permitted.joined(separator: ", "))")
    }
    facts.append("default: \(option.shownDefault)")
    return " (\(facts.joined(separator: "; ")))"
  }

  private func entry(_ flag: String, _ explanation: String) -> [String] {
    let margin = String(repeating: " ", count: Self.indentation)
    var lines = wrapped(explanation, to: columns - Self.indentation).map { margin + $0 }
    let head = "  \(flag)"
    if let first = lines.first, head.count < Self.indentation {
      lines[0] = head + first.dropFirst(head.count)
    } else {
      lines.insert(head, at: 0)
    }
    return lines
  }

  private func paragraphs(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { line in
      line.hasPrefix(" ") ? [String(line)] : wrapped(String(line), to: columns)
    }
  }
}

extension OptionDescription {
  /// What holds when nobody sets it.
  var shownDefault: String {
    defaultTexts.isEmpty ? unsetMeaning : defaultTexts.joined(separator: ", ")
  }
}

/// Lines of at most so many characters, unless a word is longer.
private func wrapped(_ text: String, to width: Int) -> [String] {
  var lines = [""]
  for word in text.split(separator: " ") {
    let line = lines[lines.count - 1]
    if line.isEmpty {
      lines[lines.count - 1] = String(word)
    } else if line.count + 1 + word.count <= width {
      lines[lines.count - 1] = "\(line) \(word)"
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
