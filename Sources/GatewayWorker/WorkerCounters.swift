/// What a worker has done, for the line that it leaves behind.
package struct WorkerCounters: Sendable, CustomStringConvertible {
  package var connections: UInt64 = 0
  package var webSockets: UInt64 = 0
  package var messages: UInt64 = 0
  private var causes = [UInt64](repeating: 0, count: Cause.allCases.count)

  /// Why a connection was refused or ended, when it was not in order. Each limit
  /// has one of its own.
  package enum Cause: Int, CaseIterable, Sendable {
    case tooManyConnections, tooManyOfAddress
    case protocolViolation, oversizedRequest, oversizedMessage, tooManyFragments
    case tooManyMessages, tooManyControlFrames
    case tlsError
    case slowConsumer, evicted
    case requestTimeout, pongTimeout, closeTimeout
    case acceptFailure
    case forced

    package var name: String {
      switch self {
      case .tooManyConnections: "refused for too many connections"
      case .tooManyOfAddress: "refused for too many of an address"
      case .protocolViolation: "protocol violations"
      case .oversizedRequest: "oversized requests"
      case .oversizedMessage: "oversized messages"
      case .tooManyFragments: "over-fragmented messages"
      case .tooManyMessages: "floods of messages"
      case .tooManyControlFrames: "floods of control frames"
      case .tlsError: "TLS errors"
      case .slowConsumer: "slow consumers"
      case .evicted: "evicted"
      case .requestTimeout: "request timeouts"
      case .pongTimeout: "pong timeouts"
      case .closeTimeout: "close timeouts"
      case .acceptFailure: "accept failures"
      case .forced: "forced to close"
      }
    }
  }

  package subscript(_ cause: Cause) -> UInt64 {
    get { causes[cause.rawValue] }
    set { causes[cause.rawValue] = newValue }
  }

  package var description: String {
    let ends = Cause.allCases.map { "\(self[$0]) \($0.name)" }.joined(separator: ", ")
    return "\(connections) connections, \(webSockets) WebSockets, \(messages) messages; \(ends)"
  }
}
