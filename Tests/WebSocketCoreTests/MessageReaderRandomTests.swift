import Testing
import WebSocketCore

/// Streams of frames that a well-behaved peer might send, and what is to be heard of them.
private struct StreamGenerator {
  var generator: SeededGenerator
  let role: Role
  private(set) var bytes: [UInt8] = []
  private(set) var expected: [Outcome] = []

  init(seed: UInt64, role: Role) {
    generator = SeededGenerator(state: seed)
    self.role = role
  }

  mutating func appendMessage(lengths: [Int]) {
    let isText = Bool.random(using: &generator)
    let fragments = Bool.random(using: &generator) ? 1 : Int.random(in: 2...6, using: &generator)
    var message: [UInt8] = []
    if isText {
      message = text(lengths.randomElement(using: &generator)!)
    } else {
      message = generator.bytes(lengths.randomElement(using: &generator)!)
    }
    let cuts = (1..<fragments).map { _ in Int.random(in: 0...message.count, using: &generator) }
    var start = 0
    for (index, end) in (cuts.sorted() + [message.count]).enumerated() {
      let opcode: UInt8 = index > 0 ? 0 : isText ? 1 : 2
      append(
        RawFrame(
          isFinal: index == fragments - 1, opcode: opcode, payload: Array(message[start..<end])))
      start = end
      if index < fragments - 1 && Int.random(in: 0..<4, using: &generator) == 0 {
        appendPingOrPong()
      }
    }
    expected.append(.message(isText ? .text : .binary, message))
  }

  mutating func appendPingOrPong() {
    let payload = generator.bytes([0, 1, 4, 125].randomElement(using: &generator)!)
    if Bool.random(using: &generator) {
      append(RawFrame(opcode: 9, payload: payload))
      expected.append(.ping(payload))
    } else {
      append(RawFrame(opcode: 10, payload: payload))
      expected.append(.pong(payload))
    }
  }

  mutating func appendClose() {
    append(.close(4000, "enough"))
    expected.append(.close(4000, "enough"))
  }

  private mutating func append(_ frame: RawFrame) {
    bytes += frame.bytes(maskedWith: role == .server ? generator.bytes(4) : nil)
  }

  private mutating func text(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let highest: UInt32 = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &generator)!
      let scalar = Unicode.Scalar(UInt32.random(in: 0...highest, using: &generator)) ?? "?"
      bytes += Array(UTF8.encode(scalar)!)
    }
    return bytes
  }
}

/// Changes a stream as a broken or hostile peer might.
private func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
  for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
    let index = bytes.indices.randomElement(using: &generator)!
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[index] = [0x00, 0x7F, 0x80, 0xFF].randomElement(using: &generator)!
    case 2: bytes.remove(at: index)
    case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
    case 4: bytes.removeSubrange(index...)
    default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
    }
  }
}

@Suite("Reading anything at all", .timeLimit(.minutes(5)))
struct MessageReaderRandomTests {
  private static let limits = MessageLimits(messageBytesMax: 400, fragmentsMax: 5)

  /// What may be told of any input whatever: nothing outside of the limits and the protocol.
  private func verifyIsDocumented(_ outcomes: [Outcome], _ limits: MessageLimits) {
    for outcome in outcomes.dropLast() where outcome.isLast {
      Issue.record("\(outcome) was not the last")
    }
    for outcome in outcomes {
      switch outcome {
      case .message(let kind, let bytes):
        #expect(bytes.count <= limits.messageBytesMax)
        if kind == .text { #expect(String(validating: bytes, as: UTF8.self) != nil) }
      case .ping(let bytes), .pong(let bytes):
        #expect(bytes.count <= 125)
      case .close(let code, let reason):
        #expect(code?.mayBeSent ?? reason.isEmpty)
        #expect(String(validating: reason, as: UTF8.self) != nil)
      case .violation:
        break
      }
    }
  }

  private func verifyAgainstReference(
    _ bytes: [UInt8], _ role: Role, _ generator: inout SeededGenerator, _ comment: String
  ) {
    let expected = ReferenceReader(role: role, limits: Self.limits).outcomes(of: bytes)
    verifyIsDocumented(expected, Self.limits)
    let verifier = ReaderVerifier(role: role, limits: Self.limits)
    let ways = [
      [], Array(1..<max(1, bytes.count)),
      ReaderVerifier.randomCuts(bytes.count, using: &generator),
      ReaderVerifier.randomCuts(bytes.count, using: &generator),
    ]
    for cuts in ways {
      let actual = verifier.outcomes(of: bytes, cutAt: cuts)
      if actual != expected {
        Issue.record("\(comment), as \(role): \(bytes) cut at \(cuts): \(actual), not \(expected)")
      }
    }
  }

  @Test("long streams of every kind of frame", arguments: [Role.server, .client], 1...4)
  func longStreams(role: Role, seed: Int) {
    var stream = StreamGenerator(seed: UInt64(seed), role: role)
    for number in 0..<300 {
      let isLong = number % 100 == 50
      stream.appendMessage(
        lengths: isLong ? [65_535, 65_536, 70_000] : [0, 1, 125, 126, 127, 700])
      if number % 5 == 0 { stream.appendPingOrPong() }
    }
    stream.appendClose()
    let verifier = ReaderVerifier(role: role)
    for _ in 0..<4 {
      let cuts = ReaderVerifier.randomCuts(stream.bytes.count, using: &stream.generator)
      #expect(verifier.outcomes(of: stream.bytes, cutAt: cuts) == stream.expected)
    }
  }

  @Test(
    "damaged streams are told of as the reference tells, and never trap",
    arguments: [Role.server, .client], 0..<8)
  func damagedStreams(role: Role, block: Int) {
    for seed in 0..<60 {
      var stream = StreamGenerator(seed: UInt64(block * 1000 + seed), role: role)
      for _ in 0..<4 { stream.appendMessage(lengths: [0, 1, 5, 30, 126, 399, 400]) }
      stream.appendClose()
      var bytes = stream.bytes
      if seed % 10 != 0 { mutate(&bytes, using: &stream.generator) }
      verifyAgainstReference(bytes, role, &stream.generator, "seed \(seed) of block \(block)")
    }
  }

  @Test(
    "noise is told of as the reference tells, and never traps",
    arguments: [
      Role.server, .client,
    ])
  func noise(role: Role) {
    var generator = SeededGenerator(state: 42)
    for number in 0..<1500 {
      var bytes = generator.bytes(Int.random(in: 0...40, using: &generator))
      // Most first bytes end it at once; let many get beyond.
      if bytes.count >= 2 && number % 4 != 0 {
        bytes[0] &= 0x8F
        bytes[1] = role == .server ? bytes[1] | 0x80 : bytes[1] & 0x7F
      }
      verifyAgainstReference(bytes, role, &generator, "input \(number)")
    }
  }
}
