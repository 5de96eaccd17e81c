/// How many messages a second are to be sent.
package struct MessageRate: Equatable, Sendable {
  /// Messages in 1,000,000 seconds. A whole number, so that send times can be exact.
  let perMillionSeconds: UInt64

  /// - Parameter messagesPerSecond: 0.001 to 10,000,000; taken to the nearest millionth. Nil
  ///   for anything else.
  package init?(messagesPerSecond: Double) {
    guard messagesPerSecond >= 0.001, messagesPerSecond <= 10_000_000 else { return nil }
    perMillionSeconds = UInt64((messagesPerSecond * 1e6).rounded())
  }

  package var messagesPerSecond: Double { Double(perMillionSeconds) / 1e6 }
}

/// When the messages of an open loop are due: at a fixed rate, whatever the server does.
///
/// A client that waits for a slow server sends less while it is slow, and so measures the pause
/// once instead of for every message that would have come then ("coordinated omission"). Here
/// each message has an intended time that nothing moves; it is sent then or as soon after it
/// as possible, and its latency is measured from ``intendedTime(of:)``.
///
/// Message *k* (from 0) is intended for `start + k / rate`, rounded down to a whole nanosecond.
/// That is computed from *k* and not added up, so there is no drift.
///
/// Several threads share a rate by taking every *n*-th message each, so that together they
/// send at the same moments as one would.
package struct Pacer: Sendable {
  /// How many messages have been handed out by ``takeDue(at:)``.
  package private(set) var taken: UInt64 = 0

  private let start: UInt64
  private let perMillionSeconds: UInt128
  private let burstMax: UInt64
  private let share: UInt64
  private let shareCount: UInt64

  /// - Parameters:
  ///   - rate: Of all shares together.
  ///   - start: When the first message of share 0 is intended, in nanoseconds.
  ///   - burstMax: The most that one call of ``takeDue(at:)`` hands out. Positive.
  ///   - share: Which thread this is for, from 0, of how many. Message *k* of this share is
  ///     message `k * count + index` of the whole.
  package init(
    rate: MessageRate, start: UInt64, burstMax: Int, share: (index: Int, count: Int) = (0, 1)
  ) {
    precondition(burstMax > 0 && share.index >= 0 && share.index < share.count)
    self.start = start
    self.perMillionSeconds = UInt128(rate.perMillionSeconds)
    self.burstMax = UInt64(burstMax)
    self.share = UInt64(share.index)
    self.shareCount = UInt64(share.count)
  }

  /// The messages of this share to send now, at `now` nanoseconds of the clock of `start`: all
  /// that are due and have not been taken, but no more than `burstMax`, so that a client that
  /// was held up does not bury the server. The rest comes with the next calls, with its
  /// intended times unchanged. `limit`: and no more than the caller can take, not negative.
  package mutating func takeDue(at now: UInt64, atMost limit: Int = .max) -> Range<UInt64> {
    let first = taken
    taken += min(backlog(at: now), burstMax, UInt64(limit))
    return first..<taken
  }

  /// How many messages of this share are due and have not been taken.
  package func backlog(at now: UInt64) -> UInt64 {
    let due = dueCount(at: now)
    return due > taken ? due - taken : 0
  }

  /// When message `index` of this share should be sent, in nanoseconds of the clock of `start`.
  /// The last nanosecond that there is, should it lie after that.
  package func intendedTime(of index: UInt64) -> UInt64 {
    let whole = UInt128(index) * UInt128(shareCount) + UInt128(share)
    let (offset, overflow) = whole.multipliedReportingOverflow(by: Self.millionSeconds)
    if overflow { return .max }
    return UInt64(clamping: UInt128(start) + offset / perMillionSeconds)
  }

  /// How long until ``takeDue(at:)`` hands out the next message; 0 when it would now.
  package func nanosecondsUntilNext(at now: UInt64) -> UInt64 {
    let next = intendedTime(of: taken)
    return next > now ? next - now : 0
  }

  /// How many messages of this share have an intended time at or before `now`.
  private func dueCount(at now: UInt64) -> UInt64 {
    if now < start { return 0 }
    // Message k is due when ⌊k · 10¹⁵ / rate⌋ ≤ elapsed, which is k · 10¹⁵ < (elapsed + 1) · rate.
    let limit = (UInt128(now - start) + 1) * perMillionSeconds
    let whole = (limit - 1) / Self.millionSeconds + 1
    if whole <= UInt128(share) { return 0 }
    return UInt64(clamping: (whole - UInt128(share) - 1) / UInt128(shareCount) + 1)
  }

  /// In nanoseconds.
  private static let millionSeconds: UInt128 = 1_000_000_000_000_000
}
