import FleetCore
import Testing

@Suite("Supervision")
struct SupervisionTests {
  private let zero = SlotID(0)
  private let one = SlotID(1)

  @Test("the first worker that is ready attends every slot, until the others are")
  func beginning() {
    let driver = FleetDriver(slots: 2)
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    #expect(driver.start() == [.spawn(first), .spawn(second)])
    #expect(!driver.isReady)
    #expect(
      driver.ready(second) == [
        .send(second, .adopt(zero)), .send(second, .start), driver.steer(1),
      ])
    #expect(driver.isReady)
    #expect(
      driver.ready(first) == [
        .send(first, .start), driver.steer(0, 1), .send(second, .release(zero)),
      ])
  }

  @Test("a crashed worker's slot is adopted, steered away from, and gets a new worker")
  func crash() {
    let driver = FleetDriver.ready(slots: 3)
    let next = driver.worker(1, 4)
    driver.heartbeat(driver.worker(1, 2), connections: 7)
    #expect(
      driver.exit(driver.worker(1, 2)) == [
        .send(driver.worker(0, 1), .adopt(one)), driver.steer(0, 2), .spawn(next),
      ])
    #expect(
      driver.reports.contains(.workerCrashed(driver.worker(1, 2), .signal(11), connections: 7)))
    #expect(
      driver.reports.contains(.restartScheduled(one, inMilliseconds: 0, failures: 1)))
    #expect(
      driver.ready(next) == [
        .send(next, .start), driver.steer(0, 1, 2), .send(driver.worker(0, 1), .release(one)),
      ])
  }

  @Test("when several are gone, those that are left share their slots")
  func sharing() {
    let driver = FleetDriver.ready(slots: 4)
    let first = driver.exit(driver.worker(0, 1))
    #expect(first.contains(.send(driver.worker(1, 2), .adopt(zero))))
    let second = driver.exit(driver.worker(2, 3))
    #expect(second.contains(.send(driver.worker(3, 4), .adopt(SlotID(2)))))
    // What a worker had adopted goes on with the slot of its own.
    let third = driver.exit(driver.worker(1, 2))
    #expect(third.contains(.send(driver.worker(3, 4), .adopt(zero))))
    #expect(third.contains(.send(driver.worker(3, 4), .adopt(one))))
  }

  @Test("with one slot there is no sibling: the kernel queues")
  func onlyOne() {
    let driver = FleetDriver.ready(slots: 1)
    #expect(driver.exit(driver.worker(0, 1)) == [.spawn(driver.worker(0, 2))])
    #expect(driver.ready(driver.worker(0, 2)) == [.send(driver.worker(0, 2), .start)])
  }

  @Test("the wait before a restart doubles up to its bound, and there is always one more")
  func backoff() {
    let driver = FleetDriver.ready(slots: 1)
    driver.answersSpawns = false
    var generation: UInt64 = 1
    let bounds: [UInt64] = [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]
    for (failures, bound) in bounds.enumerated() {
      let actions =
        failures == 0
        ? driver.exit(driver.worker(0, generation))
        : driver.feed(.spawnFailed(driver.worker(0, generation), reason: "no memory"))
      generation += 1
      let spawn = FleetAction.spawn(driver.worker(0, generation))
      guard case .restartScheduled(_, let wait, let count) = driver.reports.last else {
        Issue.record("nothing was reported")
        return
      }
      #expect(count == UInt64(failures + 1))
      #expect(bound / 2...bound ~= wait)
      if bound == 0 {
        #expect(actions == [spawn])
      } else {
        #expect(actions.isEmpty)
        driver.now += wait - 1
        #expect(driver.feed(.tick).isEmpty)
        driver.now += 1
        #expect(driver.feed(.tick) == [spawn])
      }
    }
  }

  @Test("who was ready for long has not failed at the start", arguments: [9_900, 10_000])
  func goodAgain(milliseconds: UInt64) {
    let driver = FleetDriver.ready(slots: 1)
    driver.exit(driver.worker(0, 1))
    driver.ready(driver.worker(0, 2))
    driver.pass(milliseconds)
    driver.exit(driver.worker(0, 2))
    let failures: UInt64 = milliseconds < 10_000 ? 2 : 1
    #expect(
      driver.reports.contains { report in
        if case .restartScheduled(zero, _, failures) = report { true } else { false }
      })
  }

  @Test("a silent worker is killed at the deadline, and replaced when it was reaped")
  func hang() {
    let driver = FleetDriver.ready(slots: 2)
    let (hung, other, next) = (driver.worker(1, 2), driver.worker(0, 1), driver.worker(1, 3))
    driver.heartbeat(hung, connections: 3)
    #expect(driver.pass(1_499, silent: [hung]).isEmpty)
    #expect(
      driver.pass(1, silent: [hung]) == [
        driver.kill(hung), .send(other, .adopt(one)), driver.steer(0),
      ])
    #expect(driver.reports.last == .slotAdopted(one, by: other))
    #expect(driver.reports.contains(.workerHung(hung, silentMilliseconds: 1_500)))
    #expect(driver.pass(5_000).isEmpty)
    #expect(driver.exit(hung, .signal(9)) == [.spawn(next)])
  }

  @Test("what a killed worker still says counts for nothing")
  func lateMessages() {
    let driver = FleetDriver.ready(slots: 2)
    let hung = driver.worker(1, 2)
    driver.pass(1_500, silent: [hung])
    #expect(driver.heartbeat(hung, connections: 3).isEmpty)
    #expect(driver.ready(hung).isEmpty)
    #expect(driver.state(hung) == .killed)
    #expect(driver.exit(hung).first == .spawn(driver.worker(1, 3)))
    #expect(driver.exit(hung).isEmpty)
    #expect(driver.ready(hung).isEmpty)
  }

  @Test("a worker that isn't ready in time is killed; heartbeats don't help it")
  func startDeadline() {
    let driver = FleetDriver(slots: 1)
    driver.start()
    let first = driver.worker(0, 1)
    for _ in 0..<99 {
      driver.now += 100
      #expect(driver.heartbeat(first, connections: 0).isEmpty)
    }
    driver.now += 100
    #expect(driver.feed(.tick) == [driver.kill(first)])
    #expect(driver.reports.contains(.startTimedOut(first)))
    #expect(driver.exit(first, .signal(9)) == [.spawn(driver.worker(0, 2))])
  }

  @Test("a coordinator that stood still blames nobody, and then looks again")
  func stall() {
    let driver = FleetDriver.ready(slots: 2)
    let hung = driver.worker(1, 2)
    driver.now += 60_000
    #expect(driver.feed(.tick).isEmpty)
    #expect(driver.reports.last == .coordinatorStalled(milliseconds: 60_000))
    #expect(driver.pass(1_499, silent: [hung]).isEmpty)
    #expect(driver.pass(1, silent: [hung]).first == driver.kill(hung))
  }

  @Test("a stall gives a worker that starts its time back")
  func stallDuringStart() {
    let driver = FleetDriver(slots: 1)
    driver.start()
    driver.pass(9_000)
    driver.now += 30_000
    #expect(driver.feed(.tick).isEmpty)
    #expect(driver.pass(900).isEmpty)
    #expect(driver.pass(100) == [driver.kill(driver.worker(0, 1))])
  }

  @Test("a clock that goes back is taken for one that stands still")
  func clockGoesBack() {
    let driver = FleetDriver.ready(slots: 1)
    driver.now -= 100_000
    #expect(driver.feed(.tick).isEmpty)
  }

  @Test("what a worker says of its failure is reported")
  func words() {
    let driver = FleetDriver(slots: 1)
    driver.start()
    driver.feed(.message(driver.worker(0, 1), .failed("no key")))
    #expect(driver.reports.last == .workerFailed(driver.worker(0, 1), reason: "no key"))
  }
}

@Suite("Counters")
struct CounterTests {
  @Test("sums don't fall when a worker goes, nor when it counts anew")
  func totals() {
    let driver = FleetDriver.ready(slots: 2)
    driver.heartbeat(driver.worker(0, 1), connections: 2, ["messages": 10])
    driver.heartbeat(driver.worker(1, 2), connections: 2, ["messages": 5, "errors": 1])
    #expect(driver.fleet.status(at: driver.now).counters == ["messages": 15, "errors": 1])
    driver.exit(driver.worker(1, 2))
    driver.ready(driver.worker(1, 3))
    driver.heartbeat(driver.worker(1, 3), connections: 0, ["messages": 1])
    #expect(driver.fleet.status(at: driver.now).counters == ["messages": 16, "errors": 1])
    driver.heartbeat(driver.worker(0, 1), connections: 0, ["messages": 3])
    #expect(driver.fleet.status(at: driver.now).counters == ["messages": 16, "errors": 1])
  }

  @Test("neither sums nor names are without bound")
  func bounds() {
    let driver = FleetDriver.ready(slots: 2)
    let many = Dictionary(uniqueKeysWithValues: (0..<3_000).map { ("name\($0)", UInt64.max) })
    driver.heartbeat(driver.worker(0, 1), connections: .max, many)
    driver.heartbeat(driver.worker(1, 2), connections: .max, many)
    let counters = driver.fleet.status(at: driver.now).counters
    #expect(counters.count == 1_024)
    #expect(counters.values.allSatisfy { $0 == .max })
  }
}
