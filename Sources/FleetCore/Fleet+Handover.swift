/// What the fleet hands over to the next binary. An upgrade begins when all is settled, so
/// there is no drain to hand over and no listener that is half open.
extension Fleet {
  /// As text; see ``HandoverText``.
  func handover() -> String {
    var text = HandoverText()
    text.append(
      "fleet",
      [
        "next_generation": "\(nextGeneration)", "next_operation": "\(nextOperation)",
        "operation": operation.map { "\($0.id)" },
        "operation_started": operation.map { "\($0.started)" },
      ])
    text.append(
      "listen-order",
      ["slots": listenOrder.map { "\($0)" }.joined(separator: ",")])
    for slot in slots {
      text.append(
        "slot",
        [
          "index": "\(slot.id)", "worker": slot.worker.map { "\($0)" },
          "attendant": slot.attendant.map { "\($0)" }, "stopped": slot.isStopped ? "1" : nil,
          "failures": "\(slot.failures)", "restart_at": slot.restartAt.map { "\($0)" },
        ])
    }
    for worker in workers { append(worker, to: &text) }
    for (name, count) in totals.departed.sorted(by: { $0.key < $1.key }) {
      text.append("counter", ["name": name, "count": "\(count)"])
    }
    return text.text
  }

  private func append(_ worker: WorkerRecord, to text: inout HandoverText) {
    let state: String
    var deadline: UInt64?
    var reason: KillReason?
    switch worker.state {
    // One that is being spawned is waited for before the state is executed with.
    case .spawning: return
    case .starting(_, let start):
      state = "starting"
      deadline = start
    // Upgrades are refused while anything drains.
    case .ready, .draining: state = "ready"
    case .killed(_, let why):
      state = "killed"
      reason = why
    }
    text.append(
      "worker",
      [
        "id": "\(worker.id)", "pid": worker.pid.map { "\($0)" }, "state": state,
        "since": "\(worker.since)", "deadline": deadline.map { "\($0)" },
        "reason": reason?.rawValue, "started": worker.hasStarted ? "1" : nil,
      ])
    for (name, count) in worker.figures.counters.sorted(by: { $0.key < $1.key }) {
      text.append("counter", ["worker": "\(worker.id)", "name": name, "count": "\(count)"])
    }
  }

  /// A gateway that goes on in a new binary, or in a check of one.
  ///
  /// - Parameters:
  ///   - handover: The state of ``FleetAction/execute(state:)``.
  ///   - policy: Deadlines and limits; they may differ from those of before.
  /// - Throws: ``HandoverError``; never for what a neighbouring version has written.
  package init(handover: String, policy: FleetPolicy) throws(HandoverError) {
    let text = try HandoverText(reading: handover)
    self.init(policy: policy, slots: [])
    for line in text.lines {
      switch line.kind {
      case "fleet": try readFleet(line)
      case "listen-order": try readListenOrder(line)
      case "slot": try readSlot(line)
      case "worker": try readWorker(line)
      case "counter": try readCounter(line)
      default: break
      }
    }
    try verify()
  }

  private mutating func readFleet(_ line: HandoverText.Line) throws(HandoverError) {
    nextGeneration = try line.number("next_generation")
    nextOperation = try line.number("next_operation", default: 1)
    let id = OperationID(try line.number("operation", default: nextOperation))
    let started = try line.number("operation_started", default: 0)
    nextOperation = max(nextOperation, id.number.clampedAdding(1))
    // They only ever count up; so far, only a text that is not ours can have come.
    guard max(nextGeneration, nextOperation) < UInt64(Int64.max) else {
      throw .malformedLine(line.number)
    }
    operation = Operation(
      id: id, kind: .upgrade, started: started,
      stage: .rolling(Rolling(slots: [], firstGeneration: nextGeneration)))
  }

  private mutating func readListenOrder(_ line: HandoverText.Line) throws(HandoverError) {
    for part in try line.text("slots").utf8.split(separator: UInt8(ascii: ",")) {
      guard let index = UInt64(digits: part), index < UInt64(FleetPolicy.slotsMax) else {
        throw .malformedLine(line.number)
      }
      listenOrder.append(SlotID(Int(index)))
    }
  }

  private mutating func readSlot(_ line: HandoverText.Line) throws(HandoverError) {
    let id = try line.slot("index")
    guard id.index == slots.count else { throw .malformedLine(line.number) }
    var slot = SlotRecord(id: id, listeners: .open)
    slot.worker = try line.worker("worker")
    slot.attendant = try line.worker("attendant")
    slot.isStopped = line.fields["stopped"] == "1"
    slot.failures = min(try line.number("failures", default: 0), UInt64(UInt32.max))
    if line.fields["restart_at"] != nil { slot.restartAt = try line.number("restart_at") }
    slots.append(slot)
  }

  private mutating func readWorker(_ line: HandoverText.Line) throws(HandoverError) {
    guard let id = try line.worker("id"), workers.last.map({ $0.id < id }) ?? true,
      let pid = Int32(exactly: try line.number("pid")), pid > 0
    else { throw .malformedLine(line.number) }
    let since = try line.number("since", default: 0)
    var worker = WorkerRecord(id: id, at: since)
    worker.hasStarted = line.fields["started"] == "1"
    switch try line.text("state") {
    case "starting":
      worker.state = .starting(pid: pid, deadline: try line.number("deadline", default: 0))
    case "ready": worker.state = .ready(pid: pid, heard: since)
    case "killed":
      let reason = line.fields["reason"].flatMap { KillReason(rawValue: $0) }
      worker.state = .killed(pid: pid, reason ?? .unwanted)
    default: throw .malformedLine(line.number)
    }
    workers.append(worker)
  }

  private mutating func readCounter(_ line: HandoverText.Line) throws(HandoverError) {
    let counters = [try line.text("name"): try line.number("count")]
    guard let id = try line.worker("worker") else {
      totals.absorb(counters)
      return
    }
    guard let index = index(of: id) else { throw .malformedLine(line.number) }
    workers[index].figures.update(WorkerFigures(counters: counters))
  }

  /// What the rest relies on.
  private mutating func verify() throws(HandoverError) {
    guard !slots.isEmpty, operation != nil else { throw .inconsistent("something is missing") }
    if listenOrder.isEmpty { listenOrder = slots.map(\.id) }
    guard listenOrder.sorted() == slots.map(\.id) else {
      throw .inconsistent("the order of the listeners is not that of the slots")
    }
    guard workers.allSatisfy({ hasSlot($0.id.slot) && $0.id.generation < nextGeneration }) else {
      throw .inconsistent("a worker has no slot, or a number that is to be given yet")
    }
    for index in slots.indices {
      guard slots[index].worker.map({ $0.slot == slots[index].id }) ?? true else {
        throw .inconsistent("a slot has another slot's worker")
      }
      // A worker that was being spawned for a check's sake is not there; nor is its slot's.
      if let id = slots[index].worker, self.index(of: id) == nil { slots[index].worker = nil }
    }
  }

  /// After a handover: nobody was heard meanwhile, and all workers are to be new.
  mutating func takeOver(at now: UInt64) {
    guard let stage = operation?.stage, case .rolling(let rolling) = stage else { return }
    for index in workers.indices {
      switch workers[index].state {
      case .spawning, .draining, .killed: break
      case .starting(let pid, _):
        let deadline = now.clampedAdding(policy.startDeadlineMilliseconds)
        workers[index].state = .starting(pid: pid, deadline: deadline)
      case .ready(let pid, _): workers[index].state = .ready(pid: pid, heard: now)
      }
    }
    let chosen = slots.filter { !$0.isStopped }.map(\.id)
    for slot in chosen { slots[slot.index].restartAt = nil }
    operation?.stage = .rolling(
      Rolling(slots: chosen, firstGeneration: rolling.firstGeneration))
  }
}
