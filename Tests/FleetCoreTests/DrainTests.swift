import FleetCore
import Testing

@Suite("Drain of a worker")
struct WorkerDrainTests {
  private let one = SlotID(1)
  private let plan = DrainPlan(windowMilliseconds: 4_000, deadlineMilliseconds: 6_000)

  @Test("others take its listeners; it isn't started again until that is asked")
  func drain() {
    let driver = FleetDriver.ready(slots: 2)
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    let (answer, actions) = driver.ask(.drain(.slot(one), plan))
    #expect(answer == .started(OperationID(1)))
    #expect(
      actions == [
        .send(first, .adopt(one)), driver.steer(0), .send(second, .release(one)),
        .send(
          second,
          .drain(
            WorkerDrain(
              windowMilliseconds: 4_000, deadlineMilliseconds: 5_750,
              retryHintMilliseconds: 500...5_000))),
      ])
    #expect(driver.isReady)
    driver.feed(.message(second, .drained(WorkerFigures())))
    #expect(driver.exit(second, .status(0)).isEmpty)
    #expect(driver.outcomes == [.done])
    #expect(driver.pass(30_000).isEmpty)
    #expect(driver.ask(.restart(.all)).actions == [.spawn(driver.worker(0, 3))])
    driver.ready(driver.worker(0, 3))
    #expect(driver.exit(first, .status(0)).isEmpty)
    #expect(driver.outcomes == [.done, .done])
    #expect(driver.ask(.drain(.slot(one), nil)).answer == .done)
    #expect(driver.ask(.restart(.slot(one))).actions == [.spawn(driver.worker(1, 4))])
    #expect(
      driver.ready(driver.worker(1, 4)) == [
        .send(driver.worker(1, 4), .start), driver.steer(0, 1),
        .send(driver.worker(0, 3), .release(one)),
      ])
  }

  @Test("asked for twice, the second answer is the first's progress")
  func twice() {
    let driver = FleetDriver.ready(slots: 2)
    driver.heartbeat(driver.worker(1, 2), connections: 100, [FigureName.drainClosed: 7])
    _ = driver.ask(.drain(.slot(one), plan))
    driver.pass(1_000)
    driver.heartbeat(driver.worker(1, 2), connections: 75, [FigureName.drainClosed: 32])
    let (answer, actions) = driver.ask(.drain(.slot(one), nil))
    #expect(actions.isEmpty)
    guard case .running(OperationID(1), let progress) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(progress.connections.atStart == 100)
    #expect(progress.connections.left == 75)
    #expect(progress.connections.closed == 25)
    #expect(progress.connections.forced == 0)
    #expect(progress.closedPerSecond == 25)
    #expect(progress.estimatedEndMilliseconds == driver.now + 3_000)
    #expect(progress.deadlineMilliseconds == driver.now + 5_000)
    #expect(
      driver.ask(.drain(.slot(SlotID(0)), nil)).answer
        == .refused(.busy(OperationID(1), .drain(.slot(one)))))
  }

  @Test("cancelled, it accepts again")
  func cancel() {
    let driver = FleetDriver.ready(slots: 2)
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    _ = driver.ask(.drain(.slot(one), plan))
    let (answer, actions) = driver.ask(.cancelDrain)
    #expect(answer == .done)
    #expect(
      actions == [
        .send(second, .cancelDrain), .send(second, .adopt(one)), driver.steer(0, 1),
        .send(first, .release(one)),
      ])
    #expect(driver.outcomes == [.cancelled])
    #expect(driver.pass(30_000).isEmpty)
    #expect(driver.ask(.cancelDrain).answer == .refused(.notDraining))
  }

  @Test("cancelled when its last connection is gone, it gets a successor")
  func cancelTooLate() {
    let driver = FleetDriver.ready(slots: 2)
    let second = driver.worker(1, 2)
    _ = driver.ask(.drain(.slot(one), plan))
    driver.feed(.message(second, .drained(WorkerFigures())))
    #expect(driver.ask(.cancelDrain).actions.isEmpty)
    #expect(driver.exit(second, .status(0)) == [.spawn(driver.worker(1, 3))])
  }

  @Test("its window can be changed; both times count from its start")
  func change() {
    let driver = FleetDriver.ready(slots: 2)
    let second = driver.worker(1, 2)
    _ = driver.ask(.drain(.slot(one), plan))
    driver.pass(2_000)
    let change = FleetCommand.changeDrain(
      windowMilliseconds: 10_000, deadlineMilliseconds: 12_000)
    let (answer, actions) = driver.ask(change)
    #expect(answer == .done)
    #expect(
      actions == [
        .send(
          second,
          .drain(
            WorkerDrain(
              windowMilliseconds: 8_000, deadlineMilliseconds: 9_750,
              retryHintMilliseconds: 500...5_000)))
      ])
    #expect(driver.pass(9_999).isEmpty)
    #expect(driver.pass(1) == [driver.kill(second)])
  }

  @Test("a crash ends it, and is told")
  func crash() {
    let driver = FleetDriver.ready(slots: 2)
    let second = driver.worker(1, 2)
    driver.heartbeat(second, connections: 9)
    _ = driver.ask(.drain(.slot(one), plan))
    #expect(driver.exit(second).isEmpty)
    #expect(
      driver.outcomes == [.failed("worker 1.2 ended with signal 11, and 9 connections with it")])
    #expect(driver.pass(30_000).isEmpty)
  }

  @Test("the last worker that is ready can't be drained alone")
  func last() {
    let driver = FleetDriver.ready(slots: 2)
    driver.exit(driver.worker(0, 1))
    #expect(driver.ask(.drain(.slot(one), nil)).answer == .refused(.lastWorker))
    #expect(
      driver.ask(.drain(.slot(SlotID(0)), nil)).answer == .refused(.notReady(SlotID(0))))
    #expect(
      driver.ask(.drain(.slot(SlotID(2)), nil)).answer == .refused(.noSuchSlot(SlotID(2))))
    #expect(
      driver.ask(.changeDrain(windowMilliseconds: 1, deadlineMilliseconds: 1)).answer
        == .refused(.notDraining))
  }
}

@Suite("Drain of the gateway")
struct GatewayDrainTests {
  private static func policy(delay: UInt64 = 0) -> FleetPolicy {
    var policy = FleetPolicy()
    policy.drain = DrainPlan(
      preDrainDelayMilliseconds: delay, windowMilliseconds: 4_000, deadlineMilliseconds: 6_000)
    return policy
  }

  @Test("not ready at once; the queues are accepted, the listeners close, it ends with status 0")
  func drain() {
    let driver = FleetDriver.ready(slots: 2, policy: Self.policy(delay: 1_000))
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    #expect(driver.feed(.terminationRequested).isEmpty)
    #expect(!driver.isReady)
    // Still accepting, and still watched over.
    #expect(driver.pass(999).isEmpty)
    let drain = CoordinatorMessage.drain(
      WorkerDrain(
        windowMilliseconds: 4_000, deadlineMilliseconds: 4_750,
        retryHintMilliseconds: 500...5_000))
    #expect(
      driver.pass(1) == [
        .send(first, .stopAccepting(SlotID(0))), .send(second, .stopAccepting(SlotID(1))),
        .send(first, drain), .send(second, drain),
      ])
    #expect(
      driver.feed(.message(first, .queueEmpty(SlotID(0)))) == [.closeSlot(SlotID(0))])
    #expect(
      driver.feed(.message(second, .queueEmpty(SlotID(1)))) == [.closeSlot(SlotID(1))])
    #expect(driver.exit(first, .status(0)).isEmpty)
    #expect(driver.outcomes.isEmpty)
    #expect(driver.exit(second, .status(0)) == [.exit(status: 0)])
    #expect(driver.outcomes == [.done])
    #expect(driver.feed(.tick).isEmpty)
    #expect(driver.ask(.upgrade).answer == .refused(.closing))
  }

  @Test("what is left at the deadline, which counts from the start, is killed")
  func deadline() {
    let driver = FleetDriver.ready(slots: 1, policy: Self.policy(delay: 1_000))
    let worker = driver.worker(0, 1)
    driver.feed(.terminationRequested)
    driver.pass(5_900)
    driver.heartbeat(worker, connections: 5, [FigureName.drainClosed: 15])
    #expect(
      driver.pass(100) == [driver.kill(worker), .closeSlot(SlotID(0))])
    guard let progress = driver.fleet.status(at: driver.now).operation?.drain else {
      Issue.record("no drain")
      return
    }
    #expect(progress.connections.atStart == 20)
    #expect(progress.connections.closed == 15)
    #expect(progress.connections.forced == 5)
    #expect(progress.connections.left == 0)
    #expect(driver.exit(worker, .signal(9)) == [.exit(status: 0)])
  }

  @Test("the second SIGTERM closes everything now")
  func secondSignal() {
    let driver = FleetDriver.ready(slots: 2, policy: Self.policy())
    let (first, second) = (driver.worker(0, 1), driver.worker(1, 2))
    driver.feed(.terminationRequested)
    #expect(
      driver.feed(.terminationRequested) == [
        .send(first, .closeAll), .send(second, .closeAll), .closeSlot(SlotID(1)),
        .closeSlot(SlotID(0)),
      ])
    #expect(driver.feed(.terminationRequested).isEmpty)
    #expect(driver.ask(.cancelDrain).answer == .refused(.closing))
    #expect(driver.exit(first, .status(0)).isEmpty)
    #expect(driver.pass(1_000) == [driver.kill(second)])
    #expect(driver.exit(second, .signal(9)) == [.exit(status: 0)])
  }

  @Test("a SIGTERM that follows a drain on request is the first")
  func signalAfterRequest() {
    let driver = FleetDriver.ready(slots: 1, policy: Self.policy())
    _ = driver.ask(.drain(.all, nil))
    #expect(driver.feed(.terminationRequested).isEmpty)
    #expect(
      driver.feed(.terminationRequested) == [
        .send(driver.worker(0, 1), .closeAll), .closeSlot(SlotID(0)),
      ])
  }

  @Test("SIGINT closes everything now")
  func interrupt() {
    let driver = FleetDriver.ready(slots: 1)
    #expect(
      driver.feed(.interruptRequested) == [
        .send(driver.worker(0, 1), .closeAll), .closeSlot(SlotID(0)),
      ])
    #expect(driver.exit(driver.worker(0, 1), .status(0)) == [.exit(status: 0)])
  }

  @Test("workers that only start are not needed; a worker that dies is not replaced")
  func starting() {
    let driver = FleetDriver(slots: 3, policy: Self.policy())
    driver.answersSpawns = false
    driver.start()
    driver.feed(.spawned(driver.worker(0, 1), pid: 101))
    driver.feed(.spawned(driver.worker(1, 2), pid: 102))
    driver.ready(driver.worker(0, 1))
    #expect(driver.feed(.terminationRequested).first == driver.kill(driver.worker(1, 2)))
    #expect(
      driver.feed(.spawned(driver.worker(2, 3), pid: 103)) == [driver.kill(driver.worker(2, 3))])
    #expect(driver.exit(driver.worker(1, 2), .signal(9)).isEmpty)
    #expect(driver.exit(driver.worker(2, 3), .signal(9)).isEmpty)
    // With its worker, the queues are lost.
    #expect(
      driver.exit(driver.worker(0, 1)) == [
        .closeSlot(SlotID(2)), .closeSlot(SlotID(1)), .closeSlot(SlotID(0)), .exit(status: 0),
      ])
  }

  @Test("cancelled during the delay, nothing has happened")
  func cancelEarly() {
    let driver = FleetDriver.ready(slots: 1, policy: Self.policy(delay: 1_000))
    _ = driver.ask(.drain(.all, nil))
    #expect(driver.ask(.cancelDrain).actions.isEmpty)
    #expect(driver.isReady)
    #expect(driver.pass(10_000).isEmpty)
  }

  @Test("cancelled later, closed listeners open again, the others are attended again")
  func cancelLate() {
    let driver = FleetDriver.ready(slots: 3, policy: Self.policy())
    driver.answersOpens = false
    let ids = (0..<3).map { driver.worker($0, UInt64($0 + 1)) }
    _ = driver.ask(.drain(.all, nil))
    driver.feed(.message(ids[0], .queueEmpty(SlotID(0))))
    driver.feed(.message(ids[2], .queueEmpty(SlotID(2))))
    driver.feed(.message(ids[2], .drained(WorkerFigures())))
    let (answer, actions) = driver.ask(.cancelDrain)
    #expect(answer == .done)
    #expect(
      actions == [
        .openSlot(SlotID(0)), .send(ids[0], .cancelDrain), .send(ids[1], .cancelDrain),
        .openSlot(SlotID(2)), .send(ids[1], .adopt(SlotID(1))), driver.steer(1, at: [0]),
      ])
    // The answer to what was taken back changes nothing.
    #expect(driver.feed(.message(ids[1], .queueEmpty(SlotID(1)))).isEmpty)
    // The worker whose last connection was gone gets a successor, once it can listen.
    #expect(driver.exit(ids[2], .status(0)).isEmpty)
    #expect(
      driver.feed(.slotOpened(SlotID(2))) == [
        .send(ids[0], .adopt(SlotID(2))), driver.steer(1, at: [0]), .spawn(driver.worker(2, 4)),
      ])
    #expect(driver.feed(.slotOpenFailed(SlotID(0), reason: "address in use")).isEmpty)
    driver.ready(driver.worker(2, 4))
    #expect(driver.pass(900).isEmpty)
    #expect(driver.pass(100) == [.openSlot(SlotID(0))])
    #expect(
      driver.feed(.slotOpened(SlotID(0))) == [
        .send(ids[0], .adopt(SlotID(0))), driver.steer(0, 1, 2, at: [2, 0, 1]),
      ])
  }

  @Test("only the last answer of a worker that is asked twice counts")
  func crossing() {
    let driver = FleetDriver.ready(slots: 1, policy: Self.policy())
    let worker = driver.worker(0, 1)
    _ = driver.ask(.drain(.all, nil))
    _ = driver.ask(.cancelDrain)
    _ = driver.ask(.drain(.all, nil))
    #expect(driver.feed(.message(worker, .queueEmpty(SlotID(0)))).isEmpty)
    #expect(driver.feed(.message(worker, .queueEmpty(SlotID(0)))) == [.closeSlot(SlotID(0))])
    #expect(driver.feed(.message(worker, .queueEmpty(SlotID(0)))).isEmpty)
  }

  @Test("it comes before everything else")
  func supersedes() {
    let driver = FleetDriver.ready(slots: 2, policy: Self.policy(delay: 1_000))
    _ = driver.ask(.restart(.all))
    #expect(driver.feed(.terminationRequested) == [driver.kill(driver.worker(0, 3))])
    #expect(driver.outcomes == [.superseded])
    #expect(driver.ask(.upgrade).answer == .refused(.busy(OperationID(2), .drain(.all))))
    guard case .running(OperationID(2), _) = driver.ask(.drain(.all, nil)).answer else {
      Issue.record("not running")
      return
    }
  }

  @Test("its window can be changed")
  func change() {
    let driver = FleetDriver.ready(slots: 1, policy: Self.policy())
    let worker = driver.worker(0, 1)
    driver.feed(.terminationRequested)
    driver.pass(1_000)
    let change = FleetCommand.changeDrain(windowMilliseconds: 0, deadlineMilliseconds: 1_500)
    #expect(
      driver.ask(change).actions == [
        .send(
          worker,
          .drain(
            WorkerDrain(
              windowMilliseconds: 0, deadlineMilliseconds: 375,
              retryHintMilliseconds: 500...5_000)))
      ])
    #expect(driver.pass(400).isEmpty)
    #expect(driver.pass(100).first == driver.kill(worker))
  }
}
