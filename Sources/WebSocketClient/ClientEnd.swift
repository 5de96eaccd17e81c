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
  /// The server has ended the connection before it has answered the handshake.
  case endedEarly(ofAnswer: Bool)
  /// So long took the connection, TLS and the opening handshake together.
  case openingTimedOut
  /// Closing handshake (RFC 6455 §7.1.4). The code is the peer's, nil if its close frame
  /// had none.
  case closed(CloseCode?, reason: String, byPeer: Bool)
  /// We have sent a close frame, and the peer has answered with none.
  case closingTimedOut
  /// Without a close frame (what RFC 6455 §7.1.5 calls 1006). The error is nil for FIN.
  case lost(SystemError?)
  /// The peer has broken the protocol, and we have failed the connection.
  case failed(ProtocolViolation)
}

extension ClientEnd: CustomStringConvertible {
  /// For people. May quote the peer.
  package var description: String {
    switch self {
    case .notConnected(let error): "cannot connect: \(error.reason)"
    case .tls(let error): "TLS: \(error)"
    case .notOpened(let error): "\(error)"
    case .endedEarly(let ofAnswer):
      ofAnswer
        ? "the server closed the connection in the middle of its answer"
        : "the server closed the connection without an answer"
    case .openingTimedOut: "the server did not answer in time"
    case .closed(let code, let reason, let byPeer):
      "closed by \(byPeer ? "the server" : "us")"
        + (byPeer ? ": \(Self.name(of: code))" + (reason.isEmpty ? "" : ", \"\(reason)\"") : "")
    case .closingTimedOut: "the server did not answer our close frame in time"
    case .lost(nil): "the server ended the connection without a close frame"
    case .lost(let error?): "connection lost: \(error.reason)"
    case .failed(let violation):
      "the server broke the protocol: \(violation.reason) (closed with "
        + "\(violation.closeCode.rawValue))"
    }
  }

  /// Such as `1001 going away`.
  private static func name(of code: CloseCode?) -> String {
    guard let code else { return "no code" }
    return "\(code.rawValue)" + (code.meaning.map { " \($0)" } ?? "")
  }
}
