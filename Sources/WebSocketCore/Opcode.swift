/// Which end of a connection an engine serves. A client masks every frame that
/// it sends, a server none (RFC 6455 §5.1).
package enum Role: Sendable {
  case server, client
}

/// The frame types of RFC 6455 §5.2; every other value is reserved.
package enum Opcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Close, ping and pong: at most 125 bytes, never fragmented (§5.5).
  package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// What a message carries (RFC 6455 §5.6). Text is valid UTF-8.
package enum MessageKind: Sendable {
  case text, binary

  package var opcode: Opcode {
    switch self {
    case .text: .text
    case .binary: .binary
    }
  }
}

/// The largest payload of a control frame (RFC 6455 §5.5).
package let controlPayloadBytesMax = 125

/// What a peer may make us hold for one message.
package struct MessageLimits: Sendable {
  /// The payload bytes of a message, all fragments together. Over it: close 1009.
  package var messageBytesMax: Int
  /// The frames that make up one message. Over it: close 1008.
  package var fragmentsMax: Int

  package init(messageBytesMax: Int = 1 << 20, fragmentsMax: Int = 4096) {
    self.messageBytesMax = messageBytesMax
    self.fragmentsMax = fragmentsMax
  }
}
