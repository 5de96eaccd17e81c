/// How much a line matters. Lines below the level in force are not written.
package enum LogLevel: String, CaseIterable, Sendable, Comparable {
  case trace, debug, info, notice, warning, error

  package static func < (left: LogLevel, right: LogLevel) -> Bool {
    left.order < right.order
  }

  private var order: Int {
    switch self {
    case .trace: 0
    case .debug: 1
    case .info: 2
    case .notice: 3
    case .warning: 4
    case .error: 5
    }
  }
}

/// How lines look.
package enum LogFormat: Sendable {
  /// For people: time, level, message, and the fields behind it.
  case text
  /// An object for each line (RFC 8259).
  case json
  /// `name=value`, with quotes where a value needs them.
  case logfmt
}
