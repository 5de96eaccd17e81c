import Testing
import WebSocketCore

private func written(
  _ opcode: Opcode, _ payload: [UInt8], maskingKey: MaskingKey? = nil
) -> [UInt8] {
  [UInt8](capacity: FrameWriter.headerBytesMax + payload.count) { output in
    FrameWriter.append(opcode, payload: payload.span, maskingKey: maskingKey, to: &output)
  }
}

@Suite("Writing frames (RFC 6455 §5.2, §5.3)", .timeLimit(.minutes(5)))
struct FrameWriterTests {
  static let key = MaskingKey(0x37, 0xFA, 0x21, 0x3D)

  @Test("the examples of §5.7")
  func examples() {
    let hello = Array("Hello".utf8)
    #expect(written(.text, hello) == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    #expect(
      written(.text, hello, maskingKey: Self.key)
        == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    #expect(written(.ping, hello) == [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    #expect(written(.binary, pattern(256)) == [0x82, 0x7E, 0x01, 0x00] + pattern(256))
    #expect(
      written(.binary, pattern(65_536)) == [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + pattern(65_536))
  }

  @Test(
    "a length has the shortest form",
    arguments: [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 65_537, 1 << 20])
  func lengths(count: Int) {
    let payload = pattern(count)
    let header = count < 126 ? 2 : count < 65_536 ? 4 : 10
    for opcode in [Opcode.text, .binary] {
      let plain = written(opcode, payload)
      #expect(plain.count == header + count)
      #expect(plain == RawFrame(opcode: opcode.rawValue, payload: payload).bytes(maskedWith: nil))
      let masked = written(opcode, payload, maskingKey: Self.key)
      #expect(masked.count == header + 4 + count)
      #expect(
        masked
          == RawFrame(opcode: opcode.rawValue, payload: payload)
          .bytes(maskedWith: [0x37, 0xFA, 0x21, 0x3D]))
      #expect(masked.count <= FrameWriter.headerBytesMax + count)
    }
  }

  @Test(
    "what one side writes, the other reads",
    arguments: [
      0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 124, 125, 126, 127, 1000, 65_535, 65_536, 65_537, 1 << 20,
    ])
  func readBack(count: Int) {
    let payload = [UInt8](repeating: 0x7A, count: count)
    for reader in [Role.server, .client] {
      let key = reader == .server ? MaskingKey(1, 0xFF, 0, 0x80) : nil
      let verifier = ReaderVerifier(role: reader)
      let once = written(.text, payload, maskingKey: key)
      let twice = once + written(.binary, payload, maskingKey: key)
      let expected = [Outcome.message(.text, payload), .binary(payload)]
      #expect(verifier.outcomes(of: twice) == expected)
      #expect(verifier.outcomes(of: twice, cutAt: [1, once.count - 1, once.count + 1]) == expected)
    }
  }

  @Test("control frames that one side writes, the other reads", arguments: [0, 1, 124, 125])
  func controlFramesReadBack(count: Int) {
    let payload = pattern(count)
    for reader in [Role.server, .client] {
      let key = reader == .server ? Self.key : nil
      ReaderVerifier(role: reader).verify(
        written(.ping, payload, maskingKey: key) + written(.pong, payload, maskingKey: key),
        [.ping(payload), .pong(payload)])
    }
  }

  @Test("frames are appended to what is there")
  func appends() {
    let bytes = [UInt8](capacity: 100) { output in
      output.append(7)
      FrameWriter.append(.text, payload: [0x61].span, to: &output)
      FrameWriter.append(
        .binary, payload: [0x62, 0x63].span, maskingKey: MaskingKey(1, 1, 1, 1), to: &output)
    }
    #expect(bytes == [7, 0x81, 1, 0x61, 0x82, 0x82, 1, 1, 1, 1, 0x63, 0x62])
  }

  @Test("random messages are read back as they were", arguments: [Role.server, .client])
  func randomReadBack(reader: Role) {
    var generator = SeededGenerator(state: 2024)
    var stream: [UInt8] = []
    var expected: [Outcome] = []
    for _ in 0..<300 {
      let payload = generator.bytes(Int.random(in: 0...300, using: &generator))
      let key = reader == .server ? MaskingKey(rawValue: generator.next()) : nil
      stream += written(.binary, payload, maskingKey: key)
      expected.append(.binary(payload))
    }
    let verifier = ReaderVerifier(role: reader)
    #expect(verifier.outcomes(of: stream) == expected)
    for _ in 0..<5 {
      let cuts = ReaderVerifier.randomCuts(stream.count, using: &generator)
      #expect(verifier.outcomes(of: stream, cutAt: cuts) == expected)
    }
  }

  @Test("a control frame over 125 bytes is our own mistake, and traps")
  func oversizedControlFrame() async {
    await #expect(processExitsWith: .failure) {
      let payload = [UInt8](repeating: 0, count: 126)
      _ = [UInt8](capacity: 200) { output in
        FrameWriter.append(.ping, payload: payload.span, to: &output)
      }
    }
  }
}

@Suite("Writing close frames (RFC 6455 §5.5.1)")
struct ClosePayloadTests {
  @Test("no code, no payload")
  func empty() {
    #expect(FrameWriter.closePayload(nil) == [])
    #expect(FrameWriter.closePayload(nil, reason: "of no use without a code") == [])
  }

  @Test("the code comes first, in network order")
  func code() {
    #expect(FrameWriter.closePayload(.normalClosure) == [0x03, 0xE8])
    #expect(FrameWriter.closePayload(.goingAway, reason: "é") == [0x03, 0xE9, 0xC3, 0xA9])
    #expect(FrameWriter.closePayload(CloseCode(rawValue: 4999)) == [0x13, 0x87])
  }

  @Test(
    "a reason that is too long is cut between characters",
    arguments: [
      (String(repeating: "a", count: 123), 123), (String(repeating: "a", count: 124), 123),
      (String(repeating: "a", count: 5000), 123), (String(repeating: "é", count: 62), 122),
      (String(repeating: "€", count: 42), 123), ("a" + String(repeating: "€", count: 42), 121),
      ("aa" + String(repeating: "€", count: 42), 122), (String(repeating: "💧", count: 40), 120),
      (String(repeating: "a", count: 122) + "éa", 122),
    ])
  func cutReasons(reason: String, count: Int) {
    let payload = FrameWriter.closePayload(.policyViolation, reason: reason)
    #expect(payload.count == 2 + count)
    let kept = String(validating: payload.dropFirst(2), as: UTF8.self)
    #expect(kept != nil && reason.utf8.starts(with: kept!.utf8))
    // And so a peer accepts it.
    ReaderVerifier(role: .client)
      .verify(written(.close, payload), [.close(1008, kept ?? "")])
  }

  @Test("every violation's close frame is one that a peer accepts")
  func violations() {
    for violation in ProtocolViolation.allCases {
      let payload = FrameWriter.closePayload(violation.closeCode, reason: violation.reason)
      ReaderVerifier(role: .client).verify(
        written(.close, payload), [.close(violation.closeCode.rawValue, violation.reason)])
    }
  }
}
