import Testing
import WebSocketCore

@Suite("Reading frames (RFC 6455 §5.1, §5.2)", .timeLimit(.minutes(5)))
struct MessageReaderFramingTests {
  @Test("the examples of §5.7")
  func examples() {
    let client = ReaderVerifier(role: .client)
    let server = ReaderVerifier(role: .server)
    client.verify([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], [.text("Hello")])
    server.verify(
      [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], [.text("Hello")])
    client.verify([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], [.text("Hello")])
    client.verify([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], [.ping("Hello")])
    server.verify(
      [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], [.pong("Hello")])
    client.verify([0x82, 0x7E, 0x01, 0x00] + pattern(256), [.binary(pattern(256))])
    client.verify(
      [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + pattern(65_536), [.binary(pattern(65_536))])
  }

  @Test(
    "every length form at its borders",
    arguments: [0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537],
    [Role.server, .client])
  func lengths(count: Int, role: Role) {
    let payload = pattern(count)
    ReaderVerifier(role: role).verify([.binary(payload)], [.binary(payload)])
  }

  @Test(
    "a length must be written in as few bytes as it can",
    arguments: [
      (RawFrame.LengthForm.sixteenBits, 0), (.sixteenBits, 1), (.sixteenBits, 125),
      (.sixtyFourBits, 0), (.sixtyFourBits, 1), (.sixtyFourBits, 125), (.sixtyFourBits, 126),
      (.sixtyFourBits, 65_535),
    ])
  func nonMinimalLengths(form: RawFrame.LengthForm, count: Int) {
    for role in [Role.server, .client] {
      for opcode: UInt8 in [1, 2] {
        let frame = RawFrame(
          opcode: opcode, payload: [UInt8](repeating: 0x61, count: count), lengthForm: form)
        ReaderVerifier(role: role).verify([frame], [.violation(.nonMinimalLength)])
      }
    }
  }

  @Test("the smallest lengths that need the longer forms may have them")
  func minimalLengths() {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      verifier.verify(
        [RawFrame(opcode: 2, payload: pattern(126), lengthForm: .sixteenBits)],
        [.binary(pattern(126))])
      verifier.verify(
        [RawFrame(opcode: 2, payload: pattern(65_536), lengthForm: .sixtyFourBits)],
        [.binary(pattern(65_536))])
    }
  }

  @Test(
    "a length of 64 bits never has its highest one set",
    arguments: [1 << 63, 1 << 63 | 5, UInt64.max, UInt64.max - 125] as [UInt64])
  func highBit(length: UInt64) {
    for role in [Role.server, .client] {
      let frame = RawFrame(
        opcode: 2, payload: [1, 2], lengthForm: .sixtyFourBits, announcedLength: length)
      ReaderVerifier(role: role).verify([frame], [.violation(.lengthOutOfRange)])
    }
  }

  @Test("no reserved bit may be set without an extension", arguments: UInt8(1)...7)
  func reservedBits(bits: UInt8) {
    for role in [Role.server, .client] {
      for opcode: UInt8 in [0, 1, 2, 8, 9, 10] {
        ReaderVerifier(role: role).verify(
          [.ping("before"), RawFrame(reservedBits: bits, opcode: opcode, payload: [3, 0xE8])],
          [.ping("before"), .violation(.reservedBits)])
      }
    }
  }

  @Test("every reserved opcode fails the connection", arguments: [Role.server, .client])
  func reservedOpcodes(role: Role) {
    for opcode: UInt8 in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
      for isFinal in [true, false] {
        ReaderVerifier(role: role).verify(
          [
            .text("before"),
            RawFrame(isFinal: isFinal, opcode: opcode, payload: pattern(10)),
            .text("after"),
          ],
          [.text("before"), .violation(.reservedOpcode)])
      }
    }
  }

  @Test("a server's peer masks every frame, a client's peer none (§5.1)")
  func masks() {
    for opcode: UInt8 in [1, 2, 8, 9, 10] {
      for payload in [[], [0x03, 0xE8], pattern(100)] as [[UInt8]] {
        let frame = RawFrame(opcode: opcode, payload: payload)
        ReaderVerifier(role: .server)
          .verify(frame.bytes(maskedWith: nil), [.violation(.unmaskedFrame)])
        ReaderVerifier(role: .client)
          .verify(frame.bytes(maskedWith: [1, 2, 3, 4]), [.violation(.maskedFrame)])
      }
    }
  }

  @Test("a masking key of zeros is a key too")
  func zeroKey() {
    ReaderVerifier(role: .server).verify(
      RawFrame.text("as it is").bytes(maskedWith: [0, 0, 0, 0]), [.text("as it is")])
  }

  @Test(
    "what the first two bytes have wrong is told before more has come",
    arguments: [
      (RawFrame(reservedBits: 4, opcode: 1), ProtocolViolation.reservedBits),
      (RawFrame(opcode: 3), .reservedOpcode),
      (RawFrame(isFinal: false, opcode: 9), .fragmentedControlFrame),
      (RawFrame(opcode: 9, announcedLength: 126), .oversizedControlFrame),
      (RawFrame(opcode: 8, announcedLength: 65_536), .oversizedControlFrame),
      (RawFrame(opcode: 0), .continuationWithoutMessage),
    ])
  func atTheSecondByte(frame: RawFrame, violation: ProtocolViolation) {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      let bytes = frame.bytes(to: role)
      #expect(verifier.outcomes(of: Array(bytes.prefix(2))) == [.violation(violation)])
      #expect(verifier.violationIndex(in: bytes) == 1)
    }
  }

  @Test("many messages in one input come in their order", arguments: [Role.server, .client])
  func order(role: Role) {
    let frames = (0..<60).map { RawFrame.text("message \($0)") }
    ReaderVerifier(role: role).verify(frames, (0..<60).map { .text("message \($0)") })
  }

  @Test("a message that is whole within the input is handed out where it lies")
  func wholeMessagesAreNotCopied() {
    var reader = MessageReader(role: .server, limits: MessageLimits())
    var input = wire([.ping("x"), .text("in place")], to: .server)
    var span = input.mutableSpan
    var position = 0
    if case .ping = reader.next(in: &span, from: &position) {} else { Issue.record("no ping") }
    switch reader.next(in: &span, from: &position) {
    case .message(.text, let payload):
      #expect(payload.count == 8)
    default:
      Issue.record("not handed out in place")
    }
    // Unmasked where it was received.
    #expect(Array(input.suffix(8)) == Array("in place".utf8))
  }
}
