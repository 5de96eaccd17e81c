internal import SystemIO
internal import WebSocketCore

/// Masking keys from the kernel's random numbers (RFC 6455 §5.3: unpredictable, from a
/// strong source). A thousand of them per system call.
struct MaskingKeySource: ~Copyable {
  private var keys = [UInt32](repeating: 0, count: 1024)
  private var used = 1024

  mutating func next() -> MaskingKey {
    if used == keys.count {
      var span = keys.mutableSpan
      RandomNumbers.fill(&span)
      used = 0
    }
    used += 1
    return MaskingKey(rawValue: keys[used - 1])
  }

  /// For a `Sec-WebSocket-Key`.
  mutating func next16Bytes() -> [16 of UInt8] {
    var bytes = [16 of UInt8](repeating: 0)
    for index in bytes.indices where index % 4 == 0 {
      let word = next().rawValue
      for part in 0..<4 {
        bytes[index + part] = UInt8(truncatingIfNeeded: word >> UInt32(8 * part))
      }
    }
    return bytes
  }
}
