/// The options on a command line.
struct CommandLineSource {
  private(set) var settings = SourceSettings()
  private let table: OptionTable
  private let readFile: FileReader

  /// `arguments` are without the names of the program and its command.
  init(_ arguments: [String], table: OptionTable, readFile: @escaping FileReader) {
    self.table = table
    self.readFile = readFile
    var words = arguments[...]
    var previous = ""
    while let word = words.popFirst() {
      if word == "--" {
        for rest in words { refuseArgument(rest, after: "") }
        break
      }
      if word.hasPrefix("--") {
        readFlag(word, words: &words)
      } else if word.hasPrefix("-") && word != "-" {
        refuseUnknown(word, words: &words)
      } else {
        refuseArgument(word, after: previous)
      }
      previous = word
    }
  }

  private mutating func readFlag(_ word: String, words: inout ArraySlice<String>) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let flag = String(parts[0])
    guard let match = table.match(flag.dropFirst(2), from: .flags) else {
      refuseUnknown(word, words: &words)
      return
    }
    let option = match.option
    let place = Place.flag(flag)
    var value = parts.count == 2 ? String(parts[1]) : nil
    if value == nil && option.arity == .flag { value = "true" }
    if value == nil, let next = words.first, !next.hasPrefix("--") {
      value = next
      words.removeFirst()
    }
    guard let value else {
      let placeholder = match.isSecretFile ? "file" : option.syntax.placeholder
      settings.mistakes.append(
        Mistake(place, "its value is missing", remedy: "write \(flag) <\(placeholder)>"))
      return
    }
    if settings.byName[option.name]?.place == place {
      if option.arity != .list || match.isSecretFile {
        settings.mistakes.append(Mistake(place, "is given twice", remedy: "give it once"))
        return
      }
    } else if !settings.begin(option, at: place) {
      return
    }
    if match.isSecretFile {
      settings.addContents(of: value, to: option, at: place, readFile: readFile)
    } else {
      settings.add(value, to: option, at: place)
    }
  }

  private mutating func refuseUnknown(_ word: String, words: inout ArraySlice<String>) {
    let flag = word.prefix { $0 != "=" }
    // What follows is probably its value, and not another mistake.
    if flag.count == word.count, let next = words.first, !next.hasPrefix("-") {
      words.removeFirst()
    }
    let name = String(flag.drop { $0 == "-" })
    let near = nearestName(to: name, among: table.names(for: .flags) + ["help", "version"])
    settings.mistakes.append(
      Mistake(
        .flag(String(flag)), "unknown flag",
        remedy: near.map { "did you mean --\($0)?" } ?? "'\(table.command) --help' lists all"))
  }

  private mutating func refuseArgument(_ word: String, after previous: String) {
    let isFlagBefore =
      previous.hasPrefix("--")
      && table.match(previous.dropFirst(2), from: .flags)?.option.arity == .flag
    settings.mistakes.append(
      Mistake(
        .flag(word), "unexpected argument",
        remedy: isFlagBefore && ["true", "false"].contains(word)
          ? "write \(previous)=\(word)" : "options begin with --"))
  }
}
