package import SystemIO
package import TLS
package import WebSocketCore

/// How a client's connection has ended.
package enum ClientEnd: Sendable {
  /// There was no connection.
  case notConnected(SystemError)
  /// TLS came to nothing, or broke.
  case tls(TLSError)
  /// The server's answer to the opening handshake opens no connection.
  case notOpened(OpeningError)
  /// The connection has ended before the server has answered the handshake. The error is
  /// nil for FIN.
  case endedEarly(OpeningStage, SystemError?)
  /// So long took the connection, TLS and the opening handshake together.
  case openingTimedOut
  /// Closing handshake (RFC 6455 §7.1.4). The code is the peer's, nil if its close frame
  /// had none.
  case closed(CloseCode?, reason: String, byPeer: Bool)
  /// We have sent a close frame, and the peer has answered with none.
  case closingTimedOut
  /// Without a close frame (what RFC 6455 §7.1.5 calls 1006). The error is nil for FIN.
  case lost(SystemError?)
  /// TLS broke, after the opening handshake.
  case tlsBroken(TLSError)
  /// The peer has broken the protocol, and we have failed the connection.
  case failed(ProtocolViolation)

  /// How far an opening had come.
  package enum OpeningStage: Sendable {
    case tlsHandshake
    /// The request is sent, and nothing has come.
    case request
    /// Some of the answer has come.
    case answer
  }
}

extension ClientEnd: CustomStringConvertible {
  /// For people. May quote the peer.
  package var description: String {
    switch self {
    case .notConnected(let error): "cannot connect: \(error.reason)"
    case .tls(.notTLS): "this port doesn't speak TLS"
    case .tls(let error): "TLS: \(error)"
    case .notOpened(let error): "\(error)"
    case .endedEarly(let stage, nil): "the server closed the connection \(Self.place(stage))"
    case .endedEarly(let stage, let error?):
      "connection lost \(Self.place(stage)): \(error.reason)"
    case .openingTimedOut: "the server did not answer in time"
    case .closed(let code, let reason, let byPeer):
      "closed by \(byPeer ? "the server" : "us")"
        + (byPeer ? ": \(Self.name(of: code))" + (reason.isEmpty ? "" : ", \"\(reason)\"") : "")
    case .closingTimedOut: "the server did not answer our close frame in time"
    case .lost(nil): "the server ended the connection without a close frame"
    case .lost(let error?): "connection lost: \(error.reason)"
    case .tlsBroken(let error): "connection lost: TLS: \(error)"
    case .failed(let violation):
      (Self.isLimit(violation) ? "over our limit" : "the server broke the protocol")
        + ": \(violation.reason) (closed with \(violation.closeCode.rawValue))"
    }
  }

  private static func place(_ stage: OpeningStage) -> String {
    switch stage {
    case .tlsHandshake: "in the TLS handshake"
    case .request: "without an answer"
    case .answer: "in the middle of its answer"
    }
  }

  /// Whether the server has done nothing wrong, but more than we take.
  private static func isLimit(_ violation: ProtocolViolation) -> Bool {
    violation == .messageTooBig || violation == .tooManyFragments
  }

  /// Such as `1001 going away`.
  private static func name(of code: CloseCode?) -> String {
    guard let code else { return "no code" }
    return "\(code.rawValue)" + (code.meaning.map { " \($0)" } ?? "")
  }
}
