/// Why a peer's bytes end the connection. This is the one place that says which
/// close code and reason each cause has (RFC 6455 §7.4.1).
package enum ProtocolViolation: Error, Hashable, Sendable, CaseIterable {
  case reservedBits
  case reservedOpcode
  case unmaskedFrame
  case maskedFrame
  case fragmentedControlFrame
  case oversizedControlFrame
  case nonMinimalLength
  case lengthOutOfRange
  case continuationWithoutMessage
  case messageWithinMessage
  case truncatedCloseCode
  case invalidCloseCode
  case invalidUTF8
  case messageTooBig
  case tooManyFragments

  package var closeCode: CloseCode {
    switch self {
    case .reservedBits, .reservedOpcode, .unmaskedFrame, .maskedFrame, .fragmentedControlFrame,
      .oversizedControlFrame, .nonMinimalLength, .lengthOutOfRange, .continuationWithoutMessage,
      .messageWithinMessage, .truncatedCloseCode, .invalidCloseCode:
      .protocolError
    case .invalidUTF8: .invalidPayload
    case .messageTooBig: .messageTooBig
    case .tooManyFragments: .policyViolation
    }
  }

  /// The close frame's reason: short enough for it (at most 123 bytes).
  package var reason: String {
    switch self {
    case .reservedBits: "reserved bit set without a negotiated extension"
    case .reservedOpcode: "reserved opcode"
    case .unmaskedFrame: "frame from client not masked"
    case .maskedFrame: "frame from server masked"
    case .fragmentedControlFrame: "fragmented control frame"
    case .oversizedControlFrame: "control frame over 125 bytes"
    case .nonMinimalLength: "payload length not minimally encoded"
    case .lengthOutOfRange: "payload length with its highest bit set"
    case .continuationWithoutMessage: "continuation without a message"
    case .messageWithinMessage: "new message before the last one ended"
    case .truncatedCloseCode: "close payload of one byte"
    case .invalidCloseCode: "close code not allowed on the wire"
    case .invalidUTF8: "text is not valid UTF-8"
    case .messageTooBig: "message too big"
    case .tooManyFragments: "too many fragments"
    }
  }
}
