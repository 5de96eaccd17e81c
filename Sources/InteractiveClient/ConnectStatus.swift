package import WebSocketClient
internal import WebSocketCore

/// How an interactive client ends, for scripts.
package enum ConnectStatus: Int32, Sendable {
  /// Closed in order: by us, or by the server with 1000, 1001 or no code.
  case closed = 0
  /// There was no WebSocket; or some of the input could not be sent.
  case failed = 1
  /// The connection was lost, the server broke the protocol, or closed with another code.
  case broken = 2
  /// SIGHUP: the terminal is gone.
  case hungUp = 129
  /// SIGINT, or Ctrl-C.
  case interrupted = 130
  case terminated = 143

  var isSignal: Bool { rawValue > 128 }

  package init(_ end: ClientEnd) {
    self =
      switch end {
      case .notConnected, .tls, .notOpened, .endedEarly, .openingTimedOut: .failed
      case .closed(_, _, byPeer: false): .closed
      case .closed(let code, _, byPeer: true):
        [nil, .normalClosure, .goingAway].contains(code) ? .closed : .broken
      case .closingTimedOut, .lost, .tlsBroken, .failed: .broken
      }
  }
}
