import Testing

@testable import SystemIO

/// All timers that have expired, in the order in which they fire.
private func expire(_ wheel: inout TimerWheel, now: UInt64) -> [Int] {
  var slots: [Int] = []
  while let slot = wheel.expired(now: now) { slots.append(slot) }
  return slots
}

@Suite("The timer wheel", .timeLimit(.minutes(5)))
struct TimerWheelTests {
  private static let tick = TimerWheel.tickMilliseconds

  @Test(
    "a timer fires at the end of the tick that its deadline lies in",
    arguments: [
      (0, 64), (1, 64), (63, 64), (64, 128), (65, 128), (127, 128), (128, 192), (65_535, 65_536),
      (65_536, 65_600), (1_000_000, 1_000_000), (86_400_000, 86_400_064),
    ] as [(UInt64, UInt64)])
  func endOfTick(delay: UInt64, fires: UInt64) {
    for origin: UInt64 in [0, 1, 63, 64, 123_456_789] {
      var wheel = TimerWheel(now: origin)
      wheel.set(3, at: origin + delay)
      let fires = (delay / Self.tick + 1) * Self.tick
      #expect(expire(&wheel, now: origin + fires - 1) == [])
      #expect(expire(&wheel, now: origin + fires) == [3])
      #expect(expire(&wheel, now: origin + fires + 1_000_000) == [])
    }
  }

  @Test("a deadline that has passed is the next tick's")
  func passed() {
    var wheel = TimerWheel(now: 1000)
    #expect(expire(&wheel, now: 10_000) == [])
    wheel.set(0, at: 0)
    wheel.set(1, at: 9_999)
    #expect(Set(expire(&wheel, now: 10_100)) == [0, 1])
  }

  @Test("a timer that is moved fires only where it was moved to")
  func move() {
    var wheel = TimerWheel(now: 0)
    wheel.set(0, at: 100)
    wheel.set(0, at: 1000)
    #expect(expire(&wheel, now: 900) == [])
    wheel.set(0, at: 950)
    #expect(expire(&wheel, now: 1000) == [0])
    #expect(expire(&wheel, now: 5000) == [])
  }

  @Test("a cancelled timer doesn't fire, and may be cancelled twice")
  func cancel() {
    var wheel = TimerWheel(now: 0)
    wheel.set(0, at: 100)
    wheel.set(1, at: 100)
    wheel.cancel(0)
    wheel.cancel(0)
    wheel.cancel(99)
    #expect(expire(&wheel, now: 1000) == [1])
    wheel.cancel(1)
    #expect(wheel.delay(from: 1000) == nil)
  }

  @Test("timers of the same tick may cancel and move each other while they expire")
  func changesDuringExpiry() {
    var wheel = TimerWheel(now: 0)
    for slot in 0..<6 { wheel.set(slot, at: 10) }
    var fired: [Int] = []
    while let slot = wheel.expired(now: 100) {
      fired.append(slot)
      // Whichever comes first ends all others but one, which it moves.
      for other in 0..<5 where other != slot { wheel.cancel(other) }
      if slot != 5 { wheel.set(5, at: 500) }
      if fired.count == 1 { wheel.set(slot, at: 0) }
    }
    #expect(fired.count == 1)
    #expect(expire(&wheel, now: 199) == [fired[0]])
    #expect(expire(&wheel, now: 600) == (fired[0] == 5 ? [] : [5]))
  }

  @Test("a timer that is set again as it fires fires once a tick, not forever")
  func setAgain() {
    var wheel = TimerWheel(now: 0)
    wheel.set(0, at: 0)
    var count = 0
    while wheel.expired(now: 6_400) != nil {
      count += 1
      wheel.set(0, at: 0)
      if count > 1000 { break }
    }
    #expect(count <= 100)
  }

  @Test("timers of later rounds share a bucket without disturbing each other")
  func rounds() {
    var wheel = TimerWheel(now: 0)
    let round = 1024 * Self.tick
    for slot in 0..<20 { wheel.set(slot, at: UInt64(slot) * round + 10) }
    for slot in 0..<20 {
      #expect(expire(&wheel, now: UInt64(slot) * round + 63) == [])
      #expect(expire(&wheel, now: UInt64(slot) * round + 64) == [slot])
    }
    #expect(wheel.delay(from: 0) == nil)
  }

  @Test(
    "the far future is cut, not wrapped around",
    arguments: [
      1 << 50, UInt64.max - 1, UInt64.max,
    ])
  func farFuture(deadline: UInt64) {
    var wheel = TimerWheel(now: 5)
    wheel.set(0, at: deadline)
    #expect(expire(&wheel, now: 1_000_000) == [])
    #expect(wheel.delay(from: 1_000_000) != nil)
    wheel.cancel(0)
    #expect(wheel.delay(from: 1_000_000) == nil)
  }

  @Test("without timers there is nothing to wait for")
  func nothingSet() {
    var wheel = TimerWheel(now: 77)
    #expect(wheel.delay(from: 77) == nil)
    #expect(wheel.expired(now: 1 << 37) == nil)
    // Even after a long time without any.
    wheel.set(0, at: 1 << 37)
    #expect((wheel.delay(from: 1 << 37) ?? .max) <= Self.tick)
  }

  @Test(
    "waiting as long as it says is enough, and takes few wake-ups",
    arguments: [
      50, 6_400, 70_000, 600_000, 86_400_000,
    ] as [UInt64])
  func delays(deadline: UInt64) {
    var wheel = TimerWheel(now: 0)
    wheel.set(0, at: deadline)
    var now: UInt64 = 0
    var wakeUps: UInt64 = 0
    var fired: [Int] = []
    while fired.isEmpty, let delay = wheel.delay(from: now) {
      now += delay
      wakeUps += 1
      if now > deadline + Self.tick || wakeUps > 10_000 { break }
      fired = expire(&wheel, now: now)
    }
    #expect(fired == [0])
    #expect(now > deadline && now <= deadline + Self.tick)
    // Once for every round that it lies ahead.
    #expect(wakeUps <= deadline / (1024 * Self.tick) + 2)
  }

  @Test("as a plain table of deadlines would have it", arguments: 1...24)
  func againstReference(seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    let origin = UInt64.random(in: 0...1_000_000, using: &generator)
    var now = origin
    var wheel = TimerWheel(now: origin)
    var deadlines: [Int: UInt64] = [:]

    func change() {
      let slot = Int.random(in: 0..<40, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0:
        wheel.cancel(slot)
        deadlines[slot] = nil
      case 1:
        let passed = now - UInt64.random(in: 0...(now - origin), using: &generator)
        wheel.set(slot, at: passed)
        deadlines[slot] = now
      default:
        let longest: UInt64 = [100, 5_000, 200_000, 5_000_000].randomElement(using: &generator)!
        let deadline = now + UInt64.random(in: 0...longest, using: &generator)
        wheel.set(slot, at: deadline)
        deadlines[slot] = deadline
      }
    }

    for _ in 0..<1500 {
      for _ in 0..<Int.random(in: 0...3, using: &generator) { change() }

      // Nothing is due before the wheel wants to be asked again.
      let earliest = deadlines.values.min()
      let delay = wheel.delay(from: now)
      if (delay == nil) != (earliest == nil) {
        Issue.record("seed \(seed): \(delay as Any) though the earliest is \(earliest as Any)")
      }
      if let delay, let earliest, now + delay > max(earliest, now) + Self.tick {
        Issue.record("seed \(seed): asked again \(delay) ms after \(now), \(earliest) is due")
      }

      let longest: UInt64 = [50, 500, 20_000, 2_000_000].randomElement(using: &generator)!
      now += UInt64.random(in: 0...longest, using: &generator)
      var fired = 0
      while let slot = wheel.expired(now: now) {
        fired += 1
        guard let deadline = deadlines.removeValue(forKey: slot) else {
          Issue.record("seed \(seed): \(slot) fired and isn't set")
          return
        }
        if deadline > now { Issue.record("seed \(seed): \(deadline) fired early, at \(now)") }
        if fired < 50 && Int.random(in: 0..<3, using: &generator) == 0 { change() }
      }
      for (slot, deadline) in deadlines where deadline + Self.tick <= now {
        Issue.record("seed \(seed): \(slot) was due at \(deadline) and is late at \(now)")
        return
      }
    }
  }
}
