/// So many per second, counted in whole seconds of the caller's clock: a peer
/// can have twice the number within one second at the border of two. 8 bytes.
struct RateLimit: Sendable {
  private var second: UInt32 = 0
  private var count: UInt32 = 0

  /// Counts one; false when it is one too many. `max` 0: no limit.
  mutating func allows(_ max: UInt32, now milliseconds: UInt64) -> Bool {
    if max == 0 { return true }
    let current = UInt32(truncatingIfNeeded: milliseconds / 1000)
    if current != second {
      second = current
      count = 0
    }
    count &+= 1
    return count <= max
  }
}
