// Every load and store in this module that is wider than one byte is in this file. Each one
// checks its bounds, so that a wrong offset traps in every build and never reads or writes
// outside the span.
//
// The vector types are those that the compiler turns into plain SSE2 or NEON instructions:
// 16 bytes as `SIMD16<UInt8>` and 64 bytes as `SIMD8<UInt64>`. Bitwise operators on
// `SIMD32<UInt8>` and `SIMD64<UInt8>` become a loop over single lanes.

/// Sixteen consecutive bytes, and the same window moved back by one, two and three bytes, so
/// that each lane can be judged together with the bytes before it.
struct ByteWindow {
  var current: SIMD16<UInt8>
  var previous: SIMD16<UInt8>
  var secondPrevious: SIMD16<UInt8>
  var thirdPrevious: SIMD16<UInt8>
}

extension Span<UInt8> {
  /// The same bytes, to be read at any width.
  @inline(always)
  var raw: RawSpan {
    @_lifetime(copy self)
    get {
      // SAFETY: a UInt8 has no padding, so all of the bytes are initialised.
      unsafe bytes
    }
  }
}

extension MutableSpan<UInt8> {
  /// The same bytes, to be read and written at any width.
  @inline(always)
  var mutableRaw: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      // SAFETY: a UInt8 has no padding and any bit pattern is one, so the bytes stay initialised.
      unsafe mutableBytes
    }
  }
}

extension RawSpan {
  /// The byte at `offset`.
  @inline(always)
  func byte(at offset: Int) -> UInt8 {
    // SAFETY: the load checks its bounds, and every bit pattern is a UInt8.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
  }

  /// The four bytes at `offset`, the first of them in the lowest eight bits.
  @inline(always)
  func fourBytes(at offset: Int) -> UInt32 {
    // SAFETY: the load checks its bounds, and every bit pattern is a UInt32.
    unsafe UInt32(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The eight bytes at `offset`, the first of them in the lowest eight bits.
  @inline(always)
  func eightBytes(at offset: Int) -> UInt64 {
    // SAFETY: the load checks its bounds, and every bit pattern is a UInt64.
    unsafe UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The sixteen bytes at `offset`, the first of them in lane 0.
  @inline(always)
  func sixteenBytes(at offset: Int) -> SIMD16<UInt8> {
    // SAFETY: the load checks its bounds, and every bit pattern is a vector of integers.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// The 64 bytes at `offset`, as words in memory order.
  @inline(always)
  func block(at offset: Int) -> SIMD8<UInt64> {
    // SAFETY: the load checks its bounds, and every bit pattern is a vector of integers.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
  }

  /// The sixteen bytes at `offset` with the three bytes before them, which must be in the span.
  @inline(always)
  func window(at offset: Int) -> ByteWindow {
    precondition(offset >= 3 && offset <= byteCount &- 16, "window outside of the span")
    // SAFETY: `offset - 3 ..< offset + 16` is within the span by the check above, and every bit
    // pattern is a vector of integers.
    return unsafe ByteWindow(
      current: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD16<UInt8>.self),
      previous: unsafeLoadUnaligned(fromUncheckedByteOffset: offset &- 1, as: SIMD16<UInt8>.self),
      secondPrevious: unsafeLoadUnaligned(
        fromUncheckedByteOffset: offset &- 2, as: SIMD16<UInt8>.self),
      thirdPrevious: unsafeLoadUnaligned(
        fromUncheckedByteOffset: offset &- 3, as: SIMD16<UInt8>.self))
  }
}

/// A word and a second one that may overlap it, both read before either is written.
///
/// Each of the two is XORed with a mask of its own. Where they overlap, the masks must agree on
/// the bytes in common; those are then changed once, since both values come from before.
extension MutableRawSpan {
  @inline(always)
  mutating func xorFourBytes(
    at first: Int, with firstMask: UInt32, andAt second: Int, with secondMask: UInt32
  ) {
    // SAFETY: the loads check their bounds, and every bit pattern is a UInt32.
    let firstWord = unsafe unsafeLoadUnaligned(fromByteOffset: first, as: UInt32.self)
    let secondWord = unsafe unsafeLoadUnaligned(fromByteOffset: second, as: UInt32.self)
    storeBytes(of: firstWord ^ firstMask, toByteOffset: first, as: UInt32.self)
    storeBytes(of: secondWord ^ secondMask, toByteOffset: second, as: UInt32.self)
  }

  @inline(always)
  mutating func xorEightBytes(
    at first: Int, with firstMask: UInt64, andAt second: Int, with secondMask: UInt64
  ) {
    // SAFETY: the loads check their bounds, and every bit pattern is a UInt64.
    let firstWord = unsafe unsafeLoadUnaligned(fromByteOffset: first, as: UInt64.self)
    let secondWord = unsafe unsafeLoadUnaligned(fromByteOffset: second, as: UInt64.self)
    storeBytes(of: firstWord ^ firstMask, toByteOffset: first, as: UInt64.self)
    storeBytes(of: secondWord ^ secondMask, toByteOffset: second, as: UInt64.self)
  }

  @inline(always)
  mutating func xorSixteenBytes(
    at first: Int, with firstMask: SIMD2<UInt64>, andAt second: Int, with secondMask: SIMD2<UInt64>
  ) {
    // SAFETY: the loads check their bounds, and every bit pattern is a vector of integers.
    let firstWord = unsafe unsafeLoadUnaligned(fromByteOffset: first, as: SIMD2<UInt64>.self)
    let secondWord = unsafe unsafeLoadUnaligned(fromByteOffset: second, as: SIMD2<UInt64>.self)
    storeBytes(of: firstWord ^ firstMask, toByteOffset: first, as: SIMD2<UInt64>.self)
    storeBytes(of: secondWord ^ secondMask, toByteOffset: second, as: SIMD2<UInt64>.self)
  }

  @inline(always)
  mutating func xorThirtyTwoBytes(
    at first: Int, with firstMask: SIMD4<UInt64>, andAt second: Int, with secondMask: SIMD4<UInt64>
  ) {
    // SAFETY: the loads check their bounds, and every bit pattern is a vector of integers.
    let firstWord = unsafe unsafeLoadUnaligned(fromByteOffset: first, as: SIMD4<UInt64>.self)
    let secondWord = unsafe unsafeLoadUnaligned(fromByteOffset: second, as: SIMD4<UInt64>.self)
    storeBytes(of: firstWord ^ firstMask, toByteOffset: first, as: SIMD4<UInt64>.self)
    storeBytes(of: secondWord ^ secondMask, toByteOffset: second, as: SIMD4<UInt64>.self)
  }

  /// XORs the whole blocks of 64 bytes from `start`, as many as end before `end`, and the last
  /// 64 bytes before `end`, which may overlap the last of the blocks.
  @inline(always)
  mutating func xorBlocks(
    from start: Int, with mask: SIMD8<UInt64>, andLastBefore end: Int,
    with lastMask: SIMD8<UInt64>
  ) {
    let last = end &- 64
    // SAFETY: the loads check their bounds, and every bit pattern is a vector of integers.
    let lastBlock = unsafe unsafeLoadUnaligned(fromByteOffset: last, as: SIMD8<UInt64>.self)
    var offset = start
    while offset < last {
      // SAFETY: as above.
      let block = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
      storeBytes(of: block ^ mask, toByteOffset: offset, as: SIMD8<UInt64>.self)
      offset &+= 64
    }
    storeBytes(of: lastBlock ^ lastMask, toByteOffset: last, as: SIMD8<UInt64>.self)
  }
}

extension SIMD16<UInt8> {
  /// The bytes of `bits` from the lowest to the highest, in lanes 0 to 15.
  @inline(always)
  init(lowestFirst bits: UInt128) {
    let words = SIMD2(
      UInt64(truncatingIfNeeded: bits).littleEndian,
      UInt64(truncatingIfNeeded: bits >> 64).littleEndian)
    // SAFETY: both are vectors of 16 bytes for which every bit pattern is a value.
    self = unsafe unsafeBitCast(words, to: SIMD16<UInt8>.self)
  }

  /// The lanes as one number, lane 0 in the lowest eight bits.
  @inline(always)
  var lowestFirst: UInt128 {
    // SAFETY: both are vectors of 16 bytes for which every bit pattern is a value.
    let words = unsafe unsafeBitCast(self, to: SIMD2<UInt64>.self)
    return UInt128(UInt64(littleEndian: words[1])) << 64 | UInt128(UInt64(littleEndian: words[0]))
  }
}

extension SIMDMask<SIMD16<Int8>> {
  /// 0xFF in the lanes that are true, 0 in the others.
  @inline(always)
  var bytes: SIMD16<UInt8> {
    // SAFETY: a mask over 16 Int8 lanes is stored as 16 Int8 that are all ones or all zeros.
    unsafe unsafeBitCast(self, to: SIMD16<UInt8>.self)
  }
}
