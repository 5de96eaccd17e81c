/// Where a value comes from.
package enum Place: Sendable, Hashable, CustomStringConvertible {
  /// As declared in the table.
  case table
  /// Line and column count from 1, columns in characters.
  case position(file: String, line: Int, column: Int)
  /// An environment variable, by its name.
  case variable(String)
  /// A flag with its dashes, or another word of the command line.
  case flag(String)

  /// As it stands before a message.
  package var description: String {
    switch self {
    case .table: "default"
    case .position(let path, let line, let column): "\(escaped(path)):\(line):\(column)"
    case .variable(let name), .flag(let name): escaped(name)
    }
  }
}

/// Something that is wrong with the configuration: where, what, and what to do about it.
package struct Mistake: Error, Sendable, Equatable, CustomStringConvertible {
  package let place: Place
  package let problem: String
  /// Empty when the problem says it all.
  package let remedy: String

  package init(_ place: Place, _ problem: String, remedy: String = "") {
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  /// Such as `sluice.toml:3:1: unknown key 'orign'; did you mean 'origin'?`
  package var description: String {
    "\(place): \(problem)" + (remedy.isEmpty ? "" : "; \(remedy)")
  }
}

/// Everything that is wrong, in the order of the sources: flags, environment, file.
package struct Mistakes: Error, Sendable, Equatable, CustomStringConvertible {
  package let list: [Mistake]

  package init(_ list: [Mistake]) {
    self.list = list
  }

  /// A line for each.
  package var description: String {
    list.map(\.description).joined(separator: "\n")
  }
}

/// What somebody wrote, in quotes, for a message: on one line, and not at any length.
package func quoted(_ text: String) -> String {
  let charactersMax = 80
  let shown = text.unicodeScalars.prefix(charactersMax)
  let isCut = shown.endIndex != text.unicodeScalars.endIndex
  return "'\(escaped(String(shown)))\(isCut ? "…" : "")'"
}

/// Without control characters, which would do things to a terminal.
func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    default:
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}
