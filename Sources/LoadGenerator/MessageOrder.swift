/// How the number of a message stands to those before it.
package enum Arrival: Equatable, Sendable {
  /// The next one.
  case inOrder
  /// Later than the next one; so many between have not come, so far.
  case skipped(UInt64)
  /// One that was skipped: reordered, not lost.
  case late
  /// One that has come before, or is late by more than 63 messages.
  case duplicate
}

/// Tells loss, reordering and duplication in one stream, from the numbers that
/// ``MessageStamp/number(of:)`` returns in the order in which they come.
package struct MessageOrder: Sendable {
  /// How many were skipped and have not come since: lost, once the stream has ended and
  /// ``next`` is the number after the last one sent.
  package private(set) var missing: UInt64 = 0

  /// The number that comes next in order.
  package private(set) var next: UInt64

  /// Bit *i* is set when message `next - 1 - i` has come.
  private var received: UInt64 = .max

  package init(next: UInt64 = 0) {
    self.next = next % MessageStamp.numberCount
  }

  package mutating func receive(_ number: UInt64) -> Arrival {
    let mask = MessageStamp.numberCount - 1
    let ahead = (number &- next) & mask
    if ahead == 0 {
      advance(by: 1)
      return .inOrder
    }
    if ahead < MessageStamp.numberCount / 2 {
      missing &+= ahead
      advance(by: ahead + 1)
      return .skipped(ahead)
    }
    let place = (next &- number &- 1) & mask
    // A shift by 64 or more leaves nothing.
    let bit: UInt64 = 1 << place
    if bit == 0 || received & bit != 0 { return .duplicate }
    received |= bit
    missing -= 1
    return .late
  }

  /// The last of the numbers passed over is the one that has come.
  private mutating func advance(by count: UInt64) {
    next = (next + count) % MessageStamp.numberCount
    received = received << count | 1
  }
}
