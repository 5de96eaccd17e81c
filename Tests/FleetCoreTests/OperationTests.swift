import FleetCore
import Testing

@Suite("Restarts")
struct RestartTests {
  @Test("a replacement is ready before the old worker lets go; the end is the old one's")
  func one() {
    let driver = FleetDriver.ready(slots: 2)
    let (old, new) = (driver.worker(1, 2), driver.worker(1, 3))
    let (answer, actions) = driver.ask(.restart(.slot(SlotID(1))))
    #expect(answer == .started(OperationID(1)))
    #expect(actions == [.spawn(new)])
    let handover = driver.ready(new)
    #expect(handover.count == 3)
    #expect(handover.prefix(2) == [.send(new, .start), .send(old, .release(SlotID(1)))])
    #expect(
      handover.last
        == .send(
          old,
          .drain(
            WorkerDrain(
              windowMilliseconds: 8_000, deadlineMilliseconds: 8_750,
              retryHintMilliseconds: 500...5_000))))
    #expect(driver.outcomes.isEmpty)
    driver.feed(.message(old, .drained(WorkerFigures())))
    #expect(driver.exit(old, .status(0)).isEmpty)
    #expect(driver.outcomes == [.done])
  }

  @Test("all of them are replaced in turn")
  func all() {
    let driver = FleetDriver.ready(slots: 3)
    #expect(driver.ask(.restart(.all)).actions == [.spawn(driver.worker(0, 4))])
    for slot in 0..<3 {
      driver.ready(driver.worker(slot, UInt64(slot + 4)))
      let next = driver.exit(driver.worker(slot, UInt64(slot + 1)), .status(0))
      #expect(next == (slot < 2 ? [.spawn(driver.worker(slot + 1, UInt64(slot + 5)))] : []))
      #expect(driver.outcomes == (slot < 2 ? [] : [.done]))
    }
  }

  @Test("what is left of the old worker at the deadline is forced")
  func deadline() {
    let driver = FleetDriver.ready(slots: 1)
    _ = driver.ask(.restart(.all))
    driver.ready(driver.worker(0, 2))
    driver.heartbeat(driver.worker(0, 1), connections: 4)
    #expect(driver.pass(8_999).isEmpty)
    #expect(driver.pass(1) == [driver.kill(driver.worker(0, 1))])
    #expect(driver.reports.last == .drainForced(driver.worker(0, 1), connections: 4))
    driver.exit(driver.worker(0, 1), .signal(9))
    #expect(driver.outcomes == [.done])
  }

  @Test("a replacement that fails leaves the old worker in service", arguments: 0..<3)
  func failure(way: Int) {
    let driver = FleetDriver.ready(slots: 2)
    driver.answersSpawns = way != 0
    _ = driver.ask(.restart(.all))
    let new = driver.worker(0, 3)
    switch way {
    case 0: #expect(driver.feed(.spawnFailed(new, reason: "no memory")).isEmpty)
    case 1: #expect(driver.exit(new, .status(1)).isEmpty)
    default:
      #expect(driver.pass(10_000) == [driver.kill(new)])
      #expect(driver.exit(new, .signal(9)).isEmpty)
    }
    let reasons = [
      "it could not be started: no memory", "it ended before it was ready: exit status 1",
      "it was not ready in time",
    ]
    #expect(driver.outcomes == [.failed("worker 0.3 did not become ready: \(reasons[way])")])
    #expect(driver.state(driver.worker(0, 1)) == .ready)
    #expect(driver.pass(20_000).isEmpty)
    #expect(driver.ask(.restart(.all)).answer == .started(OperationID(2)))
  }

  @Test("an old worker that dies meanwhile is not started again: its replacement takes over")
  func crashMeanwhile() {
    let driver = FleetDriver.ready(slots: 1)
    _ = driver.ask(.restart(.all))
    #expect(driver.exit(driver.worker(0, 1)).isEmpty)
    #expect(driver.ready(driver.worker(0, 2)) == [.send(driver.worker(0, 2), .start)])
    #expect(driver.outcomes == [.done])
  }

  @Test("a worker that waits for its restart gets it now")
  func impatience() {
    let driver = FleetDriver.ready(slots: 2)
    driver.exit(driver.worker(1, 2))
    #expect(driver.exit(driver.worker(1, 3)).isEmpty)
    #expect(driver.ask(.restart(.slot(SlotID(1)))).actions == [.spawn(driver.worker(1, 4))])
    driver.ready(driver.worker(1, 4))
    #expect(driver.outcomes == [.done])
  }

  @Test("there is one operation at a time")
  func busy() {
    let driver = FleetDriver.ready(slots: 2)
    _ = driver.ask(.restart(.all))
    let busy = FleetAnswer.refused(.busy(OperationID(1), .restart(.all)))
    for command: FleetCommand in [
      .restart(.all), .restart(.slot(SlotID(1))), .scale(to: 3), .upgrade,
      .drain(.slot(SlotID(0)), nil),
    ] {
      let (answer, actions) = driver.ask(command)
      #expect(answer == busy)
      #expect(actions.isEmpty)
    }
  }

  @Test("a slot that isn't there can't be restarted")
  func unknown() {
    let driver = FleetDriver.ready(slots: 2)
    #expect(
      driver.ask(.restart(.slot(SlotID(2)))).answer == .refused(.noSuchSlot(SlotID(2))))
    #expect(
      driver.ask(.restart(.slot(SlotID(-1)))).answer == .refused(.noSuchSlot(SlotID(-1))))
  }
}

@Suite("Scale")
struct ScaleTests {
  @Test("new slots are opened in their order, and attended from the first moment")
  func up() {
    let driver = FleetDriver.ready(slots: 1)
    driver.answersOpens = false
    #expect(driver.ask(.scale(to: 3)).actions == [.openSlot(SlotID(1))])
    let opened = driver.feed(.slotOpened(SlotID(1)))
    #expect(
      opened == [
        .send(driver.worker(0, 1), .adopt(SlotID(1))), driver.steer(0),
        .spawn(driver.worker(1, 2)), .openSlot(SlotID(2)),
      ])
    driver.feed(.slotOpened(SlotID(2)))
    driver.ready(driver.worker(1, 2))
    #expect(driver.outcomes.isEmpty)
    driver.ready(driver.worker(2, 3))
    #expect(driver.outcomes == [.done])
  }

  @Test("listeners that can't be opened end it; nothing is left of that slot")
  func openFailure() {
    let driver = FleetDriver.ready(slots: 1)
    driver.answersOpens = false
    _ = driver.ask(.scale(to: 2))
    #expect(driver.feed(.slotOpenFailed(SlotID(1), reason: "no descriptors")).isEmpty)
    #expect(driver.outcomes == [.failed("worker 1 can't listen: no descriptors")])
    #expect(driver.fleet.status(at: driver.now).slots.count == 1)
  }

  @Test("the last slot goes first, each when its queue is empty and its connections are gone")
  func down() {
    let driver = FleetDriver.ready(slots: 3)
    let (second, third) = (driver.worker(1, 2), driver.worker(2, 3))
    let actions = driver.ask(.scale(to: 1)).actions
    #expect(
      actions.filter { !$0.isDrain } == [
        driver.steer(0), .send(second, .stopAccepting(SlotID(1))),
        .send(third, .stopAccepting(SlotID(2))),
      ])
    #expect(actions.suffix(2).allSatisfy { $0.isDrain })
    // Closing a listener moves the last one of its group: 1 has to wait for 2.
    #expect(driver.feed(.message(second, .queueEmpty(SlotID(1)))).isEmpty)
    #expect(
      driver.feed(.message(third, .queueEmpty(SlotID(2)))) == [
        .closeSlot(SlotID(2)), .closeSlot(SlotID(1)),
      ])
    #expect(driver.exit(third, .status(0)).isEmpty)
    #expect(driver.outcomes.isEmpty)
    #expect(driver.exit(second, .status(0)).isEmpty)
    #expect(driver.outcomes == [.done])
    #expect(driver.fleet.status(at: driver.now).slots.count == 1)
  }

  @Test("when the worker of a slot that goes is dead, another accepts its queue")
  func downWithoutWorker() {
    let driver = FleetDriver.ready(slots: 2)
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    _ = driver.ask(.scale(to: 1))
    #expect(
      driver.exit(second) == [
        .send(first, .adopt(SlotID(1))), .send(first, .stopAccepting(SlotID(1))),
      ])
    #expect(driver.feed(.message(second, .queueEmpty(SlotID(1)))).isEmpty)
    #expect(driver.feed(.message(first, .queueEmpty(SlotID(1)))) == [.closeSlot(SlotID(1))])
    driver.feed(.tick)
    #expect(driver.outcomes == [.done])
  }

  @Test("a queue that nobody says is empty is given up at the deadline")
  func downWithoutAnswer() {
    let driver = FleetDriver.ready(slots: 2)
    _ = driver.ask(.scale(to: 1))
    let actions = driver.pass(9_000)
    #expect(
      actions == [
        driver.kill(driver.worker(1, 2)), .send(driver.worker(0, 1), .adopt(SlotID(1))),
        .send(driver.worker(0, 1), .stopAccepting(SlotID(1))),
        .send(driver.worker(0, 1), .release(SlotID(1))), .closeSlot(SlotID(1)),
      ])
    #expect(driver.reports.contains(.queueAbandoned(SlotID(1))))
  }

  @Test(
    "what makes no sense is refused",
    arguments: [
      (0, FleetAnswer.refused(.workerCount(0))), (257, .refused(.workerCount(257))),
      (-1, .refused(.workerCount(-1))), (2, .done),
    ])
  func refused(count: Int, expected: FleetAnswer) {
    let driver = FleetDriver.ready(slots: 2)
    let (answer, actions) = driver.ask(.scale(to: count))
    #expect(answer == expected)
    #expect(actions.isEmpty)
  }

  @Test("the only worker that is ready stays")
  func lastWorker() {
    let driver = FleetDriver(slots: 2)
    driver.start()
    driver.ready(driver.worker(1, 2))
    #expect(driver.ask(.scale(to: 1)).answer == .refused(.lastWorker))
  }
}
