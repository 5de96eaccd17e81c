import Testing
import WebSocketCore

@Suite("Reading fragmented messages (RFC 6455 §5.4)", .timeLimit(.minutes(5)))
struct MessageReaderFragmentationTests {
  @Test(
    "fragments make up a message, whatever their sizes",
    arguments: [
      ["Hel", "lo"], ["", "Hello"], ["Hello", ""], ["", "", "Hello", "", ""], ["", ""],
      ["H", "e", "l", "l", "o"],
    ], [Role.server, .client])
  func fragments(parts: [String], role: Role) {
    let last = parts.count - 1
    for opcode: UInt8 in [1, 2] {
      let frames = parts.enumerated().map { index, part in
        RawFrame(
          isFinal: index == last, opcode: index == 0 ? opcode : 0, payload: Array(part.utf8))
      }
      let kind = opcode == 1 ? MessageKind.text : .binary
      let whole = Outcome.message(kind, Array(parts.joined().utf8))
      ReaderVerifier(role: role).verify(frames + frames, [whole, whole])
    }
  }

  @Test("fragments of every length form", arguments: [Role.server, .client])
  func longFragments(role: Role) {
    let parts = [0, 125, 126, 65_536, 1].map(pattern)
    let frames = parts.enumerated().map { index, part in
      RawFrame(isFinal: index == 4, opcode: index == 0 ? 2 : 0, payload: part)
    }
    ReaderVerifier(role: role).verify(frames, [.binary(parts.flatMap(\.self))])
  }

  @Test("control frames may come between the fragments", arguments: [Role.server, .client])
  func interleavedControlFrames(role: Role) {
    ReaderVerifier(role: role).verify(
      [
        .text("Hel", isFinal: false), .ping("one"), .pong(), .continuation("", isFinal: false),
        .ping(), .continuation("lo", isFinal: true), .pong("two"),
      ],
      [.ping("one"), .pong(""), .ping(""), .text("Hello"), .pong("two")])
  }

  @Test("the longest control frame between the fragments", arguments: [Role.server, .client])
  func longInterleavedControlFrame(role: Role) {
    let payload = pattern(125)
    ReaderVerifier(role: role).verify(
      [
        .binary([1], isFinal: false), RawFrame(opcode: 9, payload: payload),
        .continuation([2], isFinal: true),
      ],
      [.ping(payload), .binary([1, 2])])
  }

  @Test("a close frame ends a fragmented message unheard", arguments: [Role.server, .client])
  func closeBetweenFragments(role: Role) {
    ReaderVerifier(role: role).verify(
      [.text("Hel", isFinal: false), .close(1001, "bye"), .continuation("lo", isFinal: true)],
      [.close(1001, "bye")])
  }

  @Test(
    "a continuation needs a message to continue", arguments: [true, false],
    [Role.server, .client])
  func continuationWithoutMessage(isFinal: Bool, role: Role) {
    let violation = Outcome.violation(.continuationWithoutMessage)
    let verifier = ReaderVerifier(role: role)
    verifier.verify([.continuation("lost", isFinal: isFinal)], [violation])
    verifier.verify(
      [.text("whole"), .continuation("lost", isFinal: isFinal)], [.text("whole"), violation])
    verifier.verify(
      [
        .text("a", isFinal: false), .continuation("b", isFinal: true),
        .continuation("lost", isFinal: isFinal),
      ],
      [.text("ab"), violation])
    verifier.verify([.ping(), .continuation([], isFinal: isFinal)], [.ping(""), violation])
  }

  @Test(
    "no message begins before the last one has ended", arguments: [1, 2] as [UInt8],
    [Role.server, .client])
  func messageWithinMessage(opcode: UInt8, role: Role) {
    for isFinal in [true, false] {
      let second = RawFrame(isFinal: isFinal, opcode: opcode, payload: [0x61])
      let verifier = ReaderVerifier(role: role)
      verifier.verify([.text("", isFinal: false), second], [.violation(.messageWithinMessage)])
      verifier.verify(
        [.binary([9], isFinal: false), .continuation([9], isFinal: false), .ping("-"), second],
        [.ping("-"), .violation(.messageWithinMessage)])
    }
  }

  @Test("a message is of the kind that its first frame says")
  func kind() {
    ReaderVerifier().verify(
      [
        .binary([0xFF], isFinal: false), .continuation([0xFE], isFinal: true), .text("a"),
        .text("b", isFinal: false), .continuation("c", isFinal: true), .binary([0xC0]),
      ],
      [.binary([0xFF, 0xFE]), .text("a"), .text("bc"), .binary([0xC0])])
  }
}
