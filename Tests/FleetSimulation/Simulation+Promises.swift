import FleetCore

/// What has to hold after every step.
extension Simulation {
  mutating func verify() throws(Violation) {
    guard !world.hasExited else {
      try require(processes.isEmpty, "exit, and \(processes.keys.sorted()) left behind")
      return
    }
    let status = fleet.status(at: now)
    try verifyProcesses(status)
    try verifyAttendance(status)
    try verifyDrains(status)
    for (name, count) in world.counters {
      let total = status.counters[name] ?? 0
      try require(total >= count, "the counter \(name) fell from \(count) to \(total)")
    }
    world.counters = status.counters
    for slot in world.stopped where !status.slots.contains(where: { $0.slot == slot }) {
      world.stopped.remove(slot)
      world.failures[slot] = nil
      world.restartAt[slot] = nil
    }
    for slot in world.failures.keys where slot.index >= status.slots.count {
      world.failures[slot] = nil
      world.restartAt[slot] = nil
    }
    world.ready = status.workers.filter { $0.state == .ready }
  }

  /// Every process is supervised until it was reaped, and nothing else is.
  private func verifyProcesses(_ status: FleetStatus) throws(Violation) {
    let supervised = status.workers.filter { $0.pid != nil }.map(\.worker)
    for id in supervised {
      try require(processes[id] != nil, "\(id) is supervised, but was reaped")
    }
    let known = Set(status.workers.map(\.worker))
    for id in processes.keys {
      try require(known.contains(id), "nobody supervises \(id)")
    }
    for slot in status.slots {
      let starting = status.workers.count { $0.worker.slot == slot.slot && $0.state == .starting }
      let ready = status.workers.count { $0.worker.slot == slot.slot && $0.state == .ready }
      // One that is being spawned for an operation that was given up is killed when it is there.
      try require(ready <= 1, "slot \(slot.slot) has \(ready) ready workers")
      try require(starting <= 3, "slot \(slot.slot) has \(starting) starting workers")
    }
  }

  /// While a worker is ready, one ready worker accepts at each open slot, and new
  /// connections go where somebody is.
  private func verifyAttendance(_ status: FleetStatus) throws(Violation) {
    let ready = Set(status.workers.filter { $0.state == .ready }.map(\.worker))
    guard !ready.isEmpty else { return }
    for slot in status.slots where slot.isOpen {
      let attending = attendants(of: slot.slot).filter { ready.contains($0) }
      // A process may have died without anybody knowing.
      let dead = processes.values.filter { $0.isDead && $0.told.contains(slot.slot) }.map(\.id)
      let all = Set(attending).union(dead.filter { ready.contains($0) })
      try require(
        all.count == 1, "slot \(slot.slot) is attended by \(all.sorted()), ready: \(ready.sorted())"
      )
      try require(
        slot.attendant == all.first, "\(slot) is attended by \(all.sorted())")
    }
    let open = Set(status.slots.filter(\.isOpen).map(\.slot))
    guard !open.isEmpty else { return }
    guard let steering = world.steering else {
      throw violation("a worker is ready, and nothing was steered")
    }
    try require(!steering.slots.isEmpty, "new connections go nowhere")
    for slot in steering.slots {
      try require(open.contains(slot), "new connections go to slot \(slot), which isn't open")
      let own = status.slots.contains { $0.slot == slot && $0.attendant?.slot == slot }
      let anyOwn = status.slots.contains { $0.isOpen && $0.attendant?.slot == $0.slot }
      try require(own || !anyOwn, "new connections go to slot \(slot), whose worker is away")
    }
    try require(
      steering.groupIndices == steering.slots.map { world.groupIndex(of: $0) },
      "\(steering), but the listeners are in the order \(world.order)")
  }

  /// A drain that is over its deadline is not a drain any longer.
  private func verifyDrains(_ status: FleetStatus) throws(Violation) {
    for worker in status.workers {
      guard let drain = worker.drain else { continue }
      try require(
        now < drain.deadlineMilliseconds, "\(worker.worker) drains beyond its deadline")
      try require(
        drain.estimatedEndMilliseconds <= drain.deadlineMilliseconds
          && drain.windowEndMilliseconds <= drain.deadlineMilliseconds,
        "\(drain) ends after its deadline")
    }
    if case .drain(.all) = status.operation?.kind, let drain = status.operation?.drain {
      // What was killed has to be reaped; the coordinator may have stood still.
      let processesLeft = status.workers.contains { $0.state != .killed && $0.pid != nil }
      try require(
        now < drain.deadlineMilliseconds || !processesLeft,
        "the gateway drains beyond its deadline")
    }
  }

  func verifyBackoff(_ id: WorkerID) throws(Violation) {
    let isReplacement = fleet.status(at: now).workers.contains {
      $0.worker.slot == id.slot && $0.state == .ready
    }
    guard !isReplacement, let due = world.restartAt[id.slot] else { return }
    try require(now >= due, "\(id) is started at \(now) ms, but was to wait until \(due) ms")
  }

  /// Nothing has gone wrong for long: all is as it should be.
  func verifyEnd() throws(Violation) {
    if world.hasExited {
      try require(processes.isEmpty, "exit, and \(processes.keys.sorted()) left behind")
      try require(world.operation == nil, "operation \(world.operation!) never ended")
      return
    }
    let status = fleet.status(at: now)
    try require(status.operation == nil, "\(status.operation!) never ends")
    try require(status.isReady, "the gateway is not ready")
    try require(
      status.slots.map(\.slot.index) == Array(0..<status.slots.count), "slots are missing")
    for slot in status.slots {
      try require(slot.isOpen, "slot \(slot.slot) is not open")
      try require(slot.isStopped == world.stopped.contains(slot.slot), "\(slot): drained or not?")
      let ready = status.workers.filter { $0.worker.slot == slot.slot && $0.state == .ready }
      try require(
        ready.count == (slot.isStopped ? 0 : 1), "slot \(slot.slot) has \(ready.count) workers")
    }
    try require(
      status.workers.allSatisfy { $0.state == .ready },
      "not all workers are ready: \(status.workers)")
    try require(
      processes.keys.sorted() == status.workers.map(\.worker).sorted(), "processes are left behind")
    let serving = status.slots.filter { !$0.isStopped }.map(\.slot)
    try require(world.steering?.slots == serving, "new connections go to \(world.steering!.slots)")
  }
}
