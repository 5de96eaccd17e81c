internal import Configuration
internal import Logs

extension ServeOptions {
  static let logging = OptionGroup("Logs", [logLevel.description, logFormat.description])

  static let logLevel = ConfigOption(
    "log-level", .choice("level", example: LogLevel.info), default: .info, change: .live,
    help: "The least level of what is logged. info has a line for each connection that ends.",
    details: "`debug` has one for each HTTP request too, `trace` one for each accept.")

  static let logFormat = ConfigOption(
    "log-format", .choice("format", example: LogFormatChoice.auto), default: .auto, change: .live,
    help: "How lines on standard error look. auto is text on a terminal, and json elsewhere.")

  enum LogFormatChoice: String, CaseIterable, Sendable {
    case auto, text, json, logfmt
  }
}
