/// The obvious loops, one byte at a time, to measure against.
enum PlainLoop {
  /// RFC 6455 §5.3 as it is written.
  @inline(never)
  static func mask(
    _ key: [4 of UInt8], phase: Int, to bytes: inout MutableSpan<UInt8>, in range: Range<Int>
  ) {
    var position = phase
    for index in range {
      bytes[index] ^= key[position & 3]
      position &+= 1
    }
  }

  /// The grammar of RFC 3629 §4, with the range of the next continuation as the state.
  @inline(never)
  static func isValidUTF8(_ bytes: Span<UInt8>) -> Bool {
    var missing = 0
    var lower: UInt8 = 0x80
    var upper: UInt8 = 0xBF
    for index in bytes.indices {
      let byte = bytes[index]
      if missing > 0 {
        if byte < lower || byte > upper { return false }
        missing &-= 1
        lower = 0x80
        upper = 0xBF
        continue
      }
      switch byte {
      case 0x00...0x7F: break
      case 0xC2...0xDF: missing = 1
      case 0xE0...0xEF:
        missing = 2
        if byte == 0xE0 { lower = 0xA0 }
        if byte == 0xED { upper = 0x9F }
      case 0xF0...0xF4:
        missing = 3
        if byte == 0xF0 { lower = 0x90 }
        if byte == 0xF4 { upper = 0x8F }
      default: return false
      }
    }
    return missing == 0
  }
}
