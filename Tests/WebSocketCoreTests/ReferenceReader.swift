import WebSocketCore

/// RFC 6455 §5 and §8.1 once more, as plainly as can be: an input is looked at as a whole, and
/// nothing is kept.
struct ReferenceReader {
  let role: Role
  let limits: MessageLimits

  func outcomes(of input: [UInt8]) -> [Outcome] {
    var outcomes: [Outcome] = []
    var rest = input[...]
    var message: (kind: MessageKind, bytes: [UInt8], frames: Int)? = nil

    func take(_ count: Int) -> [UInt8]? {
      guard rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }

    while true {
      func violation(_ violation: ProtocolViolation) -> [Outcome] {
        outcomes + [.violation(violation)]
      }

      guard let start = take(2) else { return outcomes }
      let isFinal = start[0] >= 0x80
      let isMasked = start[1] >= 0x80
      let shortLength = start[1] % 0x80
      if start[0] / 16 % 8 != 0 { return violation(.reservedBits) }
      let opcode = start[0] % 16
      guard [0, 1, 2, 8, 9, 10].contains(opcode) else { return violation(.reservedOpcode) }
      if role == .server && !isMasked { return violation(.unmaskedFrame) }
      if role == .client && isMasked { return violation(.maskedFrame) }
      if opcode >= 8 {
        if !isFinal { return violation(.fragmentedControlFrame) }
        if shortLength > 125 { return violation(.oversizedControlFrame) }
      } else if let frames = message?.frames {
        if opcode != 0 { return violation(.messageWithinMessage) }
        if frames == limits.fragmentsMax { return violation(.tooManyFragments) }
      } else if opcode == 0 {
        return violation(.continuationWithoutMessage)
      }

      let extended = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0
      guard let lengthBytes = take(extended), let key = take(isMasked ? 4 : 0) else {
        return outcomes
      }
      var length = UInt64(shortLength)
      if extended > 0 {
        length = lengthBytes.reduce(0) { $0 * 256 + UInt64($1) }
        if length > UInt64(Int64.max) { return violation(.lengthOutOfRange) }
        if length < (extended == 2 ? 126 : 65_536) { return violation(.nonMinimalLength) }
      }
      if opcode < 8 && length + UInt64(message?.bytes.count ?? 0) > limits.messageBytesMax {
        return violation(.messageTooBig)
      }
      let isWhole = rest.count >= length
      var payload = take(isWhole ? Int(length) : rest.count)!
      if isMasked {
        for index in payload.indices { payload[index] ^= key[index % 4] }
      }

      if opcode >= 8 {
        if !isWhole { return outcomes }
        switch opcode {
        case 9: outcomes.append(.ping(payload))
        case 10: outcomes.append(.pong(payload))
        default: return outcomes + [close(payload)]
        }
        continue
      }
      var (kind, bytes, frames) = message ?? (opcode == 1 ? .text : .binary, [], 0)
      bytes += payload
      frames += 1
      if kind == .text && !mayBecomeText(bytes) { return violation(.invalidUTF8) }
      if !isWhole { return outcomes }
      message = (kind, bytes, frames)
      if isFinal {
        if kind == .text && !isText(bytes) { return violation(.invalidUTF8) }
        outcomes.append(.message(kind, bytes))
        message = nil
      }
    }
  }

  private func close(_ payload: [UInt8]) -> Outcome {
    if payload.isEmpty { return .close(nil, reason: []) }
    if payload.count == 1 { return .violation(.truncatedCloseCode) }
    let code = UInt16(payload[0]) * 256 + UInt16(payload[1])
    let isRegistered = (1000...1014).contains(code) && ![1004, 1005, 1006].contains(code)
    guard isRegistered || code / 1000 == 3 || code / 1000 == 4 else {
      return .violation(.invalidCloseCode)
    }
    let reason = Array(payload.dropFirst(2))
    if !isText(reason) { return .violation(.invalidUTF8) }
    return .close(CloseCode(rawValue: code), reason: reason)
  }

  private func isText(_ bytes: [UInt8]) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
  }

  /// Whether something can come behind these bytes so that they are text. Whatever code point is
  /// cut off, one of these completes it.
  private func mayBecomeText(_ bytes: [UInt8]) -> Bool {
    let ends: [[UInt8]] = [
      [], [0x80], [0x80, 0x80], [0xA0, 0x80], [0x80, 0x80, 0x80], [0x90, 0x80, 0x80],
    ]
    return ends.contains { isText(bytes + $0) }
  }
}
