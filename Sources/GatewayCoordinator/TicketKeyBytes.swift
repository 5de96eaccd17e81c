internal import SystemIO

/// What the workers seal session tickets with, so that each opens the others'.
enum TicketKeyBytes {
  /// As TLS.TicketKey wants it: a name of 16 bytes, and 32 each for AES-256 and
  /// HMAC-SHA-256.
  private static let byteCount = 80
  static let lifeMilliseconds: UInt64 = 6 * 3_600_000

  static func random() -> [UInt8] {
    var words = [UInt32](repeating: 0, count: byteCount / 4)
    var span = words.mutableSpan
    RandomNumbers.fill(&span)
    return words.flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
    }
  }
}
