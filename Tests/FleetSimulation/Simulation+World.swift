import FleetCore

/// Workers, people, and what befalls them.
extension Simulation {
  mutating func happen(_ happening: Happening) throws(Violation) {
    switch happening {
    case .tick:
      queue.insert(.tick, at: now + policy.tickMilliseconds)
      try feed(.tick)
    case .input(let event): try feed(event)
    case .message(let id, let message): try feed(.message(id, message))
    case .deliver(let id, let message): deliver(message, to: id)
    case .becomesReady(let id):
      guard runs(id) else { return }
      transmit(.ready, from: id)
    case .heartbeat(let id): heartbeat(id)
    case .crash(let id, let cause): die(id, cause)
    case .hang(let id):
      guard isFaulty, runs(id) else { return }
      note("\(id) hangs")
      processes[id]?.hangs = true
    case .drainEnds(let id, let number): drainEnds(id, number)
    case .command:
      guard isFaulty else { return }
      queue.insert(.command, at: now + generator.milliseconds(0...4_000))
      try command()
    case .changeOfMind: try changeOfMind()
    case .fault:
      guard isFaulty else { return }
      queue.insert(.fault, at: now + generator.milliseconds(0...5_000))
      fault()
    case .resume:
      isStopped = false
      try flushInbox()
    case .executed(let state): try executed(state)
    }
  }

  private func runs(_ id: WorkerID) -> Bool {
    guard let process = processes[id] else { return false }
    return !process.isDead && !process.hangs
  }

  /// What a process is going to be like.
  mutating func beginLife(of id: WorkerID, at time: UInt64) {
    queue.insert(.heartbeat(id), at: time + policy.heartbeatMilliseconds)
    var start = generator.milliseconds(5...60)
    if isFaulty {
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<4: return
      case 4..<8: start = generator.milliseconds(1_000...11_000)
      case 8..<20:
        queue.insert(.crash(id, .status(1)), at: time + generator.milliseconds(0...100))
        return
      case 20..<35:
        queue.insert(.crash(id, .signal(11)), at: time + generator.milliseconds(0...15_000))
      case 35..<45:
        queue.insert(.hang(id), at: time + generator.milliseconds(0...15_000))
      default: break
      }
    }
    processes[id]?.isStubborn = generator.happens(percent: 15)
    queue.insert(.becomesReady(id), at: time + start)
  }

  /// A message to the coordinator arrives after those that were sent before.
  private mutating func transmit(_ message: WorkerMessage, from id: WorkerID) {
    guard var process = processes[id] else { return }
    process.lastDeparture = max(process.lastDeparture, now + generator.milliseconds(0...2))
    processes[id] = process
    queue.insert(.message(id, message), at: process.lastDeparture)
  }

  private mutating func heartbeat(_ id: WorkerID) {
    guard var process = processes[id], !process.isDead else { return }
    queue.insert(.heartbeat(id), at: now + policy.heartbeatMilliseconds)
    guard !process.hangs else { return }
    process.counters["messages", default: 0] += generator.milliseconds(0...50)
    if process.drain == nil {
      process.connections += generator.milliseconds(0...5)
    } else {
      let closed = min(process.connections, generator.milliseconds(0...10))
      process.connections -= closed
      process.counters[FigureName.drainClosed, default: 0] += closed
    }
    processes[id] = process
    // Some are lost on the way, as when the socket is full.
    if isFaulty, generator.happens(percent: 3) { return }
    transmit(.heartbeat(process.figures), from: id)
  }

  private mutating func die(_ id: WorkerID, _ cause: ExitCause) {
    guard var process = processes[id], !process.isDead else { return }
    // Faults of a process that was spawned in bad times end with them.
    if !process.wasKilled, !process.exits, !isFaulty { return }
    process.isDead = true
    processes[id] = process
    // Everything that it sent is read before its end is seen.
    let time = max(process.lastDeparture, now + generator.milliseconds(0...4))
    queue.insert(.input(.exited(id, cause)), at: time)
  }

  private mutating func deliver(_ message: CoordinatorMessage, to id: WorkerID) {
    guard runs(id), var process = processes[id], !process.exits else { return }
    switch message {
    case .stopAccepting(let slot):
      process.connections += generator.milliseconds(0...3)
      processes[id] = process
      transmit(.queueEmpty(slot), from: id)
    case .drain(let drain):
      process.drains += 1
      process.drain = process.drains
      processes[id] = process
      guard !process.isStubborn else { return }
      let end = generator.milliseconds(0...drain.deadlineMilliseconds)
      queue.insert(.drainEnds(id, number: process.drains), at: now + end)
    case .closeAll:
      process.drains += 1
      process.drain = process.drains
      processes[id] = process
      guard !process.isStubborn else { return }
      let end = generator.milliseconds(0...1_500)
      queue.insert(.drainEnds(id, number: process.drains), at: now + end)
    case .cancelDrain:
      process.drain = nil
      processes[id] = process
    case .configure, .start, .adopt, .release, .reload, .ticketKeys, .listConnections, .disconnect:
      break
    }
  }

  private mutating func drainEnds(_ id: WorkerID, _ number: Int) {
    guard runs(id), var process = processes[id], process.drain == number else { return }
    process.counters[FigureName.drainForced, default: 0] += process.connections
    process.connections = 0
    process.exits = true
    processes[id] = process
    transmit(.drained(process.figures), from: id)
    queue.insert(.crash(id, .status(0)), at: now + generator.milliseconds(0...30))
  }

  private mutating func command() throws(Violation) {
    let slot = SlotID(Int.random(in: 0..<5, using: &generator))
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<15: try ask(.restart(.all))
    case 15..<30: try ask(.restart(.slot(slot)))
    case 30..<45: try ask(.scale(to: Int.random(in: 0...5, using: &generator)))
    case 45..<65:
      let plan = DrainPlan(
        windowMilliseconds: generator.milliseconds(0...3_000),
        deadlineMilliseconds: generator.milliseconds(0...4_000))
      try ask(.drain(.slot(slot), generator.happens(percent: 50) ? plan : nil))
    case 65..<70:
      try ask(
        .changeDrain(
          windowMilliseconds: generator.milliseconds(0...3_000),
          deadlineMilliseconds: generator.milliseconds(0...5_000)))
    case 70..<80: try ask(.cancelDrain)
    case 80..<90: try ask(.upgrade)
    case 90..<95:
      try ask(.drain(.all, nil))
      queue.insert(.changeOfMind, at: now + generator.milliseconds(0...10))
    default:
      guard isEnded else { return }
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<6: try ask(.drain(.all, nil))
      case 6: try ask(.closeAll)
      case 7: try feed(.interruptRequested)
      default: try feed(.terminationRequested)
      }
      if generator.happens(percent: 30) {
        queue.insert(.changeOfMind, at: now + generator.milliseconds(0...3_000))
      }
    }
  }

  /// The gateway is not to be drained after all; or after all it is; or neither.
  private mutating func changeOfMind() throws(Violation) {
    guard isFaulty else { return }
    try ask(.cancelDrain)
    guard !world.hasExited, generator.happens(percent: 50) else { return }
    try ask(.drain(.all, nil))
    queue.insert(.changeOfMind, at: now + generator.milliseconds(0...10))
  }

  private mutating func fault() {
    switch Int.random(in: 0..<10, using: &generator) {
    case 0, 1:
      // The coordinator is stopped, or starved.
      guard !isStopped else { return }
      note("the coordinator stands still")
      isStopped = true
      queue.insert(.resume, at: now + generator.milliseconds(100...20_000))
    case 2:
      // The whole machine stands still.
      note("the machine stands still")
      let pause = generator.milliseconds(1_000...60_000)
      queue.postponeAll(by: pause)
      faultsEnd += pause
      for id in processes.keys {
        processes[id]?.lastArrival += pause
        processes[id]?.lastDeparture += pause
      }
    default:
      let victims = processes.keys.sorted()
      guard let id = victims.randomElement(using: &generator) else { return }
      if generator.happens(percent: 50) {
        queue.insert(.hang(id), at: now)
      } else {
        queue.insert(.crash(id, .signal(11)), at: now)
      }
    }
  }
}
