import Testing
import WebSocketCore

@Suite("Limits of a message (RFC 6455 §10.4)", .timeLimit(.minutes(5)))
struct MessageReaderLimitTests {
  @Test(
    "a message may have just as many bytes as the limit says",
    arguments: [0, 1, 5, 125, 126, 1000, 65_535, 65_536], [Role.server, .client])
  func bytesMax(limit: Int, role: Role) {
    let verifier = ReaderVerifier(
      role: role, limits: MessageLimits(messageBytesMax: limit, fragmentsMax: 10))
    let most = pattern(limit)
    verifier.verify([.binary(most), .binary(most)], [.binary(most), .binary(most)])
    verifier.verify([.binary(most + [0])], [.violation(.messageTooBig)])
  }

  @Test("all fragments count together", arguments: [Role.server, .client])
  func fragmentedBytesMax(role: Role) {
    let verifier = ReaderVerifier(
      role: role, limits: MessageLimits(messageBytesMax: 10, fragmentsMax: 100))
    let six = pattern(6)
    verifier.verify(
      [
        .binary(six, isFinal: false), .continuation([7, 8, 9], isFinal: false),
        .continuation([10], isFinal: false), .continuation([], isFinal: true),
        .binary(six, isFinal: false), .continuation([7, 8, 9, 10], isFinal: true),
      ],
      [.binary(six + [7, 8, 9, 10]), .binary(six + [7, 8, 9, 10])])
    verifier.verify(
      [.binary(six, isFinal: false), .continuation([7, 8, 9, 10, 11], isFinal: true)],
      [.violation(.messageTooBig)])
    verifier.verify(
      [
        .binary(six, isFinal: false), .continuation([7, 8, 9, 10], isFinal: false),
        .continuation([11], isFinal: false),
      ],
      [.violation(.messageTooBig)])
  }

  @Test(
    "a length that is only announced is refused with its header, and nothing is held for it",
    arguments: [101, 125, 126, 65_535, 65_536, 1 << 31, 1 << 32, 1 << 62, .max >> 1] as [UInt64])
  func announced(length: UInt64) {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(
        role: role, limits: MessageLimits(messageBytesMax: 100, fragmentsMax: 10))
      for isFinal in [true, false] {
        let header = RawFrame(isFinal: isFinal, opcode: 2, announcedLength: length)
        verifier.verify([header], [.violation(.messageTooBig)])
        // Together with what has come already.
        let rest = RawFrame(isFinal: isFinal, opcode: 0, announcedLength: length - 50)
        verifier.verify(
          [.binary(pattern(51), isFinal: false), rest], [.violation(.messageTooBig)])
      }
    }
  }

  @Test("the largest limit there is takes no arithmetic out of its range")
  func noLimit() {
    let verifier = ReaderVerifier(limits: MessageLimits(messageBytesMax: .max, fragmentsMax: .max))
    let header = RawFrame(opcode: 2, payload: [1, 2, 3], announcedLength: UInt64.max >> 1)
    verifier.verify([header], [])
    verifier.verify(
      [.binary([1], isFinal: false), RawFrame(opcode: 0, announcedLength: UInt64.max >> 1)],
      [.violation(.messageTooBig)])
  }

  @Test("control frames don't count against a message's bytes")
  func controlFramesDontCount() {
    let verifier = ReaderVerifier(limits: MessageLimits(messageBytesMax: 2, fragmentsMax: 2))
    verifier.verify(
      [.text("a", isFinal: false), .ping("longer than two"), .continuation("b", isFinal: true)],
      [.ping("longer than two"), .text("ab")])
  }

  @Test(
    "a message may have just as many frames as the limit says", arguments: [1, 2, 3, 7, 50],
    [Role.server, .client])
  func fragmentsMax(limit: Int, role: Role) {
    let verifier = ReaderVerifier(
      role: role, limits: MessageLimits(messageBytesMax: 1000, fragmentsMax: limit))
    for payload in [[], [0x61]] as [[UInt8]] {
      let middle = (1..<max(2, limit)).map { _ in RawFrame.continuation(payload, isFinal: false) }
      let first = RawFrame.text(bytes: payload, isFinal: limit == 1)
      let most =
        limit == 1
        ? [first] : [first] + middle.dropLast() + [.continuation(payload, isFinal: true)]
      let message = Outcome.message(.text, (0..<limit).flatMap { _ in payload })
      verifier.verify(most + most, [message, message])

      let open = RawFrame.text(bytes: payload, isFinal: false)
      let full = limit == 1 ? [open] : [open] + middle
      for isFinal in [true, false] {
        let bytes = wire(full + [.continuation(payload, isFinal: isFinal)], to: role)
        verifier.verify(bytes, [.violation(.tooManyFragments)])
        // With the first two bytes of the frame that is too much.
        let tooMuch = RawFrame.continuation(payload, isFinal: isFinal).bytes(to: role).count
        #expect(verifier.violationIndex(in: bytes) == bytes.count - tooMuch + 1)
      }
    }
  }

  @Test("control frames are not counted as fragments")
  func controlFramesAreNoFragments() {
    let verifier = ReaderVerifier(limits: MessageLimits(messageBytesMax: 10, fragmentsMax: 2))
    verifier.verify(
      [.text("a", isFinal: false)] + (0..<20).map { _ in .ping() }
        + [.continuation("b", isFinal: true)],
      (0..<20).map { _ in .ping("") } + [.text("ab")])
  }

  @Test("a million empty fragments end at the limit")
  func endlessFragments() {
    var reader = MessageReader(role: .server, limits: MessageLimits())
    var outcomes = feed(RawFrame.text("", isFinal: false).bytes(to: .server), to: &reader)
    let many = (0..<1000).flatMap { _ in
      RawFrame.continuation([], isFinal: false).bytes(to: .server)
    }
    var fed = 1
    while outcomes.isEmpty && fed < 1_000_000 {
      outcomes += feed(many, to: &reader)
      fed += 1000
    }
    #expect(outcomes == [.violation(.tooManyFragments)])
    #expect(fed == 5001)
  }

  @Test("the default limits are those of the documentation")
  func defaults() {
    #expect(MessageLimits().messageBytesMax == 1_048_576)
    #expect(MessageLimits().fragmentsMax == 4096)
  }

  @Test(
    "limits that change count from the next frame's header on", arguments: [Role.server, .client],
    [true, false])
  func changes(role: Role, isFinal: Bool) {
    var reader = MessageReader(
      role: role, limits: MessageLimits(messageBytesMax: 100, fragmentsMax: 10))
    var outcomes = feed(RawFrame.binary(pattern(50), isFinal: false).bytes(to: role), to: &reader)
    #expect(outcomes == [])
    let second = RawFrame.continuation(pattern(40), isFinal: isFinal).bytes(to: role)
    outcomes = feed(Array(second.prefix(10)), to: &reader)
    #expect(outcomes == [])
    // To less than there is already: the frame under way was allowed.
    reader.limits = MessageLimits(messageBytesMax: 20, fragmentsMax: 1)
    for byte in second.dropFirst(10) {
      outcomes = feed([byte], to: &reader)
      if !outcomes.isEmpty { break }
    }
    guard isFinal else {
      #expect(outcomes == [])
      outcomes = feed(RawFrame.continuation([], isFinal: true).bytes(to: role), to: &reader)
      #expect(outcomes == [.violation(.tooManyFragments)])
      return
    }
    #expect(outcomes == [.binary(pattern(50) + pattern(40))])
    outcomes = feed(RawFrame.binary(pattern(21)).bytes(to: role), to: &reader)
    #expect(outcomes == [.violation(.messageTooBig)])
  }

  @Test("a lowered limit takes no arithmetic out of its range", arguments: [0, 1, 49, 50, 51])
  func lowered(limit: Int) {
    var reader = MessageReader(
      role: .server, limits: MessageLimits(messageBytesMax: 100, fragmentsMax: 10))
    var outcomes = feed(
      RawFrame.binary(pattern(50), isFinal: false).bytes(to: .server), to: &reader)
    reader.limits = MessageLimits(messageBytesMax: limit, fragmentsMax: 10)
    outcomes += feed(RawFrame.continuation([1], isFinal: true).bytes(to: .server), to: &reader)
    #expect(outcomes == [limit > 50 ? .binary(pattern(50) + [1]) : .violation(.messageTooBig)])
  }
}
