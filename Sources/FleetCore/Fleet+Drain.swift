/// Drains: of one worker, which every replacement needs, and of the whole gateway.
///
/// The workers close their connections, each at a random moment of the window. What is kept
/// here are the times, the sums, and the end.
extension Fleet {
  /// The worker accepts no longer (``settle(at:)`` sees to it) and closes its connections.
  /// Nothing if it isn't ready.
  mutating func beginDrain(of id: WorkerID, _ plan: DrainPlan, at now: UInt64) {
    guard let index = index(of: id), case .ready(let pid, let heard) = workers[index].state else {
      return
    }
    let drain = Drain(
      plan: plan, started: now, windowStart: now, figures: workers[index].figures)
    workers[index].enter(.draining(pid: pid, heard: heard, drain), at: now)
  }

  /// Drains the worker of one slot, and leaves the slot to the others.
  mutating func drain(_ slot: SlotID, _ plan: DrainPlan, at now: UInt64) -> FleetAnswer {
    if let operation, case .draining(let id) = operation.stage, id.slot == slot {
      return .running(operation.id, progress(of: id, at: now) ?? .over(since: operation.started))
    }
    if let refusal = busy { return .refused(refusal) }
    guard hasSlot(slot), !slots[slot.index].isRetiring else { return .refused(.noSuchSlot(slot)) }
    guard let id = slots[slot.index].worker else {
      return slots[slot.index].isStopped ? .done : .refused(.notReady(slot))
    }
    guard isReady(id) else { return .refused(.notReady(slot)) }
    guard workers.contains(where: { $0.isReady && $0.id != id }) else {
      return .refused(.lastWorker)
    }
    slots[slot.index].isStopped = true
    beginDrain(of: id, plan, at: now)
    return .started(begin(.drain(.slot(slot)), .draining(id), at: now))
  }

  /// A worker that was draining is gone.
  mutating func drainingWorkerEnded(
    _ id: WorkerID, _ cause: ExitCause, lost: UInt64, isFinished: Bool
  ) {
    if isFinished || cause == .status(0) {
      report(.workerEnded(id, cause))
      return
    }
    report(.workerCrashed(id, cause, connections: lost))
    if let operation, case .draining(let drained) = operation.stage, drained == id {
      end(.failed("worker \(id) ended with \(cause), and \(lost) connections with it"))
    }
  }

  /// Counts a drain that is over towards the gateway's.
  mutating func account(_ tally: DrainTally) {
    switch course {
    case .serving, .announced, .over: break
    case .draining(var drain):
      drain.gone.add(tally)
      course = .draining(drain)
    case .closing(var drain):
      drain.gone.add(tally)
      course = .closing(drain)
    }
  }

  mutating func changeDrain(
    windowMilliseconds window: UInt64, deadlineMilliseconds deadline: UInt64, at now: UInt64
  ) -> FleetAnswer {
    switch course {
    case .serving:
      guard let operation, case .draining(let id) = operation.stage, let index = index(of: id)
      else { return .refused(.notDraining) }
      changeDrain(index, window, deadline)
      return .done
    case .announced(var drain):
      drain.plan.change(window, deadline)
      course = .announced(drain)
      return .done
    case .draining(var drain):
      drain.plan.change(window, deadline)
      course = .draining(drain)
      for index in workers.indices { changeDrain(index, window, deadline) }
      for index in slots.indices {
        guard case .emptying(_, let isAsked) = slots[index].listeners else { continue }
        slots[index].listeners = .emptying(deadline: drain.deadline, isAsked: isAsked)
      }
      return .done
    case .closing, .over:
      return .refused(.closing)
    }
  }

  private mutating func changeDrain(_ index: Int, _ window: UInt64, _ deadline: UInt64) {
    guard case .draining(let pid, let heard, var drain) = workers[index].state, !drain.isFinished
    else { return }
    drain.change(window: window, deadline: deadline)
    workers[index].state = .draining(pid: pid, heard: heard, drain)
  }

  mutating func cancelDrain(at now: UInt64) -> FleetAnswer {
    switch course {
    case .serving:
      guard let operation, case .draining(let id) = operation.stage else {
        return .refused(.notDraining)
      }
      slots[id.slot.index].isStopped = false
      resume(id, at: now)
      end(.cancelled)
      return .done
    case .announced(let drain):
      course = .serving
      report(.operationEnded(drain.id, .drain(.all), .cancelled))
      return .done
    case .draining(let drain):
      course = .serving
      report(.operationEnded(drain.id, .drain(.all), .cancelled))
      for index in slots.indices where !slots[index].isRetiring {
        reopen(index)
        if !slots[index].isStopped, let id = slots[index].worker { resume(id, at: now) }
      }
      return .done
    case .closing, .over:
      return .refused(.closing)
    }
  }

  /// A draining worker is to serve on. One whose last connection is gone exits; it gets a
  /// successor then.
  private mutating func resume(_ id: WorkerID, at now: UInt64) {
    guard let index = index(of: id),
      case .draining(let pid, let heard, let drain) = workers[index].state,
      !drain.isFinished
    else { return }
    workers[index].enter(.ready(pid: pid, heard: heard), at: now)
    send(.cancelDrain, to: id)
  }

  /// Nothing has been lost where the listeners are still held; else they are opened again.
  private mutating func reopen(_ index: Int) {
    switch slots[index].listeners {
    case .opening, .open, .reopening, .reopenDue: break
    case .emptying, .emptied:
      slots[index].listeners = .open
      slots[index].attendant = nil
    case .closed:
      slots[index].listeners = .reopening
      actions.append(.openSlot(slots[index].id))
    }
  }
}

/// The end of the gateway.
extension Fleet {
  mutating func terminate(at now: UInt64) {
    switch course {
    case .serving: _ = drainGateway(policy.drain, isSignal: true, at: now)
    case .announced(var drain):
      if drain.isSignalled {
        _ = closeAll(at: now)
      } else {
        drain.isSignalled = true
        course = .announced(drain)
      }
    case .draining(var drain):
      if drain.isSignalled {
        _ = closeAll(at: now)
      } else {
        drain.isSignalled = true
        course = .draining(drain)
      }
    case .closing, .over: break
    }
  }

  /// The drain begins with its delay, be it 0.
  mutating func drainGateway(_ plan: DrainPlan, isSignal: Bool, at now: UInt64) -> FleetAnswer {
    if let drain = gatewayDrain {
      return .running(drain.id, progress(of: drain, at: now))
    }
    let drain = announce(plan, isSignal: isSignal, at: now)
    course = .announced(drain)
    return .started(drain.id)
  }

  /// Every connection is closed now. What is queued at the listeners is given up.
  mutating func closeAll(at now: UInt64) -> FleetAnswer {
    var drain: GatewayDrain
    let answer: FleetAnswer
    switch course {
    case .serving:
      drain = announce(policy.drain, isSignal: true, at: now)
      answer = .started(drain.id)
    case .announced(let running), .draining(let running):
      drain = running
      answer = .running(drain.id, progress(of: drain, at: now))
    case .closing(let running):
      return .running(running.id, progress(of: running, at: now))
    case .over:
      return .refused(.closing)
    }
    let deadline = min(drain.deadline, now.clampedAdding(policy.closeAllMilliseconds))
    drain.plan.change(0, deadline.clampedSubtracting(drain.started))
    course = .closing(drain)
    stopWorkers(drain, at: now)
    for index in workers.indices {
      guard case .draining(let pid, let heard, var running) = workers[index].state,
        !running.isFinished
      else { continue }
      // `closeAll` says it all; the deadline is only ours.
      running.isAnnounced = true
      workers[index].state = .draining(pid: pid, heard: heard, running)
      send(.closeAll, to: workers[index].id)
    }
    for index in slots.indices where slots[index].isHeld {
      slots[index].listeners = .emptied
      slots[index].attendant = nil
    }
    return answer
  }

  private mutating func announce(
    _ plan: DrainPlan, isSignal: Bool, at now: UInt64
  ) -> GatewayDrain {
    supersedeOperation(at: now)
    let id = OperationID(nextOperation)
    nextOperation += 1
    report(.operationStarted(id, .drain(.all)))
    return GatewayDrain(id: id, started: now, plan: plan, isSignalled: isSignal)
  }

  /// The delay is over: what is queued is accepted, then the listeners close.
  mutating func beginWindow(_ drain: GatewayDrain, at now: UInt64) {
    course = .draining(drain)
    stopWorkers(drain, at: now)
    for index in slots.indices where slots[index].isOpen {
      slots[index].listeners = .emptying(deadline: drain.deadline, isAsked: false)
    }
  }

  /// Who serves, drains; who starts, is not needed any longer.
  private mutating func stopWorkers(_ drain: GatewayDrain, at now: UInt64) {
    for index in workers.indices {
      switch workers[index].state {
      case .spawning, .killed: break
      case .starting: kill(index, .unwanted, at: now)
      case .ready(let pid, let heard):
        let running = Drain(
          plan: drain.plan, started: drain.started, windowStart: now,
          figures: workers[index].figures)
        workers[index].enter(.draining(pid: pid, heard: heard, running), at: now)
      case .draining(let pid, let heard, var running):
        guard running.deadline > drain.deadline, !running.isFinished else { break }
        running.cut(to: drain.deadline)
        workers[index].state = .draining(pid: pid, heard: heard, running)
      }
    }
    for index in slots.indices {
      slots[index].replacement = nil
      if !isServing(slots[index].worker) { slots[index].worker = nil }
    }
  }

  /// The gateway's drain, if there is one.
  var gatewayDrain: GatewayDrain? {
    switch course {
    case .serving, .over: nil
    case .announced(let drain), .draining(let drain), .closing(let drain): drain
    }
  }
}

extension DrainPlan {
  mutating func change(_ window: UInt64, _ deadline: UInt64) {
    windowMilliseconds = min(window, Self.millisecondsMax)
    deadlineMilliseconds = min(deadline, Self.millisecondsMax)
  }
}
