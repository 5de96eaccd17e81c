import FleetCore
import Testing

@Suite("Upgrade")
struct UpgradeTests {
  /// The state that is shown to the new binary.
  private func state(of actions: [FleetAction]) -> String? {
    for action in actions {
      switch action {
      case .startCheck(let state), .execute(let state): return state
      default: break
      }
    }
    return nil
  }

  @Test("a binary that refuses, or says nothing, changes nothing", arguments: [true, false])
  func failedCheck(answers: Bool) {
    let driver = FleetDriver.ready(slots: 2)
    let (answer, actions) = driver.ask(.upgrade)
    #expect(answer == .started(OperationID(1)))
    #expect(actions.count == 1)
    if answers {
      #expect(driver.feed(.checked(.failed("no such option"))).isEmpty)
      #expect(driver.outcomes == [.failed("the new binary can't take over: no such option")])
    } else {
      #expect(driver.pass(4_499).isEmpty)
      #expect(driver.pass(1) == [.abandonCheck])
      #expect(driver.outcomes == [.failed("the new binary has not answered within 4500 ms")])
      #expect(driver.feed(.checked(.passed)).isEmpty)
    }
    #expect(driver.isReady)
  }

  @Test("nothing comes after execve; when that fails, all is as before")
  func executeFailed() {
    let driver = FleetDriver.ready(slots: 2)
    _ = driver.ask(.upgrade)
    let actions = driver.feed(.checked(.passed))
    #expect(actions.count == 1)
    #expect(state(of: actions) != nil)
    #expect(driver.feed(.executeFailed(reason: "no such file")).isEmpty)
    #expect(
      driver.outcomes == [.failed("the new binary could not be executed: no such file")])
    #expect(driver.ask(.upgrade).answer == .started(OperationID(2)))
  }

  @Test("it waits until the shell owes no answer")
  func owedAnswers() {
    let driver = FleetDriver.ready(slots: 2)
    _ = driver.ask(.upgrade)
    driver.answersSpawns = false
    #expect(driver.exit(driver.worker(1, 2)).last == .spawn(driver.worker(1, 3)))
    #expect(driver.feed(.checked(.passed)).isEmpty)
    let actions = driver.feed(.spawned(driver.worker(1, 3), pid: 103))
    #expect(state(of: actions) != nil)
  }

  @Test("a drain goes before it, and the other way round it is refused")
  func drain() {
    let driver = FleetDriver.ready(slots: 2)
    _ = driver.ask(.upgrade)
    #expect(driver.feed(.terminationRequested).first == .abandonCheck)
    #expect(driver.outcomes == [.superseded])
    #expect(driver.feed(.checked(.passed)).isEmpty)
    #expect(driver.ask(.upgrade).answer == .refused(.busy(OperationID(2), .drain(.all))))
  }

  @Test("the new binary knows what the old one knew, and replaces its workers")
  func takeOver() throws {
    let driver = FleetDriver.ready(slots: 3)
    driver.heartbeat(driver.worker(0, 1), connections: 4, ["odd name=%": 7])
    driver.heartbeat(driver.worker(1, 2), connections: 4, ["messages": 5])
    driver.exit(driver.worker(1, 2))
    driver.ready(driver.worker(1, 4))
    _ = driver.ask(.drain(.slot(SlotID(2)), nil))
    driver.exit(driver.worker(2, 3), .status(0))
    _ = driver.ask(.upgrade)
    let text = try #require(state(of: driver.feed(.checked(.passed))))

    let next = try FleetDriver(handover: text)
    next.now = driver.now + 20_000
    let before = driver.fleet.status(at: driver.now)
    let after = next.fleet.status(at: next.now)
    #expect(after.slots == before.slots)
    #expect(after.workers.map(\.worker) == before.workers.map(\.worker))
    #expect(after.workers.map(\.pid) == before.workers.map(\.pid))
    #expect(after.counters == ["odd name=%": 7, "messages": 5])
    #expect(after.operation?.id == OperationID(2))

    // Nobody was heard meanwhile; nobody is blamed.
    let (first, second) = (next.worker(0, 5), next.worker(1, 6))
    #expect(next.start() == [next.steer(0, 1), .spawn(first)])
    #expect(
      next.ready(first).prefix(4) == [
        .send(first, .start), .send(first, .adopt(SlotID(2))),
        .send(next.worker(0, 1), .release(SlotID(0))),
        .send(next.worker(0, 1), .release(SlotID(2))),
      ])
    #expect(next.exit(next.worker(0, 1), .status(0)) == [.spawn(second)])
    next.ready(second)
    #expect(next.exit(next.worker(1, 4), .status(0)).isEmpty)
    #expect(next.outcomes == [.done])
    #expect(next.fleet.status(at: next.now).slots[2].isStopped)
  }

  @Test("a neighbour's state may have more or less in it")
  func skew() throws {
    let text = """
      sluice-fleet 2
      weather today=fine
      fleet next_generation=9 colour=blue
      slot index=0 worker=0.8
      worker id=0.8 pid=4711 state=ready mood=good
      """
    let fleet = try Fleet(handover: text, policy: FleetPolicy())
    let status = fleet.status(at: 0)
    #expect(status.workers.map(\.worker) == [WorkerID(slot: SlotID(0), generation: 8)])
    #expect(status.workers.map(\.pid) == [4711])
    #expect(status.isReady)
  }

  @Test(
    "what can't be taken over is refused",
    arguments: [
      ("", .malformedLine(1)), ("sluice-fleet", .malformedLine(1)),
      ("sluice-fleet x", .malformedLine(1)), ("sluice-fleet 3", .unsupportedVersion(3)),
      ("sluice-fleet 0", .unsupportedVersion(0)), ("slot index=0", .malformedLine(1)),
      ("sluice-fleet 1", .inconsistent("something is missing")),
      ("sluice-fleet 1\nfleet", .malformedLine(2)),
      ("sluice-fleet 1\nfleet next_generation=18446744073709551615", .malformedLine(2)),
      ("sluice-fleet 1\nfleet next_generation=2\nslot index=1", .malformedLine(3)),
      ("sluice-fleet 1\nfleet next_generation=2\nslot index=0 index=0", .malformedLine(3)),
      (
        "sluice-fleet 1\nfleet next_generation=2\nslot index=0\nworker id=0.1 pid=0 state=ready",
        .malformedLine(4)
      ),
      (
        "sluice-fleet 1\nfleet next_generation=2\nslot index=0\nworker id=0.1 pid=1 state=flying",
        .malformedLine(4)
      ),
      (
        "sluice-fleet 1\nfleet next_generation=1\nslot index=0\nworker id=0.1 pid=1 state=ready",
        .inconsistent("a worker has no slot, or a number that is to be given yet")
      ),
      (
        "sluice-fleet 1\nfleet next_generation=2\nslot index=0\nlisten-order slots=1",
        .inconsistent("the order of the listeners is not that of the slots")
      ),
    ] as [(String, HandoverError)])
  func refused(text: String, expected: HandoverError) {
    #expect(throws: expected) { try Fleet(handover: text, policy: FleetPolicy()) }
  }

  @Test("damaged states are taken over or refused, and never trap")
  func damage() throws {
    let driver = FleetDriver.ready(slots: 3)
    driver.heartbeat(driver.worker(0, 1), connections: 4, ["messages": 7])
    driver.exit(driver.worker(1, 2))
    let text = try #require(state(of: driver.ask(.upgrade).actions))
    var generator = SeededGenerator(state: 3)
    for _ in 0..<5_000 {
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = bytes.indices.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<7, using: &generator)
        case 1: bytes.remove(at: index)
        case 2: bytes[index] = UInt8.random(in: 0x30...0x39, using: &generator)
        default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
        }
      }
      guard
        let next = try? FleetDriver(handover: String(decoding: bytes, as: UTF8.self))
      else { continue }
      next.start()
      next.pass(2_000)
      next.exit(next.worker(0, 1))
      next.feed(.terminationRequested)
    }
  }
}
