import FleetCore

/// A fleet whose time and events a test chooses. Unless told otherwise, what the shell owes
/// is answered at once: processes run, listeners open.
final class FleetDriver {
  var fleet: Fleet
  var now: UInt64 = 1_000_000
  var generator = SeededGenerator(state: 1)
  var answersSpawns = true
  var answersOpens = true
  /// All reports so far.
  var reports: [FleetReport] = []

  init(slots: Int, policy: FleetPolicy = FleetPolicy()) {
    fleet = Fleet(policy: policy, slotCount: slots)
  }

  init(handover: String, policy: FleetPolicy = FleetPolicy()) throws {
    fleet = try Fleet(handover: handover, policy: policy)
  }

  /// A fleet whose workers, of the generations 1 to `slots`, are all ready.
  static func ready(slots: Int, policy: FleetPolicy = FleetPolicy()) -> FleetDriver {
    let driver = FleetDriver(slots: slots, policy: policy)
    driver.start()
    for index in 0..<slots { driver.ready(driver.worker(index, UInt64(index + 1))) }
    return driver
  }

  func worker(_ slot: Int, _ generation: UInt64) -> WorkerID {
    WorkerID(slot: SlotID(slot), generation: generation)
  }

  /// What was done, without reports.
  @discardableResult
  func start() -> [FleetAction] {
    afterwards(fleet.start(at: now, using: &generator))
  }

  @discardableResult
  func feed(_ event: FleetEvent) -> [FleetAction] {
    afterwards(fleet.handle(event, at: now, using: &generator))
  }

  @discardableResult
  func ready(_ id: WorkerID) -> [FleetAction] {
    feed(.message(id, .ready))
  }

  @discardableResult
  func exit(_ id: WorkerID, _ cause: ExitCause = .signal(11)) -> [FleetAction] {
    feed(.exited(id, cause))
  }

  @discardableResult
  func heartbeat(
    _ id: WorkerID, connections: UInt64, _ counters: [String: UInt64] = [:]
  ) -> [FleetAction] {
    feed(
      .message(
        id,
        .heartbeat(
          WorkerFigures(counters: counters, gauges: [FigureName.connections: connections]))))
  }

  /// Time passes, with ticks. All workers but those named send heartbeats.
  @discardableResult
  func pass(_ milliseconds: UInt64, silent: [WorkerID] = []) -> [FleetAction] {
    let end = now + milliseconds
    var actions: [FleetAction] = []
    while now < end {
      now = min(now + 100, end)
      for worker in fleet.status(at: now).workers where !silent.contains(worker.worker) {
        guard worker.state == .ready || worker.state == .draining else { continue }
        actions += feed(.message(worker.worker, .reloaded(problem: nil)))
      }
      actions += feed(.tick)
    }
    return actions
  }

  func ask(_ command: FleetCommand) -> (answer: FleetAnswer, actions: [FleetAction]) {
    let (answer, actions) = fleet.request(command, at: now, using: &generator)
    return (answer, afterwards(actions))
  }

  /// The outcomes of all operations so far.
  var outcomes: [OperationOutcome] {
    reports.compactMap { report in
      if case .operationEnded(_, _, let outcome) = report { outcome } else { nil }
    }
  }

  var isReady: Bool { fleet.isReady }

  func state(_ id: WorkerID) -> WorkerPhase? {
    fleet.status(at: now).workers.first { $0.worker == id }?.state
  }

  private func afterwards(_ actions: [FleetAction]) -> [FleetAction] {
    var done: [FleetAction] = []
    for action in actions {
      if case .report(let report) = action { reports.append(report) } else { done.append(action) }
    }
    for action in actions {
      switch action {
      case .spawn(let id) where answersSpawns:
        done += feed(.spawned(id, pid: pid(id)))
      case .openSlot(let slot) where answersOpens:
        done += feed(.slotOpened(slot))
      default: break
      }
    }
    return done
  }

  func pid(_ id: WorkerID) -> Int32 { 100 + Int32(id.generation) }

  func kill(_ id: WorkerID) -> FleetAction { .kill(id, pid: pid(id)) }

  func steer(_ slots: Int..., at indices: [Int]? = nil) -> FleetAction {
    .steer(Steering(slots: slots.map { SlotID($0) }, groupIndices: indices ?? slots))
  }
}

extension FleetAction {
  /// Whether it tells a worker to drain; the times are another test's.
  var isDrain: Bool {
    if case .send(_, .drain) = self { true } else { false }
  }
}
