/// SHA-1 (FIPS 180-4 §6.1, RFC 3174).
///
/// For the opening handshake only, where it proves that the server has read the key and keeps
/// nothing secret (RFC 6455 §10.8). SHA-1 is broken: nothing else may use this.
enum SHA1 {
  /// The 20 bytes of the digest. Linear in the bytes, without allocation but for the result.
  static func digest(_ message: Span<UInt8>) -> [UInt8] {
    var hash = Hash()
    var offset = 0
    while message.count - offset >= 64 {
      hash.takeBlock { message[offset + $0] }
      offset += 64
    }

    // The end: the rest, one bit set, zeros, and the length in bits in the last eight bytes.
    let rest = message.count - offset
    let bits = UInt64(message.count) &* 8
    let end = rest < 56 ? 64 : 128
    for start in stride(from: 0, to: end, by: 64) {
      hash.takeBlock { index in
        let position = start + index
        return if position < rest {
          message[offset + position]
        } else if position == rest {
          0x80
        } else if position >= end - 8 {
          UInt8(truncatingIfNeeded: bits >> UInt64(8 * (end - 1 - position)))
        } else {
          0
        }
      }
    }
    return hash.bytes
  }

  /// The five chaining words.
  private struct Hash {
    private var words: (UInt32, UInt32, UInt32, UInt32, UInt32) =
      (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0)

    /// Mixes in 64 bytes, each asked for by its index.
    mutating func takeBlock(_ byte: (Int) -> UInt8) {
      // The schedule's last sixteen words, as a ring.
      var schedule: [16 of UInt32] = .init(repeating: 0)
      for index in 0..<16 {
        schedule[index] =
          UInt32(byte(4 * index)) << 24 | UInt32(byte(4 * index + 1)) << 16
          | UInt32(byte(4 * index + 2)) << 8 | UInt32(byte(4 * index + 3))
      }
      var (a, b, c, d, e) = words
      for round in 0..<80 {
        let slot = round % 16
        if round >= 16 {
          let mixed =
            schedule[(round - 3) % 16] ^ schedule[(round - 8) % 16]
            ^ schedule[(round - 14) % 16] ^ schedule[slot]
          schedule[slot] = rotateLeft(mixed, by: 1)
        }
        let (mix, constant): (UInt32, UInt32) =
          switch round {
          case ..<20: ((b & c) | (~b & d), 0x5A82_7999)
          case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
          case ..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
          default: (b ^ c ^ d, 0xCA62_C1D6)
          }
        let next = rotateLeft(a, by: 5) &+ mix &+ e &+ constant &+ schedule[slot]
        (a, b, c, d, e) = (next, a, rotateLeft(b, by: 30), c, d)
      }
      words = (
        words.0 &+ a, words.1 &+ b, words.2 &+ c, words.3 &+ d, words.4 &+ e
      )
    }

    /// The words, most significant byte first.
    var bytes: [UInt8] {
      [words.0, words.1, words.2, words.3, words.4].flatMap { word in
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
      }
    }

    private func rotateLeft(_ word: UInt32, by count: UInt32) -> UInt32 {
      word << count | word >> (32 - count)
    }
  }
}
