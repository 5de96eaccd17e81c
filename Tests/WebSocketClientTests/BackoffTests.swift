import Testing
import WebSocketClient
import WebSocketCore

@Suite("Backoff")
struct BackoffTests {
  private func highest(of backoff: Backoff, hint: RetryHint? = nil) -> UInt64 {
    var generator = SeededGenerator(state: 1)
    return (0..<500).map { _ in
      var copy = backoff
      return copy.next(hint: hint, using: &generator)
    }.max()!
  }

  @Test func `The bound doubles up to the longest, and the wait is anywhere below`() {
    var generator = SeededGenerator(state: 2)
    var backoff = Backoff(firstMilliseconds: 1000, longestMilliseconds: 10_000)
    for bound: UInt64 in [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000] {
      let highest = highest(of: backoff)
      #expect((bound * 9 / 10...bound).contains(highest))
      #expect(backoff.next(hint: nil, using: &generator) <= bound)
    }
    backoff.reset()
    #expect(highest(of: backoff) <= 1000)
  }

  @Test func `Clients do not come back together`() {
    var generator = SeededGenerator(state: 3)
    var waits: Set<UInt64> = []
    for _ in 0..<100 {
      var backoff = Backoff(firstMilliseconds: 1_000_000, longestMilliseconds: 1_000_000)
      waits.insert(backoff.next(hint: nil, using: &generator))
    }
    #expect(waits.count > 90)
    #expect(waits.min()! < 100_000 && waits.max()! > 900_000)
  }

  @Test(
    arguments: [
      (1, 1), (1, 86_400_000), (86_400_000, 86_400_000), (3, 5), (500, 30_000),
    ] as [(UInt64, UInt64)])
  func `Any number of failures`(first: UInt64, longest: UInt64) {
    var generator = SeededGenerator(state: 4)
    var backoff = Backoff(firstMilliseconds: first, longestMilliseconds: longest)
    for _ in 0..<1000 {
      #expect(backoff.next(hint: nil, using: &generator) <= longest)
    }
  }

  @Test func `A hint is followed, even beyond the longest, and counts as a failure`() {
    var generator = SeededGenerator(state: 5)
    var backoff = Backoff(firstMilliseconds: 1000, longestMilliseconds: 8000)
    let day = RetryHint.millisecondsMax
    for range: ClosedRange<UInt64> in [0...0, 20_000...30_000, day...day] {
      let wait = backoff.next(hint: RetryHint(milliseconds: range), using: &generator)
      #expect(range.contains(wait))
    }
    let highest = highest(of: backoff)
    #expect((7200...8000).contains(highest))
  }
}
