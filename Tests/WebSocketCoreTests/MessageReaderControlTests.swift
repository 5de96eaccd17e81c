import Testing
import WebSocketCore

@Suite("Reading control frames (RFC 6455 §5.5, §7.4)", .timeLimit(.minutes(5)))
struct MessageReaderControlTests {
  @Test("pings and pongs of up to 125 bytes", arguments: [0, 1, 4, 124, 125])
  func pingsAndPongs(count: Int) {
    let payload = pattern(count)
    for role in [Role.server, .client] {
      ReaderVerifier(role: role).verify(
        [RawFrame(opcode: 9, payload: payload), RawFrame(opcode: 10, payload: payload)],
        [.ping(payload), .pong(payload)])
    }
  }

  @Test("nothing of one ping's payload is left for the next")
  func payloadsAreApart() {
    ReaderVerifier().verify(
      [.ping("a long secret"), .ping(""), .pong("x"), .ping("yz")],
      [.ping("a long secret"), .ping(""), .pong("x"), .ping("yz")])
  }

  @Test(
    "a control frame over 125 bytes fails the connection", arguments: [8, 9, 10] as [UInt8],
    [126, 127, 65_535, 65_536, 1 << 40, .max] as [UInt64])
  func oversized(opcode: UInt8, length: UInt64) {
    for role in [Role.server, .client] {
      let frame = RawFrame(opcode: opcode, payload: pattern(8), announcedLength: length)
      ReaderVerifier(role: role).verify([frame], [.violation(.oversizedControlFrame)])
    }
  }

  @Test("a control frame is never fragmented", arguments: [8, 9, 10] as [UInt8])
  func fragmented(opcode: UInt8) {
    for role in [Role.server, .client] {
      let frame = RawFrame(isFinal: false, opcode: opcode, payload: [0x03, 0xE8])
      let verifier = ReaderVerifier(role: role)
      verifier.verify(
        [frame, .continuation([], isFinal: true)], [.violation(.fragmentedControlFrame)])
      verifier.verify(
        [.text("in a message", isFinal: false), frame], [.violation(.fragmentedControlFrame)])
    }
  }

  @Test("a close frame need not have a code", arguments: [Role.server, .client])
  func closeWithoutCode(role: Role) {
    ReaderVerifier(role: role).verify([.close()], [.close(nil, reason: [])])
  }

  @Test("a close payload of one byte is no code", arguments: [0, 3, 0xFF] as [UInt8])
  func closeOfOneByte(byte: UInt8) {
    for role in [Role.server, .client] {
      ReaderVerifier(role: role).verify([.close([byte])], [.violation(.truncatedCloseCode)])
    }
  }

  @Test("every code up to 5000 is allowed or forbidden as §7.4 and the registry say")
  func everyCloseCode() {
    let registered: Set<UInt16> = [
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ]
    let verifier = ReaderVerifier()
    for code in UInt16(0)...5000 {
      let isAllowed = registered.contains(code) || (3000...4999).contains(code)
      verifier.verify(
        [.close(code)], isAllowed ? [.close(code)] : [.violation(.invalidCloseCode)])
    }
  }

  @Test("codes beyond 5000 are forbidden", arguments: [5000, 5001, 9999, 32_768, 65_535])
  func highCloseCodes(code: UInt16) {
    for role in [Role.server, .client] {
      ReaderVerifier(role: role)
        .verify([.close(code, "reason")], [.violation(.invalidCloseCode)])
    }
  }

  @Test("a reason is text", arguments: ["", "bye", "\u{0}", "κόσμε", "\u{10FFFF}", "na\u{308}h"])
  func reasons(reason: String) {
    for role in [Role.server, .client] {
      ReaderVerifier(role: role).verify([.close(1000, reason)], [.close(1000, reason)])
    }
  }

  @Test("the longest reason has 123 bytes", arguments: [Role.server, .client])
  func longestReason(role: Role) {
    let reason = String(repeating: "é", count: 61) + "!"
    #expect(reason.utf8.count == 123)
    ReaderVerifier(role: role).verify([.close(4999, reason)], [.close(4999, reason)])
  }

  @Test(
    "a reason that is not UTF-8 fails the connection",
    arguments: [
      [0xFF], [0xC3], [0x61, 0x80], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF4, 0x90, 0x80, 0x80],
      [0xCE, 0xBA, 0xE1, 0xBD],
    ] as [[UInt8]])
  func badReasons(reason: [UInt8]) {
    for role in [Role.server, .client] {
      ReaderVerifier(role: role)
        .verify([.close([0x03, 0xE8] + reason)], [.violation(.invalidUTF8)])
    }
  }

  @Test(
    "what comes after a close frame is ignored (§5.5.1)",
    arguments: [
      wire([.text("more"), .ping("?")], to: .server), wire([.close(1000)], to: .server),
      [0xFF, 0xFF, 0xFF], [0x00], pattern(300),
    ])
  func afterClose(rest: [UInt8]) {
    ReaderVerifier().verify(wire([.close(1000)], to: .server) + rest, [.close(1000)])
  }

  @Test("what comes after a violation is ignored (§7.1.7)")
  func afterViolation() {
    ReaderVerifier().verify(
      [RawFrame(opcode: 3), .text("more"), .close(1000), RawFrame(opcode: 4)],
      [.violation(.reservedOpcode)])
  }
}
