/// The closing handshake (RFC 6455 §1.4, §5.5.1, §7.1) as a state machine: who
/// has sent a close frame, when the write side of the transport is shut, and
/// when the connection is done. The caller performs the actions and keeps the
/// deadlines.
///
/// A server sends its close frame, shuts its write side once that is flushed,
/// and then reads on until the peer's FIN: closing with unread data in the
/// receive buffer would send RST, and the peer might lose the close frame.
/// A client leaves it to the server to end the TCP connection (§7.1.1).
package struct CloseMachine: Sendable {
  package enum State: Equatable, Sendable {
    /// Messages flow both ways.
    case open
    /// We sent a close frame and wait for the peer's. Messages that the peer
    /// sent before its own still count.
    case closeSent
    /// Both were sent, or the connection failed: nothing more is to be read,
    /// what is queued is flushed, then the transport ends.
    case closing
  }

  package enum Action: Equatable, Sendable {
    case none
    /// Send a close frame with this code (nil: an empty one); start the deadline.
    case sendClose(CloseCode?)
    /// Everything is said: flush, shut the write side, wait for the peer's FIN.
    case finish
    /// Send a close frame with this code, then as for `finish`.
    case sendCloseAndFinish(CloseCode?)
  }

  package private(set) var state = State.open

  package init() {}

  /// Whether messages may still be sent.
  package var maySend: Bool { state == .open }

  /// We want to close. A second wish changes nothing.
  package mutating func close(_ code: CloseCode?) -> Action {
    switch state {
    case .open:
      state = .closeSent
      return .sendClose(code)
    case .closeSent, .closing:
      return .none
    }
  }

  /// The peer's close frame has come. Its code is echoed (§5.5.1).
  package mutating func peerClosed(_ code: CloseCode?) -> Action {
    end(code)
  }

  /// The peer broke the protocol: the connection is failed (§7.1.7).
  package mutating func fail(_ code: CloseCode) -> Action {
    end(code)
  }

  private mutating func end(_ code: CloseCode?) -> Action {
    switch state {
    case .open:
      state = .closing
      return .sendCloseAndFinish(code)
    case .closeSent:
      state = .closing
      return .finish
    case .closing:
      return .none
    }
  }
}
