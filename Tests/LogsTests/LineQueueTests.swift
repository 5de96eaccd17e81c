import Testing

@testable import Logs

@Suite("The queue of lines")
struct LineQueueTests {
  private func lines(_ count: Int) -> [UInt8] {
    Array(String(repeating: "123456789\n", count: count).utf8)
  }

  @Test("takes what there is room for, and counts the rest")
  func bounded() {
    var queue = LineQueue(bytesMax: 100)
    queue.append(lines(6), lines: 6)
    queue.append(lines(4), lines: 4)
    queue.append(lines(2), lines: 2)
    let batch = queue.take()
    #expect(batch.bytes == lines(10))
    #expect(batch.lost == 2)
  }

  @Test("what is being written takes room too")
  func taken() {
    var queue = LineQueue(bytesMax: 100)
    queue.append(lines(8), lines: 8)
    _ = queue.take()
    queue.append(lines(3), lines: 3)
    // Nothing is taken behind a gap, so that the gap can be told where it is.
    queue.append(lines(1), lines: 1)
    queue.finish(untold: 0)
    let batch = queue.take()
    #expect(batch.bytes == [])
    #expect(batch.lost == 4)
    queue.finish(untold: 0)
    queue.append(lines(10), lines: 10)
    #expect(queue.take().bytes == lines(10))
  }

  @Test("what could not be told is told with the next lines, and not before")
  func untold() {
    var queue = LineQueue(bytesMax: 100)
    queue.append(lines(1), lines: 1)
    _ = queue.take()
    queue.finish(untold: 1)
    #expect(queue.take().isEmpty)
    queue.append(lines(2), lines: 2)
    let batch = queue.take()
    #expect(batch.bytes == lines(2))
    #expect(batch.lost == 1)
  }
}

@Suite("Problems that repeat themselves")
struct RepeatLimiterTests {
  @Test("are told at once, and then with how often they came")
  func periods() {
    var limiter = RepeatLimiter()
    let period = RepeatLimiter.periodMilliseconds
    #expect(limiter.nextMilliseconds == nil)
    var isTold = limiter.mayTell(now: 5)
    #expect(isTold)
    #expect(limiter.nextMilliseconds == 5 + period)
    for _ in 0..<3 {
      isTold = limiter.mayTell(now: 6)
      #expect(!isTold)
    }
    var count = limiter.due(now: 4 + period)
    #expect(count == nil)
    count = limiter.due(now: 5 + period)
    #expect(count == 3)
    isTold = limiter.mayTell(now: 6 + period)
    #expect(!isTold)
    count = limiter.due(now: 5 + 2 * period)
    #expect(count == 1)
    count = limiter.due(now: 5 + 3 * period)
    #expect(count == nil)
    #expect(limiter.nextMilliseconds == nil)
    isTold = limiter.mayTell(now: 6 + 3 * period)
    #expect(isTold)
    _ = limiter.mayTell(now: 7 + 3 * period)
    count = limiter.takeLeftOut()
    #expect(count == 1)
    count = limiter.takeLeftOut()
    #expect(count == nil)
  }
}
