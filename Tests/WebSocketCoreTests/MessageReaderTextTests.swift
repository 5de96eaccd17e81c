import Testing
import WebSocketCore

@Suite("Reading text (RFC 6455 §5.6, §8.1)", .timeLimit(.minutes(5)))
struct MessageReaderTextTests {
  static let texts = [
    "", "plain", "κόσμε", "\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}", "\u{FEFF}",
    "\u{0}", "👩‍👩‍👧", "\u{D7FF}\u{E000}",
  ]

  @Test("text of every width of code point", arguments: texts, [Role.server, .client])
  func valid(text: String, role: Role) {
    ReaderVerifier(role: role).verify([.text(text)], [.text(text)])
  }

  @Test("a code point may be split between fragments, anywhere", arguments: texts)
  func splitBetweenFragments(text: String) {
    let bytes = Array(text.utf8)
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      for point in 0...bytes.count {
        verifier.verify(
          [
            .text(bytes: Array(bytes[..<point]), isFinal: false),
            .continuation(Array(bytes[point...]), isFinal: true),
          ],
          [.text(text)])
      }
      let single = bytes.map { RawFrame.continuation([$0], isFinal: false) }
      verifier.verify(
        [.text("", isFinal: false)] + single + [.continuation([], isFinal: true)], [.text(text)])
    }
  }

  @Test("control frames may come within a split code point", arguments: [Role.server, .client])
  func pingWithinCodePoint(role: Role) {
    ReaderVerifier(role: role).verify(
      [
        .text(bytes: [0xF0, 0x9F], isFinal: false), .ping("ping"),
        .continuation([0x92], isFinal: false), .pong("é"), .ping(),
        .continuation([0xA7], isFinal: true),
      ],
      [.ping("ping"), .pong("é"), .ping(""), .text("💧")])
  }

  @Test("a control frame's payload need not be text")
  func binaryPing() {
    ReaderVerifier().verify(
      [
        .text(bytes: [0xC3], isFinal: false), RawFrame(opcode: 9, payload: [0xFF, 0xFE]),
        .continuation([0xA9], isFinal: true),
      ],
      [.ping([0xFF, 0xFE]), .text("é")])
  }

  /// Texts that are not valid, each with the index of the first byte that cannot be.
  static let invalid: [([UInt8], Int)] = [
    ([0x80], 0), ([0xBF], 0), ([0xC0, 0xAF], 0), ([0xC1, 0xBF], 0), ([0xF5, 0x80], 0),
    ([0xFF], 0), ([0xFE], 0), ([0x61, 0x62, 0xFF, 0x63], 2),
    ([0xC3, 0x28], 1), ([0xC3, 0xC3], 1),
    ([0xE0, 0x80, 0xAF], 1), ([0xE0, 0x9F, 0xBF], 1), ([0xE1, 0x80, 0x61], 2),
    ([0xED, 0xA0, 0x80], 1), ([0xED, 0xBF, 0xBF], 1),
    ([0xF0, 0x80, 0x80, 0xAF], 1), ([0xF0, 0x8F, 0xBF, 0xBF], 1), ([0xF1, 0x80, 0x80, 0xC0], 3),
    ([0xF4, 0x90, 0x80, 0x80], 1), ([0xF4, 0x8F, 0xBF, 0x7F], 3),
    (Array("κόσμε".utf8) + [0xF4, 0x90, 0x80, 0x80] + Array("edited".utf8), 11),
    (Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8), 11),
    ([UInt8](repeating: 0x61, count: 200) + [0xC2, 0x7F], 201),
  ]

  @Test("invalid text fails the connection", arguments: invalid)
  func invalidText(bytes: [UInt8], index: Int) {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      verifier.verify([.ping(), .text(bytes: bytes)], [.ping(""), .violation(.invalidUTF8)])
      verifier.verify(
        [.text(bytes: bytes, isFinal: false), .ping("never seen")], [.violation(.invalidUTF8)])
    }
  }

  @Test("it does so with the first bad byte, however long the message goes on", arguments: invalid)
  func failFast(bytes: [UInt8], index: Int) {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      // In one frame, of which far more is announced than ever comes.
      let long = RawFrame(opcode: 1, payload: bytes, announcedLength: 100_000)
      let longBytes = long.bytes(to: role)
      let headerCount = longBytes.count - bytes.count
      #expect(verifier.violationIndex(in: longBytes) == headerCount + index)

      // A frame for every byte.
      let frames = bytes.map { RawFrame.continuation([$0], isFinal: false) }
      let stream = wire([.text("", isFinal: false)] + frames, to: role)
      let header = role == .server ? 6 : 2
      #expect(verifier.violationIndex(in: stream) == header + index * (header + 1) + header)
    }
  }

  @Test(
    "text must not end within a code point",
    arguments: [
      [0xC3], [0x61, 0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x92], [0xF4], [0xED],
    ] as [[UInt8]])
  func incomplete(bytes: [UInt8]) {
    for role in [Role.server, .client] {
      let verifier = ReaderVerifier(role: role)
      verifier.verify([.text(bytes: bytes)], [.violation(.invalidUTF8)])
      verifier.verify(
        [.text(bytes: bytes, isFinal: false), .continuation([], isFinal: true)],
        [.violation(.invalidUTF8)])
      verifier.verify(
        [.text("", isFinal: false), .continuation(bytes, isFinal: true)],
        [.violation(.invalidUTF8)])
      // Not yet wrong while more may come.
      verifier.verify([.text(bytes: bytes, isFinal: false)], [])
    }
  }

  @Test("one message's end leaves nothing behind for the next one's validation")
  func freshStart() {
    let verifier = ReaderVerifier()
    verifier.verify(
      [
        .text(bytes: [0xC3], isFinal: false), .continuation([0xA9], isFinal: true), .text("a"),
        .text(bytes: [0xA9]),
      ],
      [.text("é"), .text("a"), .violation(.invalidUTF8)])
  }

  @Test("binary messages are not looked into", arguments: [Role.server, .client])
  func binary(role: Role) {
    let bytes = (0...255).map { UInt8($0) }
    ReaderVerifier(role: role).verify(
      [
        .binary(bytes), .binary([0xFF], isFinal: false), .continuation([0xC0], isFinal: true),
      ],
      [.binary(bytes), .binary([0xFF, 0xC0])])
  }
}
