/// What is wrong with a payload that came back.
package enum PayloadError: Error, Equatable {
  case wrongSize
  case wrongContent
}

/// The content of benchmark messages: a number, and filler that depends on the number.
///
/// All of it is printable ASCII (`0` to `o`), so that a payload is valid as text and as binary.
/// The first eight bytes have the message's number in seven digits of six bits, the lowest
/// first, and a check digit. Filler follows to the end. Check digit and filler depend on
/// number, stream and place, so a payload shows when it was changed, mixed with that of
/// another message, moved, or sent to the wrong connection.
///
/// A payload of less than eight bytes is nothing but filler, the same in each message of a
/// stream.
package struct MessageStamp: Sendable {
  /// Numbers are counted modulo this: 4.4 · 10¹², which are five days at 10 million a second.
  package static let numberCount: UInt64 = 1 << 42

  /// The bytes that the number takes.
  package static let byteCount = 8

  /// What tells messages of one sender from those of another, modulo 2²².
  package let stream: UInt32

  /// The length of each payload in bytes.
  package let size: Int

  package init(stream: UInt32, size: Int) {
    precondition(size >= 0)
    self.stream = stream
    self.size = size
  }

  /// Appends the payload of message `number`.
  ///
  /// `output` must have at least `size` bytes free; traps otherwise.
  ///
  /// - Complexity: O(`size`).
  package func append(_ number: UInt64, to output: inout OutputSpan<UInt8>) {
    if size < Self.byteCount {
      output.append(words: Filler(seed: seed(of: 0)), byteCount: size)
    } else {
      let seed = seed(of: number)
      output.append(word: digits(number, checkedBy: seed))
      output.append(words: Filler(seed: seed), byteCount: size - Self.byteCount)
    }
  }

  /// The number of a message that has come, once all of its payload has been checked. Nil when
  /// a payload of that size has none.
  ///
  /// - Complexity: O(`size`).
  package func number(of payload: Span<UInt8>) throws(PayloadError) -> UInt64? {
    guard payload.count == size else { throw .wrongSize }
    // SAFETY: a UInt8 has no padding, so all of the bytes are initialised.
    let bytes = unsafe payload.bytes
    if size < Self.byteCount {
      guard bytes.hasShort(Filler(seed: seed(of: 0))) else { throw .wrongContent }
      return nil
    }
    let word = bytes.word(at: 0)
    let number = Self.joined(word &- Filler.base) & (Self.numberCount - 1)
    let seed = seed(of: number)
    guard word == digits(number, checkedBy: seed), bytes.has(Filler(seed: seed), from: 8) else {
      throw .wrongContent
    }
    return number
  }

  /// Well mixed, so that messages whose numbers are close have different filler.
  private func seed(of number: UInt64) -> UInt64 {
    var mixed = (number & (Self.numberCount - 1)) | UInt64(stream) << 42
    mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
    mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
    return mixed ^ mixed >> 32
  }

  /// The first eight bytes; the check digit is the last of them.
  private func digits(_ number: UInt64, checkedBy seed: UInt64) -> UInt64 {
    Self.spread((number & (Self.numberCount - 1)) | (seed >> 58) << 42) &+ Filler.base
  }

  /// Each six of the lowest 48 bits in a byte of its own.
  private static func spread(_ bits: UInt64) -> UInt64 {
    var spread = (bits & 0xFF_FFFF) | (bits & 0xFFFF_FF00_0000) << 8
    spread = (spread & 0x0000_0FFF_0000_0FFF) | (spread & 0x00FF_F000_00FF_F000) << 4
    return (spread & 0x003F_003F_003F_003F) | (spread & 0x0FC0_0FC0_0FC0_0FC0) << 2
  }

  /// The opposite of `spread`. The two highest bits of a byte are ignored.
  private static func joined(_ spread: UInt64) -> UInt64 {
    var bits = (spread & 0x003F_003F_003F_003F) | (spread & 0x3F00_3F00_3F00_3F00) >> 2
    bits = (bits & 0x0000_0FFF_0000_0FFF) | (bits & 0x0FFF_0000_0FFF_0000) >> 4
    return (bits & 0xFF_FFFF) | (bits & 0x00FF_FFFF_0000_0000) >> 8
  }
}

/// An endless sequence of words of eight printable bytes, cheap to compute at any place: the
/// seed plus a multiple of an odd number, of which six bits are taken in every byte.
struct Filler {
  let seed: UInt64

  /// `0` in every byte; the 64 characters from there on are printable.
  static let base: UInt64 = 0x3030_3030_3030_3030
  static let sixBits: UInt64 = 0x3F3F_3F3F_3F3F_3F3F
  static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The first byte in the lowest eight bits.
  @inline(__always)
  func word(_ index: Int) -> UInt64 {
    ((seed &+ UInt64(truncatingIfNeeded: index) &* Self.step) & Self.sixBits) &+ Self.base
  }
}
