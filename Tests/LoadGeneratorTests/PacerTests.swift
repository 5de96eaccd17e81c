import Testing

@testable import LoadGenerator

private let second: UInt64 = 1_000_000_000
private let hour = 3600 * second

private func pacer(
  _ rate: Double, start: UInt64 = 1000, burstMax: Int = .max, share: (Int, Int) = (0, 1)
) throws -> Pacer {
  Pacer(
    rate: try #require(MessageRate(messagesPerSecond: rate)), start: start, burstMax: burstMax,
    share: share)
}

@Suite("The pacer", .timeLimit(.minutes(5)))
struct PacerTests {
  @Test(
    "rates from one message in 1,000 seconds to 10 million a second",
    arguments: [0.001, 0.5, 1, 3, 1234.567891, 10_000_000])
  func rates(rate: Double) {
    #expect(MessageRate(messagesPerSecond: rate)?.messagesPerSecond == rate)
  }

  @Test(
    "other rates are refused",
    arguments: [0, -1, 0.0009, 10_000_001, .infinity, -.infinity, .nan])
  func refused(rate: Double) {
    #expect(MessageRate(messagesPerSecond: rate) == nil)
  }

  @Test(
    "there is no drift: after hours, each message is intended for its exact nanosecond",
    arguments: [
      (1, 7 * 3600, 7 * hour), (0.001, 9, 9000 * second), (0.1, 3600, 10 * hour),
      (10_000_000, 36_000_000_000, hour), (3, 1, 333_333_333), (3, 2, 666_666_666), (3, 3, second),
      (3, 3 * 86_400, 24 * hour), (7_654_321, 7_654_321 * 86_400, 24 * hour),
      (0.7, 7 * 360_000, 1000 * hour),
    ] as [(Double, UInt64, UInt64)])
  func intendedTimes(rate: Double, message: UInt64, after: UInt64) throws {
    #expect(try pacer(rate).intendedTime(of: message) == 1000 + after)
  }

  @Test("the end of time is not passed")
  func endOfTime() throws {
    let slow = try pacer(0.001, start: .max - 5, share: (2, 3))
    #expect(slow.intendedTime(of: 1) == .max)
    #expect(slow.intendedTime(of: .max) == .max)
    #expect(slow.nanosecondsUntilNext(at: 0) == .max)
    let fast = try pacer(10_000_000, start: 0)
    #expect(fast.backlog(at: .max) == UInt64.max / 100 + 1)
  }

  @Test(
    "a message is due from its intended nanosecond on",
    arguments: [0.001, 0.3, 1, 7, 999.999, 44_100, 7_654_321, 10_000_000])
  func due(rate: Double) throws {
    for message: UInt64 in [0, 1, 2, 3, 1000, 12_345_678, 86_400_000_000] {
      let pacer = try pacer(rate)
      let time = pacer.intendedTime(of: message)
      if time == .max { continue }
      #expect(pacer.backlog(at: time - 1) == message)
      #expect(pacer.backlog(at: time) == message + 1)
    }
  }

  @Test("nothing is due before the start")
  func beforeStart() throws {
    var pacer = try pacer(10_000_000, start: 1000)
    #expect(pacer.takeDue(at: 0) == 0..<0)
    #expect(pacer.takeDue(at: 999) == 0..<0)
    #expect(pacer.nanosecondsUntilNext(at: 400) == 600)
    #expect(pacer.takeDue(at: 1000) == 0..<1)
    #expect(pacer.nanosecondsUntilNext(at: 1000) == 100)
  }

  @Test("waiting as long as it says sends each message on time", arguments: [0.5, 3, 1000, 77_777])
  func waiting(rate: Double) throws {
    var pacer = try pacer(rate)
    var now: UInt64 = 0
    for message: UInt64 in 0..<1000 {
      now += pacer.nanosecondsUntilNext(at: now)
      #expect(now == pacer.intendedTime(of: message))
      #expect(pacer.takeDue(at: now) == message..<(message + 1))
      #expect(pacer.takeDue(at: now) == (message + 1)..<(message + 1))
    }
  }

  @Test("after a stall, the backlog comes in bursts with the times that were intended")
  func stall() throws {
    var pacer = try pacer(1000, start: 0, burstMax: 64)
    #expect(pacer.takeDue(at: 0) == 0..<1)
    // Half a second of nothing: messages 1 to 500 are due.
    let now = second / 2
    #expect(pacer.backlog(at: now) == 500)
    #expect(pacer.takeDue(at: now) == 1..<65)
    #expect(pacer.nanosecondsUntilNext(at: now) == 0)
    #expect(pacer.takeDue(at: now) == 65..<129)
    #expect(pacer.intendedTime(of: 128) == 128_000_000)
    #expect(pacer.backlog(at: now) == 372)
    #expect(pacer.taken == 129)
  }

  @Test("shares send together what one would", arguments: [1, 2, 3, 7])
  func shares(count: Int) throws {
    let whole = try pacer(1234.5)
    var times: [UInt64] = []
    for index in 0..<count {
      var part = try pacer(1234.5, share: (index, count))
      let taken = part.takeDue(at: 10 * second)
      times += taken.map { part.intendedTime(of: $0) }
      // The first that wasn't taken is the first that isn't due.
      #expect(part.nanosecondsUntilNext(at: 10 * second) > 0)
    }
    #expect(times.sorted() == (0..<UInt64(times.count)).map { whole.intendedTime(of: $0) })
    #expect(UInt64(times.count) == whole.backlog(at: 10 * second))
  }
}
