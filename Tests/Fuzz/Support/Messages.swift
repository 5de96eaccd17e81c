import WebSocketCore

/// An event of a `MessageReader`, kept. How a message lay in memory makes no difference.
enum ReadEvent: Equatable {
  case message(MessageKind, [UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case close(UInt16?, reason: [UInt8])
  case violation(ProtocolViolation)
}

/// Feeds frames to a `MessageReader`: the events are the same whatever the pieces and the same as
/// a plain reader's, messages stay within the limits, and what is written from them reads the same.
func checkMessages(_ input: inout FuzzInput, role: Role) {
  let options = input.choice()
  let seed = input.choice()
  let limits =
    switch options & 3 {
    case 0: MessageLimits()
    case 1: MessageLimits(messageBytesMax: 300, fragmentsMax: 4)
    case 2: MessageLimits(messageBytesMax: 10, fragmentsMax: 2)
    default: MessageLimits(messageBytesMax: 0, fragmentsMax: 1)
    }
  let events = expectSameForEveryCut(of: input.rest, seed: seed) {
    readMessages($0, role: role, limits: limits)
  }
  let plain = plainMessages(input.rest, role: role, limits: limits)
  expect(events == plain, "reader: \(events)\nplain: \(plain)")
  for event in events { checkWriter(event, role: role) }
}

func readMessages(_ pieces: [[UInt8]], role: Role, limits: MessageLimits) -> [ReadEvent] {
  var reader = MessageReader(role: role, limits: limits)
  var events: [ReadEvent] = []
  for piece in pieces {
    var bytes = piece
    var span = bytes.mutableSpan
    let count = piece.count
    var position = 0
    var isDone = false
    while !isDone {
      let before = position
      switch reader.next(in: &span, from: &position) {
      case .needsInput:
        expect(position == count, "input left over")
        isDone = true
      case .message(let kind, let payload):
        expect(payload.count <= limits.messageBytesMax, "message over the limit")
        events.append(.message(kind, payload.indices.map { payload[$0] }))
      case .assembledMessage(let kind, let payload):
        expect(payload.count <= limits.messageBytesMax, "message over the limit")
        // Allocators round up.
        expect(payload.capacity <= limits.messageBytesMax + 64, "capacity \(payload.capacity)")
        events.append(.message(kind, payload))
      case .ping(let payload):
        expect(payload.count <= controlPayloadBytesMax, "ping over the limit")
        events.append(.ping(payload))
      case .pong(let payload):
        expect(payload.count <= controlPayloadBytesMax, "pong over the limit")
        events.append(.pong(payload))
      case .close(let code, let reason):
        expect(code?.mayBeSent ?? true, "close code \(code as Any)")
        events.append(.close(code?.rawValue, reason: reason))
      case .violation(let violation):
        events.append(.violation(violation))
      }
      expect(position >= before && position <= count, "position \(position)")
    }
  }
  return events
}

// MARK: - A plain reader

/// Reads frames that are there as a whole, with one step after the other of RFC 6455 §5.2, §5.4,
/// §5.5 and §5.6.
func plainMessages(
  _ bytes: [UInt8], role: Role, limits: MessageLimits
) -> [ReadEvent] {
  var events: [ReadEvent] = []
  var rest = bytes[...]
  var message: (kind: MessageKind, payload: [UInt8], fragments: Int)?

  func fail(_ violation: ProtocolViolation) -> [ReadEvent] { events + [.violation(violation)] }

  while rest.count >= 2 {
    let frame = Array(rest)
    let isFinal = frame[0] & 0x80 != 0
    let isMasked = frame[1] & 0x80 != 0
    if frame[0] & 0x70 != 0 { return fail(.reservedBits) }
    guard let opcode = Opcode(rawValue: frame[0] & 0xF) else { return fail(.reservedOpcode) }
    if isMasked != (role == .server) {
      return fail(role == .server ? .unmaskedFrame : .maskedFrame)
    }
    if opcode.isControl {
      if !isFinal { return fail(.fragmentedControlFrame) }
      if frame[1] & 0x7F > 125 { return fail(.oversizedControlFrame) }
    } else if opcode == .continuation {
      guard let message else { return fail(.continuationWithoutMessage) }
      if message.fragments == limits.fragmentsMax { return fail(.tooManyFragments) }
    } else if message != nil {
      return fail(.messageWithinMessage)
    }

    let extended = frame[1] & 0x7F == 126 ? 2 : frame[1] & 0x7F == 127 ? 8 : 0
    let headerCount = 2 + extended + (isMasked ? 4 : 0)
    if frame.count < headerCount { return events }
    var length = UInt64(frame[1] & 0x7F)
    if extended > 0 {
      length = frame[2..<(2 + extended)].reduce(0) { $0 << 8 | UInt64($1) }
      if length >> 63 == 1 { return fail(.lengthOutOfRange) }
      if length < (extended == 2 ? 126 : 65_536) { return fail(.nonMinimalLength) }
    }
    let room = limits.messageBytesMax - (message?.payload.count ?? 0)
    if !opcode.isControl && length > UInt64(room) { return fail(.messageTooBig) }

    var payload = Array(frame[headerCount...].prefix(Int(length)))
    if isMasked {
      for index in payload.indices { payload[index] ^= frame[headerCount - 4 + index % 4] }
    }
    let isWhole = payload.count == Int(length)
    rest = rest.dropFirst(headerCount + payload.count)

    if opcode.isControl {
      if !isWhole { return events }
      switch opcode {
      case .ping: events.append(.ping(payload))
      case .pong: events.append(.pong(payload))
      default:
        if payload.isEmpty { return events + [.close(nil, reason: [])] }
        if payload.count == 1 { return fail(.truncatedCloseCode) }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        let isAllowed = 1000...1014 ~= code && !(1004...1006 ~= code) || 3000...4999 ~= code
        if !isAllowed { return fail(.invalidCloseCode) }
        let reason = Array(payload[2...])
        if plainUTF8(reason) != .complete { return fail(.invalidUTF8) }
        return events + [.close(code, reason: reason)]
      }
      continue
    }

    var current = message ?? (opcode == .text ? .text : .binary, [], 0)
    current.payload += payload
    current.fragments += 1
    let utf8 = current.kind == .text ? plainUTF8(current.payload) : .complete
    let isEnd = isWhole && isFinal
    if utf8 == .invalid || isEnd && utf8 == .incomplete { return fail(.invalidUTF8) }
    if isEnd { events.append(.message(current.kind, current.payload)) }
    message = isEnd ? nil : current
  }
  return events
}

// MARK: - Writing

/// That the same frame from the other side is read as the same event.
private func checkWriter(_ event: ReadEvent, role: Role) {
  let frame: (opcode: Opcode, payload: [UInt8])
  switch event {
  case .message(let kind, let payload): frame = (kind.opcode, payload)
  case .ping(let payload): frame = (.ping, payload)
  case .pong(let payload): frame = (.pong, payload)
  case .close(let code, let reason):
    let code = code.map { CloseCode(rawValue: $0) }
    frame = (
      .close, FrameWriter.closePayload(code, reason: String(decoding: reason, as: UTF8.self))
    )
  case .violation(let violation):
    frame = (.close, FrameWriter.closePayload(violation.closeCode, reason: violation.reason))
  }
  let key: MaskingKey? =
    role == .server ? MaskingKey(1, 2, 0xFE, UInt8(frame.payload.count & 0xFF)) : nil
  // SAFETY: `finalize` tells how many bytes of the buffer have been initialized.
  let bytes = unsafe [UInt8](
    unsafeUninitializedCapacity: frame.payload.count + FrameWriter.headerBytesMax
  ) { buffer, count in
    let payload = frame.payload
    var output = unsafe OutputSpan(buffer: buffer, initializedCount: 0)
    FrameWriter.append(frame.opcode, payload: payload.span, maskingKey: key, to: &output)
    count = unsafe output.finalize(for: buffer)
  }
  let read = readMessages([bytes], role: role, limits: MessageLimits())
  if case .violation(let violation) = event {
    let reason = Array(violation.reason.utf8)
    expect(read == [.close(violation.closeCode.rawValue, reason: reason)], "\(read)")
  } else {
    expect(read == [event], "written \(event), read \(read)")
  }
}
