package import Logs

/// What a worker has done, for the line that it leaves behind.
package struct WorkerCounters: Sendable {
  package var connections: UInt64 = 0
  package var webSockets: UInt64 = 0
  package var messages: UInt64 = 0
  private var causes = [UInt64](repeating: 0, count: Cause.allCases.count)

  /// Why a connection was refused or ended, when it was not in order. Each limit
  /// has one of its own.
  package enum Cause: UInt8, CaseIterable, Sendable {
    case tooManyConnections, tooManyOfAddress
    case originRefused, handshakeRefused
    case protocolViolation, oversizedRequest, oversizedMessage, tooManyFragments
    case tooManyMessages, tooManyControlFrames
    case tlsError
    case slowConsumer, evicted
    case requestTimeout, pongTimeout, closeTimeout
    case acceptFailure
    case forced

    /// In the log, which others read by program: does not change.
    package var name: StaticString {
      switch self {
      case .tooManyConnections: "too_many_connections"
      case .tooManyOfAddress: "too_many_of_address"
      case .originRefused: "origin_refused"
      case .handshakeRefused: "handshake_refused"
      case .protocolViolation: "protocol_violation"
      case .oversizedRequest: "oversized_request"
      case .oversizedMessage: "oversized_message"
      case .tooManyFragments: "too_many_fragments"
      case .tooManyMessages: "too_many_messages"
      case .tooManyControlFrames: "too_many_control_frames"
      case .tlsError: "tls_error"
      case .slowConsumer: "slow_consumer"
      case .evicted: "evicted"
      case .requestTimeout: "request_timeout"
      case .pongTimeout: "pong_timeout"
      case .closeTimeout: "close_timeout"
      case .acceptFailure: "accept_failure"
      case .forced: "forced"
      }
    }
  }

  package subscript(_ cause: Cause) -> UInt64 {
    get { causes[Int(cause.rawValue)] }
    set { causes[Int(cause.rawValue)] = newValue }
  }

  /// By name, for the coordinator.
  var figures: [String: UInt64] {
    var figures = [
      "connections_accepted": connections, "websockets_opened": webSockets,
      "messages_received": messages,
    ]
    for cause in Cause.allCases { figures["\(cause.name)"] = self[cause] }
    return figures
  }

  /// A field for each.
  package func add(to line: inout LogLine) {
    line.add("connections", connections)
    line.add("websockets", webSockets)
    line.add("messages", messages)
    for cause in Cause.allCases { line.add(cause.name, self[cause]) }
  }
}
