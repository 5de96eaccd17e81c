/// The key that a client XORs the payload of one frame with (RFC 6455 §5.3).
package struct MaskingKey: Equatable, Sendable {
  /// The four bytes of the key as a word loaded from memory where they lie in order.
  package var rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// A key from its bytes in the order in which the frame header has them.
  package init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
    let bits =
      UInt32(first) | UInt32(second) << 8 | UInt32(third) << 16 | UInt32(fourth) << 24
    rawValue = bits.littleEndian
  }

  /// The key for a payload that starts `count` bytes later: its byte *i* is byte
  /// (*i* + `count`) modulo 4 of this one. `count` is not negative.
  package func rotated(by count: Int) -> MaskingKey {
    let bits = UInt32(littleEndian: rawValue)
    let shift = UInt32(truncatingIfNeeded: count &* 8)
    return MaskingKey(rawValue: (bits &>> shift | bits &<< (0 &- shift)).littleEndian)
  }
}

/// Masks or unmasks `bytes` in place, which is the same operation (RFC 6455 §5.3).
///
/// - Parameters:
///   - key: The key of the frame.
///   - phase: The offset of the first of `bytes` within the frame's payload, or that offset
///     modulo 4. Not negative.
///   - bytes: A part of the payload, or all of it.
/// - Complexity: O(*n*) in the number of bytes; at the speed of memory for long payloads.
package func applyMask(_ key: MaskingKey, phase: Int, to bytes: inout MutableSpan<UInt8>) {
  applyMask(key, phase: phase, to: &bytes, in: 0..<bytes.count)
}

/// Masks or unmasks the bytes of `range` in place and leaves the others alone (RFC 6455 §5.3).
///
/// Traps when `range` is not within `bytes`. Otherwise as `applyMask(_:phase:to:)`, where
/// `phase` is that of the first byte of `range`.
package func applyMask(
  _ key: MaskingKey, phase: Int, to bytes: inout MutableSpan<UInt8>, in range: Range<Int>
) {
  precondition(
    range.lowerBound >= 0 && range.upperBound <= bytes.count, "range outside of the span")
  let start = range.lowerBound
  let end = range.upperBound
  let count = end &- start
  var payload = bytes.mutableRaw

  // Words at both ends that overlap in the middle cover every length up to twice their size
  // without a loop. The sizes are multiples of four, so that the key at `end - size` depends
  // on `count` alone.
  let word = key.rotated(by: phase)
  let lastWord = word.rotated(by: count)
  if count >= 16 {
    let mask = doubled(word)
    let lastMask = doubled(lastWord)
    if count <= 32 {
      payload.xorSixteenBytes(
        at: start, with: SIMD2(repeating: mask),
        andAt: end &- 16, with: SIMD2(repeating: lastMask))
    } else if count <= 64 {
      payload.xorThirtyTwoBytes(
        at: start, with: SIMD4(repeating: mask),
        andAt: end &- 32, with: SIMD4(repeating: lastMask))
    } else {
      payload.xorBlocks(
        from: start, with: SIMD8(repeating: mask),
        andLastBefore: end, with: SIMD8(repeating: lastMask))
    }
  } else if count >= 8 {
    payload.xorEightBytes(
      at: start, with: doubled(word), andAt: end &- 8, with: doubled(lastWord))
  } else if count >= 4 {
    payload.xorFourBytes(
      at: start, with: word.rawValue, andAt: end &- 4, with: lastWord.rawValue)
  } else {
    var bits = UInt32(littleEndian: word.rawValue)
    for index in range {
      bytes[index] ^= UInt8(truncatingIfNeeded: bits)
      bits >>= 8
    }
  }
}

/// The key twice in a row.
@inline(always)
private func doubled(_ key: MaskingKey) -> UInt64 {
  UInt64(key.rawValue) << 32 | UInt64(key.rawValue)
}
