package import WebSocketCore

/// How long a client waits before it connects again: full jitter, a random time
/// below a bound that doubles with every failure. Pure: randomness is handed in.
package struct Backoff: Sendable {
  /// The bound of the first wait, and of all waits.
  package let firstMilliseconds: UInt64
  package let longestMilliseconds: UInt64
  private var failures: UInt64 = 0

  /// From 1 ms to ``RetryHint/millisecondsMax``.
  package init(firstMilliseconds: UInt64 = 500, longestMilliseconds: UInt64 = 30_000) {
    precondition(firstMilliseconds > 0 && longestMilliseconds >= firstMilliseconds)
    precondition(longestMilliseconds <= RetryHint.millisecondsMax)
    self.firstMilliseconds = firstMilliseconds
    self.longestMilliseconds = longestMilliseconds
  }

  /// The connection was good: the next wait is a first one.
  package mutating func reset() {
    failures = 0
  }

  /// The next wait. A server's hint, when it has given one, is followed to the letter.
  package mutating func next(
    hint: RetryHint?, using generator: inout some RandomNumberGenerator
  ) -> UInt64 {
    var bound = firstMilliseconds
    for _ in 0..<failures {
      if bound >= longestMilliseconds { break }
      bound *= 2
    }
    failures += 1
    if let hint { return UInt64.random(in: hint.milliseconds, using: &generator) }
    return UInt64.random(in: 0...min(bound, longestMilliseconds), using: &generator)
  }
}
