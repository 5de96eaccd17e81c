import WebSocketCore

/// A frame as it lies on the wire (RFC 6455 §5.2), right or wrong.
struct RawFrame {
  enum LengthForm {
    case minimal, sixteenBits, sixtyFourBits
  }

  var isFinal = true
  /// RSV1, RSV2 and RSV3, as a number up to 7.
  var reservedBits: UInt8 = 0
  var opcode: UInt8
  var payload: [UInt8] = []
  var lengthForm = LengthForm.minimal
  /// Where it isn't the payload's.
  var announcedLength: UInt64? = nil

  static let defaultKey: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

  /// The frame's bytes; without a key, not masked.
  func bytes(maskedWith key: [UInt8]?) -> [UInt8] {
    let length = announcedLength ?? UInt64(payload.count)
    let maskBit: UInt8 = key == nil ? 0 : 0x80
    var bytes = [(isFinal ? 0x80 : 0) | reservedBits << 4 | opcode]
    switch lengthForm {
    case .minimal where length < 126:
      bytes.append(maskBit | UInt8(length))
    case .minimal where length < 65_536, .sixteenBits:
      bytes.append(maskBit | 126)
      bytes += [UInt8(length >> 8), UInt8(length & 0xFF)]
    case .minimal, .sixtyFourBits:
      bytes.append(maskBit | 127)
      bytes += (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) }
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
  }

  /// As the peer of a reader in this role sends it: to a server masked, to a client not.
  func bytes(to reader: Role) -> [UInt8] {
    bytes(maskedWith: reader == .server ? Self.defaultKey : nil)
  }
}

extension RawFrame {
  static func text(_ text: String, isFinal: Bool = true) -> RawFrame {
    RawFrame(isFinal: isFinal, opcode: 1, payload: Array(text.utf8))
  }

  static func text(bytes: [UInt8], isFinal: Bool = true) -> RawFrame {
    RawFrame(isFinal: isFinal, opcode: 1, payload: bytes)
  }

  static func binary(_ payload: [UInt8], isFinal: Bool = true) -> RawFrame {
    RawFrame(isFinal: isFinal, opcode: 2, payload: payload)
  }

  static func continuation(_ payload: [UInt8], isFinal: Bool) -> RawFrame {
    RawFrame(isFinal: isFinal, opcode: 0, payload: payload)
  }

  static func continuation(_ text: String, isFinal: Bool) -> RawFrame {
    continuation(Array(text.utf8), isFinal: isFinal)
  }

  static func close(_ payload: [UInt8] = []) -> RawFrame {
    RawFrame(opcode: 8, payload: payload)
  }

  static func close(_ code: UInt16, _ reason: String = "") -> RawFrame {
    close([UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
  }

  static func ping(_ text: String = "") -> RawFrame {
    RawFrame(opcode: 9, payload: Array(text.utf8))
  }

  static func pong(_ text: String = "") -> RawFrame {
    RawFrame(opcode: 10, payload: Array(text.utf8))
  }
}

/// These frames one after the other, masked, each with another key, where the reader is a server.
func wire(_ frames: [RawFrame], to reader: Role) -> [UInt8] {
  frames.enumerated().flatMap { index, frame in
    let key = RawFrame.defaultKey.map { $0 &+ UInt8(truncatingIfNeeded: index &* 29) }
    return frame.bytes(maskedWith: reader == .server ? key : nil)
  }
}

/// `count` bytes that tell where each was.
func pattern(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
