/// The protocol versions that an opening handshake can agree on.
///
/// Their frames are the same. They differ in the name of the origin field: `Sec-WebSocket-Origin`
/// in 8, `Origin` in 13 (RFC 6455 §4.1).
package enum WebSocketVersion: UInt8, CaseIterable, Sendable {
  /// draft-ietf-hybi-thewebsocketprotocol-08 to -12.
  case hybi8 = 8
  /// RFC 6455.
  case rfc6455 = 13

  /// The name of the field that carries the origin.
  package var originFieldName: String {
    switch self {
    case .hybi8: "Sec-WebSocket-Origin"
    case .rfc6455: "Origin"
    }
  }

  /// What a server answers to another version, best first (RFC 6455 §4.4).
  package static let supportedList = "13, 8"
}

/// The proof of a server that it has understood the handshake (RFC 6455 §1.3, §4.2.2 item 5.4).
package enum HandshakeKey {
  /// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
  package static func accept(for key: String) -> String {
    let message = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    return Base64.encode(SHA1.digest(message.span))
  }

  /// 24 characters of base64 for 16 bytes (RFC 6455 §4.1 item 7).
  static func isValid(_ key: String) -> Bool {
    key.utf8.count == 24 && Base64.decode(key)?.count == 16
  }
}
