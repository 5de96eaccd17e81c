/// Validates UTF-8 that arrives in pieces, and rejects it at the first byte that cannot belong
/// to any valid text (RFC 6455 §8.1; the grammar is that of RFC 3629 §4: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
///
/// A piece may end anywhere, within a code point too. The position of a rejection does not
/// depend on how the text was cut: F4 90 is refused with its second byte, also where a piece
/// ends with that byte and the code point would have two more.
///
/// For a message that is there as a whole, `isValidUTF8(_:)` does the same in one call.
package struct UTF8Validator: Sendable {
  /// The code point that the input so far ends in; the layout is explained below.
  private var pending: UInt32 = 0

  /// Starts at a code point boundary.
  package init() {}

  /// Takes the next bytes of the text.
  ///
  /// Returns false when the bytes seen so far cannot be a prefix of valid UTF-8. The validator
  /// must not be used any more after that.
  ///
  /// - Complexity: O(*n*) in the number of bytes.
  package mutating func update(_ bytes: Span<UInt8>) -> Bool {
    let next = scanUTF8(bytes.raw, after: pending)
    pending = next
    return next != scanRejected
  }

  /// Whether the bytes so far end on a code point boundary. A text message must
  /// (RFC 6455 §8.1); one of its fragments need not.
  package var isComplete: Bool { pending == 0 }
}

/// Whether `bytes` is valid UTF-8 from its first byte to its last (RFC 3629 §4).
///
/// - Complexity: O(*n*) in the number of bytes.
package func isValidUTF8(_ bytes: Span<UInt8>) -> Bool {
  scanUTF8(bytes.raw, after: 0) == 0
}

// How it works
//
// There is one check, made for 16 bytes at a time and for each byte by itself: given the three
// bytes before it, is it allowed here? A text has no byte that fails if and only if it is a
// prefix of valid UTF-8, so vectors may overlap, no order between them matters, and no byte
// needs to be walked over one at a time. Blocks of 64 ASCII bytes skip the check.
//
// Between pieces the state is the code point that the piece ended in: its bytes so far, the
// last of them in bits 24 to 31, the one before in bits 16 to 23, the first of three in bits 8
// to 15, and zeros elsewhere; 0 at a boundary. That makes it the memory before the next piece.

/// What `scanUTF8` returns for bytes that no valid text starts with. No state has these bits.
private var scanRejected: UInt32 { 1 }

/// The state after `bytes` when `pending` was the state before, or `scanRejected`.
@inline(always)
private func scanUTF8(_ bytes: RawSpan, after pending: UInt32) -> UInt32 {
  let count = bytes.byteCount
  if pending == 0 && count >= 8 && count <= 128 && isShortASCII(bytes) { return 0 }
  if count >= 19 { return scanVectors(bytes, after: pending) }
  if count <= 16 { return scanWord(bytes, in: 0..<count, after: pending) }
  let middle = scanWord(bytes, in: 0..<8, after: pending)
  return middle == scanRejected ? middle : scanWord(bytes, in: 8..<count, after: middle)
}

/// 19 bytes and more: enough for a vector at the end that has its three bytes before it.
///
/// The number of vectors per block is fixed, also where fewer would do for the bytes that are
/// left: a loop whose length changes from message to message costs more in mispredicted branches.
private func scanVectors(_ bytes: RawSpan, after pending: UInt32) -> UInt32 {
  let count = bytes.byteCount
  let lastBlock = count &- 64

  if pending != 0 || count < 64 || !isASCII(bytes.block(at: 0)) {
    var found = errors(in: firstWindow(bytes, after: pending))
    found |= errorsInVectors(count <= 32 ? 1 : 3, of: bytes, from: 16)
    if anyHighBit(in: found) { return scanRejected }
  }
  var offset = 64
  while offset < count {
    // Fewer than 64 bytes are looked at together with bytes before them.
    let block = min(offset, lastBlock)
    // ASCII behind ASCII needs no look: no code point is unfinished behind an ASCII byte.
    if !isASCII(bytes.block(at: block), or: UInt64(bytes.byte(at: block &- 1))) {
      if anyHighBit(in: errorsInVectors(4, of: bytes, from: offset)) { return scanRejected }
    }
    offset &+= 64
  }
  return pendingCodePoint(lastBytes: bytes.fourBytes(at: count &- 4))
}

/// The errors in `vectors` times sixteen bytes from `offset` on; vectors that would end behind
/// the last byte are the last sixteen bytes instead.
@inline(always)
private func errorsInVectors(
  _ vectors: Int, of bytes: RawSpan, from offset: Int
) -> SIMD16<UInt8> {
  let lastVector = bytes.byteCount &- 16
  var found = SIMD16<UInt8>.zero
  for vector in 0..<vectors {
    found |= errors(in: bytes.window(at: min(offset &+ 16 &* vector, lastVector)))
  }
  return found
}

/// Whether all of 8 to 128 bytes are ASCII, read as words at both ends that may overlap.
@inline(always)
private func isShortASCII(_ bytes: RawSpan) -> Bool {
  let count = bytes.byteCount
  if count < 16 {
    return (bytes.eightBytes(at: 0) | bytes.eightBytes(at: count &- 8)) & highBits == 0
  }
  if count >= 64 {
    return isASCII(bytes.block(at: 0) | bytes.block(at: count &- 64))
  }
  var seen = bytes.sixteenBytes(at: 0) | bytes.sixteenBytes(at: count &- 16)
  if count > 32 {
    seen |= bytes.sixteenBytes(at: 16) | bytes.sixteenBytes(at: count &- 32)
  }
  return !anyHighBit(in: seen)
}

/// 0 to 16 bytes, in registers alone.
private func scanWord(_ bytes: RawSpan, in range: Range<Int>, after pending: UInt32) -> UInt32 {
  let start = range.lowerBound
  let end = range.upperBound
  let count = end &- start
  var low: UInt64
  var high: UInt64 = 0
  let lastBytes: UInt32
  if count >= 8 {
    low = bytes.eightBytes(at: start)
    high = bytes.eightBytes(at: end &- 8)
    lastBytes = UInt32(truncatingIfNeeded: high >> 32)
    // Without the bytes that are in `low` already.
    high = count == 8 ? 0 : high &>> UInt64(8 &* (16 &- count))
  } else if count >= 4 {
    let first = bytes.fourBytes(at: start)
    lastBytes = bytes.fourBytes(at: end &- 4)
    if pending == 0 && (first | lastBytes) & 0x8080_8080 == 0 { return 0 }
    low = UInt64(first) | UInt64(lastBytes) &<< UInt64(8 &* (count &- 4))
  } else if count > 0 {
    // The first byte, the one in the middle and the last one are all the bytes there are.
    let middle = count >> 1
    low =
      UInt64(bytes.byte(at: start))
      | UInt64(bytes.byte(at: start &+ middle)) &<< UInt64(8 &* middle)
      | UInt64(bytes.byte(at: end &- 1)) &<< UInt64(8 &* (count &- 1))
    if pending == 0 && low & highBits == 0 { return 0 }
    lastBytes = UInt32(truncatingIfNeeded: (low << 32 | UInt64(pending)) &>> UInt64(8 &* count))
  } else {
    return pending
  }

  // The lanes behind the last byte hold zeros. In a text they would end an unfinished code point
  // too early, so what is found there does not count.
  let bits = UInt128(high) << 64 | UInt128(low)
  let inRange = UInt128.max &>> UInt128(8 &* (16 &- count))
  let found = errors(in: window(of: bits, after: pending)).lowestFirst & inRange
  if UInt64(truncatingIfNeeded: found | found >> 64) & highBits != 0 { return scanRejected }
  return pendingCodePoint(lastBytes: lastBytes)
}

/// Whether no byte of the block, and none in `others`, has its highest bit set.
@inline(always)
private func isASCII(_ block: SIMD8<UInt64>, or others: UInt64 = 0) -> Bool {
  let quarters = block.lowHalf | block.highHalf
  let words = quarters.lowHalf | quarters.highHalf
  return (words[0] | words[1] | others) & highBits == 0
}

/// The first sixteen bytes of a piece, behind the code point that the piece before ended in.
@inline(always)
private func firstWindow(_ bytes: RawSpan, after pending: UInt32) -> ByteWindow {
  let low = bytes.eightBytes(at: 0)
  let high = bytes.eightBytes(at: 8)
  return window(of: UInt128(high) << 64 | UInt128(low), after: pending)
}

/// Up to sixteen bytes, the first of them lowest, behind the code point that came before.
@inline(always)
private func window(of bits: UInt128, after pending: UInt32) -> ByteWindow {
  ByteWindow(
    current: SIMD16(lowestFirst: bits),
    previous: SIMD16(lowestFirst: bits << 8 | UInt128(pending >> 24)),
    secondPrevious: SIMD16(lowestFirst: bits << 16 | UInt128(pending >> 16)),
    thirdPrevious: SIMD16(lowestFirst: bits << 24 | UInt128(pending >> 8)))
}

/// The state at the end of a piece whose last four bytes, the last one highest, are valid.
@inline(always)
private func pendingCodePoint(lastBytes: UInt32) -> UInt32 {
  if lastBytes >= 0xC000_0000 { return lastBytes & 0xFF00_0000 }
  if lastBytes & 0x00FF_0000 >= 0x00E0_0000 { return lastBytes & 0xFFFF_0000 }
  if lastBytes & 0x0000_FF00 >= 0x0000_F000 { return lastBytes & 0xFFFF_FF00 }
  return 0
}

/// The highest bit of each of eight bytes.
private var highBits: UInt64 { 0x8080_8080_8080_8080 }

/// Whether the highest bit of any lane is set.
@inline(always)
private func anyHighBit(in lanes: SIMD16<UInt8>) -> Bool {
  let bits = lanes.lowestFirst
  return UInt64(truncatingIfNeeded: bits | bits >> 64) & highBits != 0
}

/// The highest bit of each lane whose byte is not allowed behind the three bytes before it; the
/// other bits mean nothing.
@inline(always)
private func errors(in window: ByteWindow) -> SIMD16<UInt8> {
  let current = window.current
  let previous = window.previous

  // Four bytes narrow the range of the continuation behind them. E0 wants A0 and up (no
  // overlong form), ED wants 9F and down (no surrogate), F0 wants 90 and up (no overlong form),
  // F4 wants 8F and down (nothing above U+10FFFF).
  let raised =
    (lanes(of: previous, equalTo: 0xE0) & 0x20) | (lanes(of: previous, equalTo: 0xF0) & 0x10)
  let lowered =
    (lanes(of: previous, equalTo: 0xED) & 0x20) | (lanes(of: previous, equalTo: 0xF4) & 0x30)
  let limit = SIMD16<Int8>(truncatingIfNeeded: 0xC0 &- (raised | lowered))

  // A continuation byte stands where one of the three bytes before calls for it, and nowhere
  // else: behind C0 and up, two behind E0 and up, three behind F0 and up.
  let isContinuation = (SIMD16<Int8>(truncatingIfNeeded: current &- raised) .< limit).bytes
  let isExpected =
    highBit(of: previous, atLeast: 0xC0) | highBit(of: window.secondPrevious, atLeast: 0xE0)
    | highBit(of: window.thirdPrevious, atLeast: 0xF0)

  // Bytes that no text has: C0 and C1 would start overlong forms, F5 and up code points above
  // U+10FFFF.
  let isForbidden =
    lanes(of: current & 0xFE, equalTo: 0xC0) | highBit(of: current, atLeast: 0xF5)

  return (isContinuation ^ isExpected) | isForbidden
}

/// The highest bit of each lane that is at least `bound`, which is 0x80 or more; the other bits
/// mean nothing. Compiles to one saturating subtraction.
@inline(always)
private func highBit(of lanes: SIMD16<UInt8>, atLeast bound: UInt8) -> SIMD16<UInt8> {
  let offset = SIMD16<UInt8>(repeating: bound &- 0x80)
  return (lanes &- offset).replacing(with: 0, where: lanes .< offset)
}

/// 0xFF in each lane that is `byte`, 0 in the others.
///
/// Compares with a vector whose type is spelled out: where the right side is a scalar, or its
/// lane type is left to inference, the compiler takes a generic operator that becomes a loop over
/// single lanes.
@inline(always)
private func lanes(of vector: SIMD16<UInt8>, equalTo byte: UInt8) -> SIMD16<UInt8> {
  (vector .== SIMD16<UInt8>(repeating: byte)).bytes
}
