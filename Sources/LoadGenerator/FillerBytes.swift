// Filler as bytes. Every load and store here that is wider than a byte checks its bounds.

extension RawSpan {
  /// The eight bytes at `offset`, the first of them in the lowest eight bits.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    // SAFETY: the load checks its bounds, and every bit pattern is a UInt64.
    unsafe UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Whether all bytes from `start`, which is at least 8, are `filler`.
  @inline(__always)
  func has(_ filler: Filler, from start: Int) -> Bool {
    precondition(start >= 8 && start <= byteCount)
    let wordCount = (byteCount &- start) / 8
    var difference: UInt64 = 0
    for index in 0..<wordCount {
      // SAFETY: `index` is less than `wordCount`, so the word ends within the bytes by the check
      // above; every bit pattern is a UInt64. With a check in each load the compiler would not
      // use vectors, which take a third of the time.
      let word = unsafe unsafeLoadUnaligned(
        fromUncheckedByteOffset: start &+ index &* 8, as: UInt64.self)
      difference |= UInt64(littleEndian: word) ^ filler.word(index)
    }
    let tail = byteCount &- start &- wordCount &* 8
    if tail > 0 {
      // The word that ends with the last byte, without the bytes that were compared already.
      let seen = UInt64(8 &- tail) &* 8
      let expected = (filler.word(wordCount) &<< seen) &>> seen
      difference |= (word(at: byteCount &- 8) &>> seen) ^ expected
    }
    return difference == 0
  }

  /// Whether these bytes, less than 8, are `filler`.
  func hasShort(_ filler: Filler) -> Bool {
    var expected = filler.word(0)
    for offset in 0..<byteCount {
      // SAFETY: the load checks its bounds, and every bit pattern is a UInt8.
      let byte = unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      guard byte == UInt8(truncatingIfNeeded: expected) else { return false }
      expected >>= 8
    }
    return true
  }
}

extension OutputSpan<UInt8> {
  /// Appends eight bytes, the lowest eight bits first.
  @inline(__always)
  mutating func append(word: UInt64) {
    append(words: 1, lastByteCount: 8) { _ in word }
  }

  /// Appends `byteCount` bytes of `filler`.
  @inline(__always)
  mutating func append(words filler: Filler, byteCount: Int) {
    if byteCount == 0 { return }
    let count = (byteCount &- 1) / 8 &+ 1
    append(words: count, lastByteCount: byteCount &- (count &- 1) &* 8) { filler.word($0) }
  }

  /// Appends `count` words, of the last one only `lastByteCount` bytes, 1 to 8.
  @inline(__always)
  private mutating func append(words count: Int, lastByteCount: Int, _ word: (Int) -> UInt64) {
    let whole = count &- 1
    let byteCount = whole &* 8 &+ lastByteCount
    precondition(freeCapacity >= byteCount, "no room for the payload")
    // SAFETY: from the end of what is initialized, `byteCount` bytes are written, for which
    // there is room by the check above.
    unsafe withUnsafeMutableBufferPointer { buffer, initializedCount in
      let start = unsafe UnsafeMutableRawPointer(buffer.baseAddress!) + initializedCount
      for index in 0..<whole {
        unsafe start.storeBytes(
          of: word(index).littleEndian, toByteOffset: index &* 8, as: UInt64.self)
      }
      var last = word(whole)
      for offset in (whole &* 8)..<byteCount {
        unsafe start.storeBytes(
          of: UInt8(truncatingIfNeeded: last), toByteOffset: offset, as: UInt8.self)
        last >>= 8
      }
      initializedCount += byteCount
    }
  }
}
