import Testing

@testable import WebSocketCore

/// RFC 6455 §5.3, word for word: octet i of the output is octet i of the input XOR octet
/// i modulo 4 of the key.
private func masked(_ bytes: [UInt8], with key: [UInt8], phase: Int) -> [UInt8] {
  var result = bytes
  for index in result.indices {
    result[index] ^= key[(phase + index) % 4]
  }
  return result
}

@Suite("Masking (RFC 6455 §5.3)")
struct MaskingTests {
  let keyBytes: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  let key = MaskingKey(0x37, 0xFA, 0x21, 0x3D)

  @Test("unmasks the example of §5.7")
  func example() {
    var payload: [UInt8] = [0x7F, 0x9F, 0x4D, 0x51, 0x58]
    var span = payload.mutableSpan
    applyMask(key, phase: 0, to: &span)
    #expect(payload == Array("Hello".utf8))
  }

  @Test(
    "every length, phase and alignment gives what the plain loop gives, and touches no neighbour")
  func everyLengthPhaseAndOffset() {
    let original = (0..<360).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ $0 >> 3) }
    for count in 0...300 {
      for phase in 0..<4 {
        // 17 covers odd addresses and every place relative to 8 and 16 bytes.
        let offset = (count &* 5 &+ phase &* 3) % 17
        let range = offset..<(offset + count)
        var expected = original
        expected.replaceSubrange(
          range, with: masked(Array(original[range]), with: keyBytes, phase: phase))

        var actual = original
        var span = actual.mutableSpan
        applyMask(key, phase: phase, to: &span, in: range)
        #expect(actual == expected, "\(count) bytes, phase \(phase), offset \(offset)")
      }
    }
  }

  @Test(
    "every offset of a length from each size class",
    arguments: [3, 4, 7, 8, 15, 16, 31, 33, 64, 65, 129])
  func everyOffset(count: Int) {
    let original = (0..<260).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    for offset in 0...64 {
      let range = offset..<(offset + count)
      var expected = original
      expected.replaceSubrange(
        range, with: masked(Array(original[range]), with: keyBytes, phase: offset))
      var actual = original
      var span = actual.mutableSpan
      applyMask(key, phase: offset, to: &span, in: range)
      #expect(actual == expected, "offset \(offset)")
    }
  }

  @Test("the whole span is the range of all its bytes")
  func wholeSpan() {
    for count in [0, 1, 5, 12, 20, 40, 100, 200] {
      let original = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      var actual = original
      var span = actual.mutableSpan
      applyMask(key, phase: 3, to: &span)
      #expect(actual == masked(original, with: keyBytes, phase: 3))
    }
  }

  @Test("a payload in pieces, each with its phase, equals the payload at once")
  func pieces() {
    let original = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    let expected = masked(original, with: keyBytes, phase: 0)
    for first in 0...100 {
      var actual = original
      var span = actual.mutableSpan
      applyMask(key, phase: 0, to: &span, in: 0..<first)
      applyMask(key, phase: first, to: &span, in: first..<150)
      applyMask(key, phase: 150, to: &span, in: 150..<200)
      #expect(actual == expected, "first piece of \(first)")
    }
  }

  @Test("masking twice restores the payload")
  func involution() {
    let original = (0..<333).map { UInt8(truncatingIfNeeded: $0 &* 3) }
    var actual = original
    var span = actual.mutableSpan
    applyMask(key, phase: 1, to: &span)
    applyMask(key, phase: 1, to: &span)
    #expect(actual == original)
  }

  @Test("a key is its bytes in memory order, however it was made")
  func representation() {
    // SAFETY: four bytes, of which any is a UInt32.
    let word = unsafe keyBytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt32.self) }
    #expect(MaskingKey(rawValue: word) == key)
    #expect(key.rotated(by: 0) == key)
    #expect(key.rotated(by: 1) == MaskingKey(0xFA, 0x21, 0x3D, 0x37))
    #expect(key.rotated(by: 7) == MaskingKey(0x3D, 0x37, 0xFA, 0x21))
    #expect(key.rotated(by: 4_000_000_000_000) == key)
  }

  @Test("a range outside of the span traps")
  func rangeOutside() async {
    await #expect(processExitsWith: .failure) {
      var bytes: [UInt8] = [1, 2, 3, 4]
      var span = bytes.mutableSpan
      applyMask(MaskingKey(1, 2, 3, 4), phase: 0, to: &span, in: 2..<5)
    }
  }
}
