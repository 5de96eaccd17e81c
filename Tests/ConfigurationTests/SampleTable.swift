@testable import Configuration
import Testing

/// A table with an option of every kind, secrets too, for what the product's table has not.
enum Sample {
  enum Colour: String, CaseIterable, Sendable {
    case red, green, blue
  }

  static let size = ConfigOption(
    "buffer-size", .size(16...(1 << 20)), default: ByteSize(4096), change: .live,
    help: "The size of a buffer.", details: "And more | than that.")
  static let time = ConfigOption(
    "wait-time", .time(canBeZero: false), default: TimeSpan(milliseconds: 1_500),
    change: .live, help: "How long to wait.")
  static let count = ConfigOption(
    "max-things", .count(1...100), default: 10, change: .restart, help: "The most things.")
  static let optional = ConfigOption<Int?>(
    "max-extras", .count(0...9), unset: "no limit", change: .live, help: "The most extras.")
  static let colour = ConfigOption(
    "colour", .choice("colour", example: Colour.red), default: .green, change: .live,
    help: "Of the shed.")
  static let names = ConfigOption(
    list: "name", .text("name", range: "any", example: "anna"), unset: "nobody",
    change: .liveWhileSet("name"), help: "Who may come.")
  static let loud = ConfigOption(flag: "loud", change: .live, help: "Say more.")
  static let token = ConfigOption<String?>(
    "token", .text("text", range: "", example: "…"), unset: "none", change: .live,
    secret: true, help: "Lets one in.")
  static let keys = ConfigOption(
    list: "api-key", .size(1...9), unset: "none", change: .live, secret: true,
    help: "Lets many in.")
  static let file = ConfigOption<String?>(
    "config", .file("sample.toml"), unset: "none", change: .restart, help: "A TOML file.",
    sources: [.flags, .environment])

  static let table = OptionTable(
    command: "sample run", variablePrefix: "SAMPLE_",
    groups: [
      OptionGroup(
        "Things",
        [
          size.description, time.description, count.description, optional.description,
          colour.description, names.description, loud.description,
        ]),
      OptionGroup("Secrets", [token.description, keys.description, file.description]),
    ],
    fileOption: file)
}

/// Loads from values alone. `file` is what `sluice.toml` has; `files` are further ones, by path.
func load(
  _ table: OptionTable = Sample.table, _ arguments: [String] = [],
  environment: [String: String] = [:], file: String? = nil, files: [String: [UInt8]] = [:]
) throws(Mistakes) -> ConfigurationValues {
  var files = files
  if let file { files["sluice.toml"] = Array(file.utf8) }
  return try table.load(
    arguments: (file == nil ? [] : ["--config=sluice.toml"]) + arguments, environment: environment
  ) { [files] (path) throws(FileProblem) in
    guard let bytes = files[path] else { throw FileProblem("No such file or directory") }
    return bytes
  }
}

/// The messages of all mistakes; none when there are none.
func messages(
  _ table: OptionTable = Sample.table, _ arguments: [String] = [],
  environment: [String: String] = [:], file: String? = nil, files: [String: [UInt8]] = [:]
) -> [String] {
  do throws(Mistakes) {
    _ = try load(table, arguments, environment: environment, file: file, files: files)
    return []
  } catch {
    return error.list.map(\.description)
  }
}
