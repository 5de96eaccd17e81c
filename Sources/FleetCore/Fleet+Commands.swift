/// Operations: restarts, changes of scale, upgrades. One at a time.
extension Fleet {
  /// Why no operation can begin; nil if one can.
  var busy: FleetRefusal? {
    if let drain = gatewayDrain { return .busy(drain.id, .drain(.all)) }
    return operation.map { .busy($0.id, $0.kind) }
  }

  /// Whether all is as it is to stay: nothing left of an operation that was given up.
  private var isSettled: Bool {
    slots.allSatisfy { $0.isOpen && !$0.isRetiring }
      && workers.allSatisfy { worker in
        if case .draining = worker.state { false } else { true }
      }
  }

  mutating func restart(_ target: FleetTarget, at now: UInt64) -> FleetAnswer {
    if let refusal = busy { return .refused(refusal) }
    let chosen: [SlotID]
    switch target {
    case .all:
      chosen = slots.filter { !$0.isStopped && !$0.isRetiring }.map(\.id)
    case .slot(let slot):
      guard hasSlot(slot), !slots[slot.index].isRetiring else { return .refused(.noSuchSlot(slot)) }
      chosen = [slot]
    }
    if chosen.isEmpty { return .done }
    guard chosen.allSatisfy({ slots[$0.index].isOpen }) else { return .refused(.settling) }
    for slot in chosen {
      slots[slot.index].isStopped = false
      // Whatever it waits for, it was asked for now.
      slots[slot.index].restartAt = nil
    }
    let rolling = Rolling(slots: chosen, firstGeneration: nextGeneration)
    return .started(begin(.restart(target), .rolling(rolling), at: now))
  }

  mutating func scale(to count: Int, at now: UInt64) -> FleetAnswer {
    if let refusal = busy { return .refused(refusal) }
    guard 1...FleetPolicy.slotsMax ~= count else { return .refused(.workerCount(count)) }
    guard isSettled else { return .refused(.settling) }
    if count == slots.count { return .done }
    if count > slots.count {
      return .started(
        begin(.scale(to: count), .scalingUp(first: slots.count, count: count), at: now))
    }
    guard workers.contains(where: { $0.isReady && $0.id.slot.index < count }) else {
      return .refused(.lastWorker)
    }
    for index in slots[count...].indices.reversed() { retire(index, at: now) }
    return .started(begin(.scale(to: count), .scalingDown, at: now))
  }

  private mutating func retire(_ index: Int, at now: UInt64) {
    slots[index].isRetiring = true
    slots[index].restartAt = nil
    slots[index].listeners = .emptying(
      deadline: now.clampedAdding(policy.drain.deadlineMilliseconds), isAsked: false)
    guard let id = slots[index].worker, let position = self.index(of: id) else { return }
    if workers[position].isReady {
      beginDrain(of: id, policy.drain, at: now)
    } else {
      dismiss(id, at: now)
    }
  }

  mutating func upgrade(at now: UInt64) -> FleetAnswer {
    if let refusal = busy { return .refused(refusal) }
    guard isSettled else { return .refused(.settling) }
    let deadline = now.clampedAdding(policy.checkDeadlineMilliseconds)
    let id = begin(.upgrade, .checking(deadline: deadline), at: now)
    actions.append(.startCheck(state: handover()))
    return .started(id)
  }

  mutating func checked(_ check: UpgradeCheck) {
    guard let stage = operation?.stage, case .checking = stage else { return }
    switch check {
    case .passed: operation?.stage = .checked
    case .failed(let reason): end(.failed("the new binary can't take over: \(reason)"))
    }
  }

  mutating func executeFailed(_ reason: String) {
    guard let stage = operation?.stage, case .executing = stage else { return }
    end(.failed("the new binary could not be executed: \(reason)"))
  }

  mutating func begin(
    _ kind: OperationKind, _ stage: Operation.Stage, at now: UInt64
  ) -> OperationID {
    let id = OperationID(nextOperation)
    nextOperation += 1
    operation = Operation(id: id, kind: kind, started: now, stage: stage)
    report(.operationStarted(id, kind))
    return id
  }

  mutating func end(_ outcome: OperationOutcome) {
    guard let operation else { return }
    self.operation = nil
    report(.operationEnded(operation.id, operation.kind, outcome))
  }

  /// The gateway is going to end.
  mutating func supersedeOperation(at now: UInt64) {
    guard let operation else { return }
    switch operation.stage {
    case .rolling:
      for index in slots.indices {
        guard let replacement = slots[index].replacement else { continue }
        slots[index].replacement = nil
        dismiss(replacement, at: now)
      }
    case .checking: actions.append(.abandonCheck)
    case .scalingUp, .scalingDown, .draining, .checked, .executing: break
    }
    end(.superseded)
  }

  /// A worker that isn't ready is not needed any longer. One that is being spawned is killed
  /// when its process is there.
  private mutating func dismiss(_ id: WorkerID, at now: UInt64) {
    if slots[id.slot.index].worker == id { slots[id.slot.index].worker = nil }
    guard let index = index(of: id), case .starting = workers[index].state else { return }
    kill(index, .unwanted, at: now)
  }

  /// A new worker did not become ready. The operation that it was for has failed; whether
  /// the worker is started again is another matter.
  mutating func failOperation(startOf id: WorkerID, _ problem: String) {
    guard let operation else { return }
    switch operation.stage {
    case .rolling(let rolling):
      guard rolling.slots.first == id.slot, id.generation >= rolling.firstGeneration else { break }
      end(.failed("worker \(id) did not become ready: \(problem)"))
    case .scalingUp(let first, _):
      guard id.slot.index >= first else { break }
      end(.failed("worker \(id) did not become ready: \(problem)"))
    case .scalingDown, .draining, .checking, .checked, .executing: break
    }
  }
}

/// Going on with an operation.
extension Fleet {
  mutating func advanceOperation(at now: UInt64) {
    guard let operation else { return }
    switch operation.stage {
    case .rolling(let rolling): roll(rolling, at: now)
    case .scalingUp(let first, let count): scaleUp(first, count)
    case .scalingDown:
      if !slots.contains(where: \.isRetiring) { end(.done) }
    case .draining(let id):
      if index(of: id) == nil { end(.done) }
    case .checking, .checked, .executing: break
    }
  }

  /// A slot is done when its worker is new and ready and no old one is left.
  private mutating func roll(_ rolling: Rolling, at now: UInt64) {
    var rolling = rolling
    while let slot = rolling.slots.first {
      let isNew = slots[slot.index].worker.map { $0.generation >= rolling.firstGeneration }
      if isNew == true, isReady(slots[slot.index].worker) {
        let old = workers.contains {
          $0.id.slot == slot && $0.id.generation < rolling.firstGeneration
        }
        if old { break }
        rolling.slots.removeFirst()
        continue
      }
      if isNew == false, slots[slot.index].replacement == nil, isReady(slots[slot.index].worker) {
        slots[slot.index].replacement = spawn(for: slot, at: now)
      }
      break
    }
    operation?.stage = .rolling(rolling)
    if rolling.slots.isEmpty { end(.done) }
  }

  /// One slot at a time, so that they are opened in their order.
  private mutating func scaleUp(_ first: Int, _ count: Int) {
    guard let last = slots.last, last.isOpen else { return }
    if slots.count < count {
      let slot = SlotID(slots.count)
      slots.append(SlotRecord(id: slot, listeners: .opening))
      actions.append(.openSlot(slot))
    } else if slots[first...].allSatisfy({ isReady($0.worker) }) {
      end(.done)
    }
  }

  mutating func enforceStageDeadlines(at now: UInt64) {
    guard let stage = operation?.stage, case .checking(let deadline) = stage, now >= deadline
    else { return }
    actions.append(.abandonCheck)
    end(
      .failed(
        "the new binary has not answered within \(policy.checkDeadlineMilliseconds) ms"))
  }

  /// The last action of all, and only when the shell owes no answer: what is answered to a
  /// process that was replaced is lost.
  mutating func executeIfChecked() {
    guard let stage = operation?.stage, case .checked = stage else { return }
    let isAnswered = workers.allSatisfy { worker in
      if case .spawning = worker.state { false } else { true }
    }
    guard isAnswered else { return }
    operation?.stage = .executing
    actions.append(.execute(state: handover()))
  }
}
