import Testing

@testable import WebSocketCore

/// The grammar of RFC 3629 §4, a byte at a time.
private struct ReferenceUTF8 {
  /// What the rest of the current code point may be, the next byte last.
  private var expected: [ClosedRange<UInt8>] = []

  var isComplete: Bool { expected.isEmpty }

  mutating func accepts(_ byte: UInt8) -> Bool {
    let tail: ClosedRange<UInt8> = 0x80...0xBF
    if let range = expected.popLast() {
      return range.contains(byte)
    }
    switch byte {
    case 0x00...0x7F: break
    case 0xC2...0xDF: expected = [tail]
    case 0xE0: expected = [tail, 0xA0...0xBF]
    case 0xE1...0xEC: expected = [tail, tail]
    case 0xED: expected = [tail, 0x80...0x9F]
    case 0xEE...0xEF: expected = [tail, tail]
    case 0xF0: expected = [tail, tail, 0x90...0xBF]
    case 0xF1...0xF3: expected = [tail, tail, tail]
    case 0xF4: expected = [tail, tail, 0x80...0x8F]
    default: return false
    }
    return true
  }
}

/// What the reference says about a text: the index of the first byte that cannot be, and the
/// lengths of the prefixes that end on a code point boundary.
private struct Verdict {
  var rejectedAt: Int?
  var boundaries: [Bool] = [true]

  init(_ bytes: [UInt8]) {
    var reference = ReferenceUTF8()
    for (index, byte) in bytes.enumerated() {
      guard reference.accepts(byte) else {
        rejectedAt = index
        return
      }
      boundaries.append(reference.isComplete)
    }
  }

  var isValid: Bool { rejectedAt == nil && boundaries[boundaries.count - 1] }

  func accepts(prefixOf count: Int) -> Bool { rejectedAt.map { $0 >= count } ?? true }
}

private func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { String($0, radix: 16) }.joined(separator: " ")
}

/// Feeds `bytes` cut at `cuts`, and returns what is wrong about the answers, if anything.
private func mismatch(_ bytes: [UInt8], cutAt cuts: [Int], verdict: Verdict) -> String? {
  var validator = UTF8Validator()
  var start = 0
  for end in cuts + [bytes.count] {
    let accepted = validator.update(bytes.span.extracting(start..<end))
    if accepted != verdict.accepts(prefixOf: end) {
      return "\(hex(bytes)) cut at \(cuts): \(accepted) for the piece \(start)..<\(end)"
    }
    if !accepted { return nil }
    if validator.isComplete != verdict.boundaries[end] {
      return "\(hex(bytes)) cut at \(cuts): isComplete \(validator.isComplete) at \(end)"
    }
    start = end
  }
  return nil
}

private func mismatchWhole(_ bytes: [UInt8], verdict: Verdict) -> String? {
  if isValidUTF8(bytes.span) != verdict.isValid {
    return "\(hex(bytes)): valid \(!verdict.isValid)"
  }
  return mismatch(bytes, cutAt: [], verdict: verdict)
}

private func mismatchByteByByte(_ bytes: [UInt8], verdict: Verdict) -> String? {
  mismatch(bytes, cutAt: Array(1..<max(1, bytes.count)), verdict: verdict)
}

private func mismatchInAnyWay(_ bytes: [UInt8], splits: Range<Int>) -> String? {
  let verdict = Verdict(bytes)
  if let mismatch = mismatchWhole(bytes, verdict: verdict) { return mismatch }
  if let mismatch = mismatchByteByByte(bytes, verdict: verdict) { return mismatch }
  for split in splits {
    if let mismatch = mismatch(bytes, cutAt: [split], verdict: verdict) { return mismatch }
  }
  return nil
}

@Suite("UTF-8 validation (RFC 3629 §4, RFC 6455 §8.1)")
struct UTF8ValidatorTests {
  /// The first and last bytes of every row of the grammar, and their neighbours outside.
  static let interesting: [UInt8] = [
    0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
    0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFE, 0xFF,
  ]

  static let sequences: [[UInt8]] = [
    // The boundaries U+7F, U+80, U+7FF, U+800, U+D7FF, U+E000, U+FFFF, U+10000, U+10FFFF.
    [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF],
    [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
    // Overlong forms of U+2F, U+7F, U+7FF, U+FFFF.
    [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
    // The first and the last surrogate, U+110000, and lead bytes beyond.
    [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
    [0xFF],
    // A continuation by itself, one too many, and code points cut short.
    [0x80], [0xC3, 0xA9, 0xA9], [0xF0, 0x9F, 0x98, 0x80, 0x80], [0xC3], [0xE2, 0x82],
    [0xF0, 0x9F, 0x98], [0xF4], [0xE0, 0xC3, 0xA9],
  ]

  @Test("every sequence of one and of two bytes")
  func oneAndTwoBytes() {
    var failures: [String] = []
    for first in UInt8.min...UInt8.max {
      let one = [first]
      if let mismatch = mismatchWhole(one, verdict: Verdict(one)) { failures.append(mismatch) }
      for second in UInt8.min...UInt8.max {
        let two = [first, second]
        let verdict = Verdict(two)
        if let mismatch = mismatchWhole(two, verdict: verdict) { failures.append(mismatch) }
        if let mismatch = mismatch(two, cutAt: [1], verdict: verdict) { failures.append(mismatch) }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test("every second byte behind every lead byte, completed with continuations, in a vector")
  func exhaustiveSecondBytes() {
    var failures: [String] = []
    let ascii = [UInt8](repeating: 0x61, count: 40)
    for first in UInt8(0xC0)...UInt8.max {
      for second in UInt8.min...UInt8.max {
        for continuations in 0...2 {
          let text =
            ascii.prefix(21) + [first, second] + [UInt8](repeating: 0x80, count: continuations)
            + ascii.prefix(5)
          let bytes = Array(text)
          if let mismatch = mismatchWhole(bytes, verdict: Verdict(bytes)) {
            failures.append(mismatch)
          }
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test(
    "every sequence of three interesting bytes, whole, cut and within text", arguments: interesting)
  func threeBytes(first: UInt8) {
    var failures: [String] = []
    for second in Self.interesting {
      for third in Self.interesting {
        let bytes = [first, second, third]
        if let mismatch = mismatchInAnyWay(bytes, splits: 1..<3) { failures.append(mismatch) }
        let embedded = Array("fourteen bytes".utf8) + bytes + Array("and more".utf8)
        if let mismatch = mismatchWhole(embedded, verdict: Verdict(embedded)) {
          failures.append(mismatch)
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test("every sequence of four interesting bytes behind a lead byte of four")
  func fourBytes() {
    var failures: [String] = []
    for first in [0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5] as [UInt8] {
      for second in Self.interesting {
        for third in [0x41, 0x7F, 0x80, 0xBF, 0xC2, 0xF0] as [UInt8] {
          for fourth in [0x41, 0x7F, 0x80, 0xBF, 0xC2, 0xF0] as [UInt8] {
            let bytes = [first, second, third, fourth]
            if let mismatch = mismatchInAnyWay(bytes, splits: 1..<4) { failures.append(mismatch) }
          }
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test(
    "a sequence at every offset in ASCII and in text of many bytes, whole, cut anywhere and byte by byte",
    arguments: sequences)
  func embedded(sequence: [UInt8]) {
    var failures: [String] = []
    for filler in ["a", "é€😀д"] {
      for offset in 0...80 {
        let bytes = text(of: filler, count: offset) + sequence
        let splits = max(0, offset - 6)..<(bytes.count + 3)
        if let mismatch = mismatchInAnyWay(bytes + [0x62, 0x62, 0x62], splits: splits) {
          failures.append(mismatch)
        }
        // With text of every length behind, for the vectors at the end.
        let longer = bytes + [UInt8](repeating: 0x62, count: (offset &* 7) % 83)
        if let mismatch = mismatchWhole(longer, verdict: Verdict(longer)) {
          failures.append(mismatch)
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test(
    "an unfinished code point in front of ASCII that fills whole blocks is not skipped",
    arguments: [[0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xF0]] as [[UInt8]])
  func unfinishedBeforeASCII(sequence: [UInt8]) {
    var failures: [String] = []
    for end in [16, 32, 48, 63, 64, 65, 66, 70, 100, 128, 192] {
      let head = [UInt8](repeating: 0x61, count: end - sequence.count) + sequence
      for count in 0...140 {
        let bytes = head + [UInt8](repeating: 0x62, count: count)
        if let mismatch = mismatchWhole(bytes, verdict: Verdict(bytes)) {
          failures.append(mismatch)
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test("a text of every kind, cut at every two points")
  func twoCuts() {
    var failures: [String] = []
    let bytes = Array(
      "{\"text\":\"Grüße, 世界 😀🎉 привет\",\"from\":\"aé€😀\"} and plain ASCII to 80".utf8)
    let verdict = Verdict(bytes)
    #expect(verdict.isValid)
    for first in 0...bytes.count {
      for second in first...bytes.count {
        if let mismatch = mismatch(bytes, cutAt: [first, second], verdict: verdict) {
          failures.append(mismatch)
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test(
    "every length of one kind of text",
    arguments: ["a", "é", "д", "世", "😀", "a世", "aaaaaaaaaaaaaaaaaaaaaé"])
  func everyLength(unit: String) {
    var failures: [String] = []
    let text = Array(String(repeating: unit, count: 220).utf8)
    for count in 0...220 {
      let bytes = Array(text.prefix(count))
      if let mismatch = mismatchWhole(bytes, verdict: Verdict(bytes)) { failures.append(mismatch) }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test("random mutations of valid text get the verdict of the reference", arguments: 0..<8)
  func mutations(seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed) &* 0x1234_5678_9ABC_DEF1)
    let alphabet: [[UInt8]] =
      Self.sequences.prefix(9) + [
        [0x61], [0x20], Array("é".utf8), Array("д".utf8), Array("世".utf8), Array("😀".utf8),
        Array("plain ASCII, long enough for vectors".utf8),
      ]
    var failures: [String] = []
    for _ in 0..<1_000 {
      var bytes: [UInt8] = []
      let length = Int.random(in: 1...260, using: &generator)
      while bytes.count < length {
        bytes += alphabet.randomElement(using: &generator)!
      }
      for _ in 0..<Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
        let index = bytes.indices.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] = Self.interesting.randomElement(using: &generator)!
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.remove(at: index)
        default: bytes.removeSubrange(index...)
        }
      }
      let verdict = Verdict(bytes)
      if let mismatch = mismatchWhole(bytes, verdict: verdict) { failures.append(mismatch) }
      var cuts = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
        Int.random(in: 0...bytes.count, using: &generator)
      }
      cuts.sort()
      if let mismatch = mismatch(bytes, cutAt: cuts, verdict: verdict) {
        failures.append(mismatch)
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(5))")
  }

  @Test("agrees with the standard library about whole texts")
  func standardLibrary() {
    var generator = SeededGenerator(state: 42)
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        Self.interesting.randomElement(using: &generator)!
      }
      let isValid = isValidUTF8(bytes.span)
      #expect(isValid == (String(validating: bytes, as: UTF8.self) != nil))
    }
  }

  @Test("a code point above U+10FFFF is rejected with its second byte, at the end of a fragment")
  func failsFast() {
    let greeting = Array("κόσμε".utf8)
    #expect(answers(to: [greeting, [0xF4], [0x90]]) == [.boundary, .within, .rejected])
    #expect(answers(to: [greeting + [0xF4, 0x90]]) == [.rejected])
  }

  @Test("nothing is valid and complete, and changes nothing")
  func empty() {
    #expect(answers(to: [[]]) == [.boundary])
    #expect(answers(to: [[0xE2, 0x82], [], [0xAC]]) == [.within, .within, .boundary])
    let nothing: [UInt8] = []
    let isValid = isValidUTF8(nothing.span)
    #expect(isValid)
  }

  private enum Answer {
    case boundary
    case within
    case rejected
  }

  private func answers(to pieces: [[UInt8]]) -> [Answer] {
    var validator = UTF8Validator()
    return pieces.map { piece in
      validator.update(piece.span) ? (validator.isComplete ? .boundary : .within) : .rejected
    }
  }

  /// Whole code points of `unit` over and over, with ASCII behind to fill `count` bytes.
  private func text(of unit: String, count: Int) -> [UInt8] {
    var result: [UInt8] = []
    while true {
      for scalar in unit.unicodeScalars {
        let encoded = Array(String(scalar).utf8)
        if result.count + encoded.count > count {
          return result + [UInt8](repeating: 0x61, count: count - result.count)
        }
        result += encoded
      }
    }
  }
}
