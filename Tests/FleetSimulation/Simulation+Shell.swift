import FleetCore

/// The shell of the fleet, with a kernel that is simulated.
extension Simulation {
  mutating func perform(_ actions: [FleetAction]) throws(Violation) {
    for (index, action) in actions.enumerated() {
      note("  \(action)")
      let isLast = index == actions.count - 1
      switch action {
      case .openSlot(let slot): open(slot)
      case .closeSlot(let slot):
        try require(world.held.contains(slot), "slot \(slot) is closed, but isn't open")
        try require(
          world.mayClose.contains(slot) || world.isClosingAll,
          "slot \(slot) is closed with connections in its queue")
        let isLast = !world.held.contains { $0 > slot }
        try require(
          isLast || world.operationKind == .drain(.all), "slot \(slot) is closed before the last")
        let attending = attendants(of: slot)
        try require(attending.isEmpty, "slot \(slot) is closed, but \(attending) attends it")
        world.closed(slot)
      case .spawn(let id): try spawn(id)
      case .kill(let id, let pid): try kill(id, pid)
      case .send(let id, let message): try send(message, to: id)
      case .steer(let steering):
        try require(!steering.slots.isEmpty, "nothing is steered to")
        try require(
          steering.groupIndices == steering.slots.map { world.groupIndex(of: $0) },
          "\(steering), but the listeners are in the order \(world.order)")
        world.steering = steering
      case .report(let report): try reported(report)
      case .startCheck(let state): try check(state)
      case .abandonCheck: break
      case .execute(let state):
        try require(isLast, "something comes after execve")
        try execute(state)
      case .exit(let status):
        try require(isLast, "something comes after the exit")
        try require(status == 0, "exit status \(status)")
        world.hasExited = true
      }
    }
  }

  private mutating func open(_ slot: SlotID) {
    let delay = generator.milliseconds(0...3)
    if isFaulty, generator.happens(percent: 15) {
      world.awaited += 1
      queue.insert(.input(.slotOpenFailed(slot, reason: "address in use")), at: now + delay)
    } else {
      world.awaited += 1
      queue.insert(.input(.slotOpened(slot)), at: now + delay)
    }
  }

  private mutating func spawn(_ id: WorkerID) throws(Violation) {
    try require(processes[id] == nil, "\(id) is spawned twice")
    try require(world.held.contains(id.slot), "\(id) is spawned, but its slot isn't open")
    try require(!world.stopped.contains(id.slot), "\(id) is spawned, but its slot was drained")
    try verifyBackoff(id)
    let delay = generator.milliseconds(0...2)
    world.awaited += 1
    if isFaulty, generator.happens(percent: 5) {
      queue.insert(.input(.spawnFailed(id, reason: "no memory")), at: now + delay)
      return
    }
    nextPID += 1
    processes[id] = SimulatedProcess(id: id, pid: nextPID)
    queue.insert(.input(.spawned(id, pid: nextPID)), at: now + delay)
    beginLife(of: id, at: now + delay)
  }

  private mutating func kill(_ id: WorkerID, _ pid: Int32) throws(Violation) {
    guard var process = processes[id] else { throw violation("\(id) is killed, but was reaped") }
    try require(process.pid == pid, "\(id) has another pid than \(pid)")
    try require(!process.wasKilled, "\(id) is killed twice")
    process.wasKilled = true
    processes[id] = process
    queue.insert(.crash(id, .signal(9)), at: now + generator.milliseconds(0...5))
  }

  private mutating func send(_ message: CoordinatorMessage, to id: WorkerID) throws(Violation) {
    guard var process = processes[id] else { throw violation("\(id) was reaped: \(message)") }
    try require(!process.wasKilled, "\(id) was killed, and is sent \(message)")
    switch message {
    case .start:
      try require(world.held.contains(id.slot), "\(id) starts without listeners")
      process.told.insert(id.slot)
      world.mayClose.remove(id.slot)
    case .adopt(let slot):
      try require(world.held.contains(slot), "\(id) adopts \(slot), which isn't open")
      process.told.insert(slot)
      world.mayClose.remove(slot)
    case .release(let slot):
      process.told.remove(slot)
    case .stopAccepting(let slot):
      try require(
        process.told.contains(slot), "\(id) stops accepting at \(slot), which it doesn't attend")
      process.told.remove(slot)
      process.unanswered[slot, default: 0] += 1
    case .closeAll: process.told = []
    case .configure, .drain, .cancelDrain, .reload, .ticketKeys, .listConnections, .disconnect:
      break
    }
    process.lastArrival = max(process.lastArrival, now + generator.milliseconds(0...2))
    processes[id] = process
    queue.insert(.deliver(id, message), at: process.lastArrival)
  }

  /// A queue is empty when its last question was answered, by one who was not told since to
  /// attend it again.
  mutating func answered(_ event: FleetEvent) throws(Violation) {
    guard case .message(let id, .queueEmpty(let slot)) = event, var process = processes[id] else {
      return
    }
    let left = (process.unanswered[slot] ?? 0) - 1
    try require(left >= 0, "\(id) answers what it was not asked")
    process.unanswered[slot] = left
    processes[id] = process
    if left == 0, !process.told.contains(slot) { world.mayClose.insert(slot) }
  }

  private mutating func reported(_ report: FleetReport) throws(Violation) {
    let name = "\(report)".prefix { $0 != "(" }
    reports[String(name), default: 0] += 1
    for worker in world.ready
    where now - worker.sinceMilliseconds >= policy.restart.goodAfterMilliseconds {
      world.longReady.insert(worker.worker.slot)
    }
    switch report {
    case .operationStarted(let id, let kind):
      try require(
        world.operation == nil, "operation \(id), \(kind), while \(world.operation!) is running")
      world.operation = id
      world.operationKind = kind
    case .operationEnded(let id, let kind, let outcome):
      try require(world.operation == id, "operation \(id) ends, but isn't running")
      world.operation = nil
      reports[
        "\(kind)".prefix { !$0.isNumber } + " \("\(outcome)".prefix { $0 != ":" })", default: 0] +=
        1
    case .restartScheduled(let slot, let wait, let failures):
      try require(
        failures == (world.failures[slot] ?? 0) + 1
          || failures == 1 && world.longReady.contains(slot),
        "worker \(slot) has failed \(failures) times, after \(world.failures[slot] ?? 0)")
      let bound: UInt64 = failures < 2 ? 0 : min(10_000, 100 << UInt64(min(failures - 2, 20)))
      try require(
        bound / 2...bound ~= wait, "a wait of \(wait) ms after \(failures) failures")
      world.failures[slot] = failures
      world.longReady.remove(slot)
      world.restartAt[slot] = now + wait
    case .queueAbandoned(let slot):
      world.mayClose.insert(slot)
    case .workerHung(let id, _):
      let isInnocent = processes[id].map { !$0.hangs && !$0.isDead } ?? true
      try require(!isInnocent, "\(id) is killed for silence, but was not silent")
    case .workerSpawned, .spawnFailed, .workerReady, .workerFailed, .startTimedOut,
      .workerCrashed, .workerEnded, .drainForced, .slotAdopted, .slotOpenFailed,
      .coordinatorStalled:
      break
    }
  }

  private mutating func check(_ state: String) throws(Violation) {
    do { _ = try Fleet(handover: state, policy: policy) } catch {
      throw violation("the state can't be read: \(error)")
    }
    let delay = generator.milliseconds(20...2_000)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: break
    case 1, 2: queue.insert(.input(.checked(.failed("no such option"))), at: now + delay)
    default: queue.insert(.input(.checked(.passed)), at: now + delay)
    }
  }

  private mutating func execute(_ state: String) throws(Violation) {
    try require(world.awaited == 0, "execve while \(world.awaited) answers are awaited")
    isStopped = true
    let delay = generator.milliseconds(1...200)
    if generator.happens(percent: 15) {
      inbox.insert(.executeFailed(reason: "no such file"), at: 0)
      queue.insert(.resume, at: now + delay)
    } else {
      queue.insert(.executed(state), at: now + delay)
    }
  }

  mutating func executed(_ state: String) throws(Violation) {
    note("a new binary")
    do { fleet = try Fleet(handover: state, policy: policy) } catch {
      throw violation("the state can't be taken over: \(error)")
    }
    isStopped = false
    // The operation goes on; what waits is asked for now.
    world.restartAt = [:]
    try perform(fleet.start(at: now, using: &fleetGenerator))
    try verify()
    try flushInbox()
  }

  mutating func flushInbox() throws(Violation) {
    let waiting = inbox
    inbox = []
    for event in waiting where !world.hasExited { try feed(event) }
  }

  /// Workers that run and have been told to attend the slot.
  func attendants(of slot: SlotID) -> [WorkerID] {
    processes.values.filter { !$0.wasKilled && !$0.isDead && $0.told.contains(slot) }.map(\.id)
      .sorted()
  }
}
