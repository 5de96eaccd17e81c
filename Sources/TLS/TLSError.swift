/// Why a session is over. What it had to say about it (an alert, unless said
/// otherwise) is in the engine's output all the same, and is to be sent before the
/// connection closes.
package enum TLSError: Error, Equatable, CustomStringConvertible {
  /// The first byte is a capital letter, as in a request of plain HTTP. Nothing
  /// was consumed and there is no output: the peer can be answered in words.
  case plainHTTP
  /// The first bytes are no TLS record. There is no output.
  case notTLS
  /// No agreement was reached, or the handshake broke the protocol.
  case handshake(String)
  /// The peer's certificate is missing or is not trusted.
  case peerCertificate(String)
  /// The peer offers application protocols, but not `http/1.1`.
  case noApplicationProtocol
  /// The peer has given up, with this alert (RFC 8446 §6), such as `unknown CA`.
  case peerAlert(code: UInt8, String)
  /// A record cannot be decrypted, or breaks the protocol.
  case record(String)
  /// The peer renews its keys, or asks for it, more often than ``TLSLimits`` allow.
  case tooManyHandshakeMessages
  /// The handshake is larger than ``TLSLimits/handshakeBytesMax``. There is no output.
  case handshakeTooLarge
  /// There is no handshake yet, or the session is over.
  case notEstablished

  /// Short, for logs. Holds nothing of the peer's own choosing.
  package var description: String {
    switch self {
    case .plainHTTP: "plain HTTP on a TLS port"
    case .notTLS: "not TLS"
    case .handshake(let reason): "handshake failed: \(reason)"
    case .peerCertificate(let reason): "certificate of the peer: \(reason)"
    case .noApplicationProtocol: "the peer does not offer http/1.1"
    case .peerAlert(_, let reason): "the peer gave up: \(reason)"
    case .record(let reason): "bad record: \(reason)"
    case .tooManyHandshakeMessages: "too many handshake messages"
    case .handshakeTooLarge: "the handshake is too large"
    case .notEstablished: "no session is established"
    }
  }
}

/// What a peer may make us do.
package enum TLSLimits {
  /// What a peer may send before the handshake is complete.
  package static let handshakeBytesMax = 64 * 1024
  /// A client's certificates, before decoding.
  static let certificateListBytesMax = 32 * 1024
  /// Handshake messages after the handshake (KeyUpdate, attempts to renegotiate)
  /// within ``handshakeMessagesPerBytes`` of application data, either way.
  package static let handshakeMessagesMax: UInt8 = 32
  /// After as many bytes, the count begins anew.
  package static let handshakeMessagesPerBytes: UInt32 = 1024 * 1024
  /// The plaintext of one record (RFC 8446 §5.1).
  package static let recordBytesMax = 16 * 1024
}
