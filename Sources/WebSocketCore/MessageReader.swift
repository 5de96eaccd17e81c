/// The receiving half of a WebSocket connection (RFC 6455 §5 and §6.2): bytes
/// in, messages and control frames out. No I/O and no clock.
///
/// Feed whatever has arrived and call ``next(in:from:)`` until it answers
/// ``Event/needsInput``; how the bytes are cut into pieces makes no difference.
/// The input is unmasked in place. A message that is whole within the input is
/// handed out where it lies; only what is fragmented or cut off is copied.
///
/// Limits are checked when a frame's header is read, before anything is
/// allocated for its payload. Memory held: at most the message's bytes so far
/// (their storage grows by doubling, never past the message limit), one control
/// payload, and some 80 bytes of state; nothing between messages.
///
/// Not for compressed messages: any reserved bit is a violation.
package struct MessageReader: ~Copyable {
  /// What ``MessageReader/next(in:from:)`` found.
  package enum Event: ~Copyable, ~Escapable {
    /// All input is consumed.
    case needsInput
    /// A whole message, lying in the input.
    case message(MessageKind, Span<UInt8>)
    /// A whole message that came in pieces.
    case assembledMessage(MessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    /// The peer's close frame; no code when its payload is empty. The reason is
    /// valid UTF-8. Whatever comes after it is consumed and ignored (§5.5.1).
    case close(CloseCode?, reason: [UInt8])
    /// The connection must be failed (§7.1.7). Later input is consumed and ignored.
    case violation(ProtocolViolation)
  }

  private enum Phase: UInt8 {
    case header, payload, finished
  }

  /// May change at any time; counts from the next frame's header on.
  package var limits: MessageLimits
  private let role: Role
  private var phase = Phase.header

  // The header under way, while it is cut off. At most 14 bytes (§5.2).
  private var partialHeaderCount: UInt8 = 0
  private var partialHeader = InlineArray<14, UInt8>(repeating: 0)

  // The frame under way.
  private var opcode = Opcode.continuation
  private var isFinal = false
  private var maskingKey = MaskingKey(rawValue: 0)
  private var payloadCount = 0
  private var payloadReceived = 0
  private var controlPayload: [UInt8] = []

  // The message under way; `fragments` is 0 between messages.
  private var kind = MessageKind.binary
  private var fragments = 0
  private var message: [UInt8] = []
  private var validator = UTF8Validator()

  package init(role: Role, limits: MessageLimits) {
    self.role = role
    self.limits = limits
  }

  /// The memory that the message under way takes.
  package var bufferedBytes: Int { message.capacity }

  /// The next event in `bytes`, reading from `position` and moving it behind
  /// what was consumed.
  @_lifetime(&bytes)
  package mutating func next(
    in bytes: inout MutableSpan<UInt8>, from position: inout Int
  ) -> Event {
    do {
      if let range = wholeMessageHeader(in: bytes.span, from: &position) {
        return try wholeMessage(range, in: &bytes)
      }
      while true {
        switch phase {
        case .header:
          guard try readHeader(in: bytes.span, from: &position) else { return .needsInput }
          if !opcode.isControl && isFinal && fragments == 0
            && bytes.count - position >= payloadCount
          {
            let range = position..<(position + payloadCount)
            position = range.upperBound
            return try wholeMessage(range, in: &bytes)
          }
          phase = .payload
          if !opcode.isControl { fragments += 1 }
        case .payload:
          try readPayload(in: &bytes, from: &position)
          guard payloadReceived == payloadCount else { return .needsInput }
          phase = .header
          if opcode.isControl { return try takeControlFrame() }
          if isFinal { return try takeMessage() }
        case .finished:
          position = bytes.count
          return .needsInput
        }
      }
    } catch {
      finish()
      position = bytes.count
      return .violation(error)
    }
  }

  /// What most input begins with: a message of at most 125 bytes in one frame
  /// that has come whole, masked as the role wants it. Such a header has nothing
  /// to check but that it is one. Returns its payload's range and moves behind
  /// it; nil, and nothing has happened, for anything else.
  @inline(__always)
  private mutating func wholeMessageHeader(
    in bytes: Span<UInt8>, from position: inout Int
  ) -> Range<Int>? {
    guard phase == .header, partialHeaderCount == 0, fragments == 0,
      bytes.count - position >= 6
    else { return nil }
    let (maskBit, headerCount) = role == .server ? (0x80, 6) : (0, 2)
    let first = bytes[position]
    let count = Int(bytes[position + 1]) - maskBit
    guard first == 0x81 || first == 0x82, 0...125 ~= count, count <= limits.messageBytesMax,
      bytes.count - position >= headerCount + count
    else { return nil }
    kind = first == 0x81 ? .text : .binary
    if role == .server {
      maskingKey = MaskingKey(
        bytes[position + 2], bytes[position + 3], bytes[position + 4], bytes[position + 5])
    }
    position += headerCount + count
    return (position - count)..<position
  }

  /// The hot path: a single-frame message that has arrived whole.
  @_lifetime(&bytes)
  private func wholeMessage(
    _ range: Range<Int>, in bytes: inout MutableSpan<UInt8>
  ) throws(ProtocolViolation) -> Event {
    if role == .server {
      applyMask(maskingKey, phase: 0, to: &bytes, in: range)
    }
    let payload = bytes.span.extracting(range)
    if kind == .text && !isValidUTF8(payload) { throw .invalidUTF8 }
    return .message(kind, payload)
  }

  private mutating func finish() {
    phase = .finished
    message = []
    controlPayload = []
  }
}

// MARK: - Headers

extension MessageReader {
  /// Reads a frame header, through `partialHeader` where the input cuts it off.
  /// Returns false when the input ended first.
  private mutating func readHeader(
    in bytes: Span<UInt8>, from position: inout Int
  ) throws(ProtocolViolation) -> Bool {
    if partialHeaderCount == 0 && bytes.count - position >= 2 {
      let first = bytes[position]
      let second = bytes[position + 1]
      let headerCount = Self.headerCount(second)
      if bytes.count - position >= headerCount {
        try beginFrame(first, second)
        try setLengthAndKey(second, bytes.extracting(position..<(position + headerCount)))
        position += headerCount
        return true
      }
    }
    while position < bytes.count {
      partialHeader[Int(partialHeaderCount)] = bytes[position]
      partialHeaderCount += 1
      position += 1
      if partialHeaderCount < 2 { continue }
      let second = partialHeader[1]
      if partialHeaderCount == 2 { try beginFrame(partialHeader[0], second) }
      if Int(partialHeaderCount) == Self.headerCount(second) {
        let header = partialHeader
        try setLengthAndKey(second, header.span.extracting(first: Int(partialHeaderCount)))
        partialHeaderCount = 0
        return true
      }
    }
    return false
  }

  /// The header's size, as its second byte tells it (§5.2): 2 to 14.
  private static func headerCount(_ second: UInt8) -> Int {
    let mask = second & 0x80 == 0 ? 0 : 4
    switch second & 0x7F {
    case 126: return 4 + mask
    case 127: return 10 + mask
    default: return 2 + mask
    }
  }

  /// Everything that the first two bytes of a frame can have wrong.
  private mutating func beginFrame(
    _ first: UInt8, _ second: UInt8
  ) throws(ProtocolViolation) {
    if first & 0x70 != 0 { throw .reservedBits }
    guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .reservedOpcode }
    switch role {
    case .server: if second & 0x80 == 0 { throw .unmaskedFrame }
    case .client: if second & 0x80 != 0 { throw .maskedFrame }
    }
    isFinal = first & 0x80 != 0
    self.opcode = opcode
    switch opcode {
    case .close, .ping, .pong:
      if !isFinal { throw .fragmentedControlFrame }
      if second & 0x7F > controlPayloadBytesMax { throw .oversizedControlFrame }
    case .continuation:
      if fragments == 0 { throw .continuationWithoutMessage }
      if fragments >= limits.fragmentsMax { throw .tooManyFragments }
    case .text:
      if fragments > 0 { throw .messageWithinMessage }
      kind = .text
    case .binary:
      if fragments > 0 { throw .messageWithinMessage }
      kind = .binary
    }
  }

  /// The extended length, which must be minimal (§5.2), and the masking key.
  private mutating func setLengthAndKey(
    _ second: UInt8, _ header: Span<UInt8>
  ) throws(ProtocolViolation) {
    var length = UInt64(second & 0x7F)
    var extended = 0
    switch length {
    case 126:
      extended = 2
      length = UInt64(header[2]) << 8 | UInt64(header[3])
      if length < 126 { throw .nonMinimalLength }
    case 127:
      extended = 8
      length = 0
      for index in 2..<10 { length = length << 8 | UInt64(header[index]) }
      if length >> 63 != 0 { throw .lengthOutOfRange }
      if length < 65_536 { throw .nonMinimalLength }
    default: break
    }
    if role == .server {
      let key = 2 + extended
      maskingKey = MaskingKey(header[key], header[key + 1], header[key + 2], header[key + 3])
    }
    // Less than what has come already when the limit was lowered meanwhile.
    if !opcode.isControl && length > UInt64(max(0, limits.messageBytesMax - message.count)) {
      throw .messageTooBig
    }
    payloadCount = Int(length)
    payloadReceived = 0
  }
}

// MARK: - Payloads that are fragmented or cut off

extension MessageReader {
  private mutating func readPayload(
    in bytes: inout MutableSpan<UInt8>, from position: inout Int
  ) throws(ProtocolViolation) {
    let count = min(payloadCount - payloadReceived, bytes.count - position)
    if count == 0 { return }
    let range = position..<(position + count)
    if role == .server {
      applyMask(maskingKey, phase: payloadReceived & 3, to: &bytes, in: range)
    }
    position = range.upperBound
    payloadReceived += count
    let piece = bytes.span.extracting(range)
    if opcode.isControl {
      controlPayload.append(copying: piece)
      return
    }
    // Before it is kept: text ends at its first bad byte, not with the message.
    if kind == .text && !validator.update(piece) { throw .invalidUTF8 }
    reserve(count)
    message.append(copying: piece)
  }

  /// Room for `count` more bytes: twice as much each time, so that a message in
  /// many pieces is copied a bounded number of times, but never more than the
  /// message can still come to. What a header only announces is not allocated.
  private mutating func reserve(_ count: Int) {
    let needed = message.count + count
    if needed <= message.capacity { return }
    // Of this frame at least, which was allowed if the limit was lowered since.
    let frameBytesLeft = payloadCount - payloadReceived
    let messageBytesLeft =
      isFinal ? frameBytesLeft : max(frameBytesLeft, limits.messageBytesMax - needed)
    message.reserveCapacity(min(max(needed, 2 * message.capacity), needed + messageBytesLeft))
  }

  @_lifetime(immortal)
  private mutating func takeMessage() throws(ProtocolViolation) -> Event {
    if kind == .text && !validator.isComplete { throw .invalidUTF8 }
    fragments = 0
    validator = UTF8Validator()
    var taken: [UInt8] = []
    swap(&taken, &message)
    return .assembledMessage(kind, taken)
  }

  @_lifetime(immortal)
  private mutating func takeControlFrame() throws(ProtocolViolation) -> Event {
    var payload: [UInt8] = []
    swap(&payload, &controlPayload)
    switch opcode {
    case .ping: return .ping(payload)
    case .pong: return .pong(payload)
    default:
      if payload.isEmpty {
        finish()
        return .close(nil, reason: [])
      }
      if payload.count == 1 { throw .truncatedCloseCode }
      let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
      if !code.mayBeSent { throw .invalidCloseCode }
      payload.removeFirst(2)
      if !isValidUTF8(payload.span) { throw .invalidUTF8 }
      finish()
      return .close(code, reason: payload)
    }
  }
}
