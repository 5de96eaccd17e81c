/// The coordinator's mind: which processes are to run, who attends which listeners, where
/// new connections go, and what a command means.
///
/// Pure. The shell feeds it with what happens and the time, in milliseconds of a clock that
/// never goes back and that goes on over an execve(2) (CLOCK_MONOTONIC), and performs the
/// actions in order. Given the same inputs and random numbers it does the same.
///
/// An event changes what is known (`Fleet+Workers`, `Fleet+Drain`, `Fleet+Commands`). After
/// each, `Fleet+Settle` compares what is with what has to be, slot by slot, and asks for the
/// difference: so it doesn't matter in which order things go wrong.
package struct Fleet: Sendable {
  /// May be changed at any time; deadlines that run already stay as they are.
  package var policy: FleetPolicy

  /// The slot with index i is at i.
  var slots: [SlotRecord]
  /// By generation. Arrays, because their order is the same in every run.
  var workers: [WorkerRecord] = []
  var nextGeneration: UInt64 = 1
  var nextOperation: UInt64 = 1
  var operation: Operation?
  var course = Course.serving
  /// The slots whose listeners are held, by their index in the SO_REUSEPORT groups.
  var listenOrder: [SlotID]
  /// What the shell was last told; nil before, and when that may not hold any longer.
  var steering: Steering?
  var totals = CounterTotals()
  /// The time of the last input.
  var seen: UInt64?
  /// What the input that is being handled leads to.
  var actions: [FleetAction] = []

  /// A gateway that begins.
  ///
  /// - Parameters:
  ///   - policy: Deadlines and limits.
  ///   - slotCount: So many slots are open, opened in their order; 1 to
  ///     ``FleetPolicy/slotsMax``.
  package init(policy: FleetPolicy, slotCount: Int) {
    precondition(1...FleetPolicy.slotsMax ~= slotCount)
    self.init(
      policy: policy, slots: (0..<slotCount).map { SlotRecord(id: SlotID($0), listeners: .open) })
  }

  init(policy: FleetPolicy, slots: [SlotRecord]) {
    self.policy = policy
    self.slots = slots
    listenOrder = slots.map(\.id)
  }

  /// The first input. After a handover, the workers of the old binary are replaced in turn.
  package mutating func start(
    at now: UInt64, using generator: inout some RandomNumberGenerator
  ) -> [FleetAction] {
    takeOver(at: now)
    return handle(.tick, at: now, using: &generator)
  }

  /// Something has happened.
  package mutating func handle(
    _ event: FleetEvent, at time: UInt64, using generator: inout some RandomNumberGenerator
  ) -> [FleetAction] {
    if case .over = course { return [] }
    let now = notice(time)
    switch event {
    case .tick: break
    case .spawned(let id, let pid): spawned(id, pid: pid, at: now)
    case .spawnFailed(let id, let reason):
      spawnFailed(id, reason: reason, at: now, using: &generator)
    case .message(let id, let message): received(message, from: id, at: now)
    case .exited(let id, let cause): exited(id, cause, at: now, using: &generator)
    case .slotOpened(let slot): slotOpened(slot)
    case .slotOpenFailed(let slot, let reason): slotOpenFailed(slot, reason: reason, at: now)
    case .checked(let check): checked(check)
    case .executeFailed(let reason): executeFailed(reason)
    case .terminationRequested: terminate(at: now)
    case .interruptRequested: _ = closeAll(at: now)
    }
    return settled(at: now)
  }

  /// Somebody wants something. The answer comes at once; the end of an operation is reported.
  package mutating func request(
    _ command: FleetCommand, at time: UInt64, using generator: inout some RandomNumberGenerator
  ) -> (answer: FleetAnswer, actions: [FleetAction]) {
    if case .over = course { return (.refused(.closing), []) }
    let now = notice(time)
    let answer =
      switch command {
      case .restart(let target): restart(target, at: now)
      case .scale(let count): scale(to: count, at: now)
      case .drain(.all, let plan): drainGateway(plan ?? policy.drain, isSignal: false, at: now)
      case .drain(.slot(let slot), let plan): drain(slot, plan ?? policy.drain, at: now)
      case .changeDrain(let window, let deadline):
        changeDrain(windowMilliseconds: window, deadlineMilliseconds: deadline, at: now)
      case .cancelDrain: cancelDrain(at: now)
      case .closeAll: closeAll(at: now)
      case .upgrade: upgrade(at: now)
      }
    return (answer, settled(at: now))
  }

  private mutating func settled(at now: UInt64) -> [FleetAction] {
    if case .announced(let drain) = course, now >= drain.windowStart {
      beginWindow(drain, at: now)
    }
    enforceDeadlines(at: now)
    settle(at: now)
    defer { actions = [] }
    return actions
  }

  /// When the coordinator itself stood still, nobody could be heard meanwhile.
  private mutating func notice(_ time: UInt64) -> UInt64 {
    let now = max(time, seen ?? time)
    let gap = now - (seen ?? now)
    seen = now
    if gap > policy.stallMilliseconds {
      report(.coordinatorStalled(milliseconds: gap))
      forgiveSilence(of: gap, at: now)
    }
    return now
  }

  mutating func report(_ report: FleetReport) {
    actions.append(.report(report))
  }

  mutating func send(_ message: CoordinatorMessage, to id: WorkerID) {
    actions.append(.send(id, message))
  }
}

/// Looking things up.
extension Fleet {
  /// O(log n): asked for every slot after every event.
  func index(of id: WorkerID) -> Int? {
    var low = 0
    var high = workers.count
    while low < high {
      let middle = (low + high) / 2
      if workers[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < workers.count && workers[low].id == id ? low : nil
  }

  func isReady(_ id: WorkerID?) -> Bool {
    guard let id, let index = index(of: id) else { return false }
    return workers[index].isReady
  }

  /// Whether it listens to what it is told.
  func isServing(_ id: WorkerID?) -> Bool {
    guard let id, let index = index(of: id) else { return false }
    return workers[index].isServing
  }

  func hasSlot(_ slot: SlotID) -> Bool {
    slots.indices.contains(slot.index)
  }

  /// Whether the worker is the slot's, or is to be.
  func isWanted(_ id: WorkerID) -> Bool {
    guard hasSlot(id.slot) else { return false }
    let slot = slots[id.slot.index]
    return slot.worker == id || slot.replacement == id
  }

  /// Whether workers that end are started again.
  var keepsWorkers: Bool {
    switch course {
    case .serving, .announced: true
    case .draining, .closing, .over: false
    }
  }
}
