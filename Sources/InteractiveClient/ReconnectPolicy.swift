internal import HTTPCore
internal import TLS
package import WebSocketClient
package import WebSocketCore

/// What a client that wants to stay connected does when a connection has ended. Pure.
package enum ReconnectPolicy {
  package enum Decision: Hashable, Sendable {
    /// Connect again; the server may have said when.
    case retry(RetryHint?)
    /// The same would happen again, or nothing is left to be done.
    case stop
  }

  package static func decide(after end: ClientEnd) -> Decision {
    switch end {
    case .notConnected, .endedEarly, .openingTimedOut, .closingTimedOut, .lost,
      .tlsBroken:
      .retry(nil)
    case .tls(.peerCertificate):
      .stop
    case .tls:
      .retry(nil)
    case .notOpened(.notAccepted(.refused(let status), let head, _)):
      // RFC 9110 §15: these may pass; other refusals are for what we have asked for.
      status.rawValue >= 500 || status == .requestTimeout || status == .tooManyRequests
        ? .retry(head.headers["Retry-After"].flatMap { RetryHint(retryAfter: $0) }) : .stop
    case .notOpened, .failed:
      .stop
    case .closed(_, _, byPeer: false):
      .stop
    case .closed(let code, let reason, byPeer: true):
      switch code?.rawValue {
      case 1000, 1002, 1003, 1007, 1008, 1009, 1010: .stop
      default: .retry(RetryHint(closeReason: reason))
      }
    }
  }
}
