/// The life of a worker: spawned, ready, silent, gone.
extension Fleet {
  /// A new worker for the slot; who it is to be there, the caller says.
  mutating func spawn(for slot: SlotID, at now: UInt64) -> WorkerID {
    let id = WorkerID(slot: slot, generation: nextGeneration)
    nextGeneration += 1
    workers.append(WorkerRecord(id: id, at: now))
    actions.append(.spawn(id))
    return id
  }

  mutating func spawned(_ id: WorkerID, pid: Int32, at now: UInt64) {
    guard let index = index(of: id), case .spawning = workers[index].state else { return }
    report(.workerSpawned(id, pid: pid))
    let deadline = now.clampedAdding(policy.startDeadlineMilliseconds)
    workers[index].enter(.starting(pid: pid, deadline: deadline), at: now)
    if !isWanted(id) { kill(index, .unwanted, at: now) }
  }

  mutating func spawnFailed(
    _ id: WorkerID, reason: String, at now: UInt64,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let index = index(of: id), case .spawning = workers[index].state else { return }
    workers.remove(at: index)
    report(.spawnFailed(id, reason: reason))
    failed(id, "it could not be started: \(reason)", at: now, using: &generator)
  }

  mutating func received(_ message: WorkerMessage, from id: WorkerID, at now: UInt64) {
    guard let index = index(of: id) else { return }
    heard(index, at: now)
    switch message {
    case .ready: becameReady(index, at: now)
    case .heartbeat(let figures): update(index, figures)
    case .queueEmpty(let slot): queueEmpty(slot, index)
    case .drained(let figures): drained(index, figures)
    case .failed(let reason): report(.workerFailed(id, reason: reason))
    case .reloaded, .connections, .disconnected: break
    }
  }

  /// Anything that a worker sends is a sign of life.
  private mutating func heard(_ index: Int, at now: UInt64) {
    switch workers[index].state {
    case .spawning, .starting, .killed: break
    case .ready(let pid, _): workers[index].state = .ready(pid: pid, heard: now)
    case .draining(let pid, _, let drain):
      workers[index].state = .draining(pid: pid, heard: now, drain)
    }
  }

  private mutating func becameReady(_ index: Int, at now: UInt64) {
    let id = workers[index].id
    switch workers[index].state {
    case .spawning, .ready, .draining, .killed: return
    case .starting(let pid, _):
      report(.workerReady(id, afterMilliseconds: now.clampedSubtracting(workers[index].since)))
      workers[index].enter(.ready(pid: pid, heard: now), at: now)
    }
    guard slots[id.slot.index].replacement == id else { return }
    // The connections of the one that it replaces are now to go.
    let old = slots[id.slot.index].worker
    slots[id.slot.index].worker = id
    slots[id.slot.index].replacement = nil
    if let old { beginDrain(of: old, policy.drain, at: now) }
  }

  private mutating func update(_ index: Int, _ figures: WorkerFigures) {
    workers[index].figures.update(figures)
    guard case .draining(let pid, let heard, var drain) = workers[index].state else { return }
    drain.update(workers[index].figures)
    workers[index].state = .draining(pid: pid, heard: heard, drain)
  }

  private mutating func drained(_ index: Int, _ figures: WorkerFigures) {
    update(index, figures)
    guard case .draining(let pid, let heard, var drain) = workers[index].state else { return }
    drain.isFinished = true
    workers[index].state = .draining(pid: pid, heard: heard, drain)
  }

  /// At most once in a process's life: a worker that was killed can't be killed.
  mutating func kill(_ index: Int, _ reason: KillReason, at now: UInt64) {
    let id = workers[index].id
    switch workers[index].state {
    case .spawning, .killed: return
    case .starting(let pid, _), .ready(let pid, _):
      actions.append(.kill(id, pid: pid))
      workers[index].enter(.killed(pid: pid, reason), at: now)
    case .draining(let pid, _, var drain):
      drain.end()
      account(drain.tally)
      actions.append(.kill(id, pid: pid))
      workers[index].enter(.killed(pid: pid, reason), at: now)
    }
  }

  /// The process was reaped.
  mutating func exited(
    _ id: WorkerID, _ cause: ExitCause, at now: UInt64,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let index = index(of: id) else { return }
    let worker = workers.remove(at: index)
    totals.absorb(worker.figures.counters)
    switch worker.state {
    case .spawning, .starting:
      report(.workerCrashed(id, cause, connections: 0))
      failed(id, "it ended before it was ready: \(cause)", at: now, using: &generator)
    case .ready:
      report(.workerCrashed(id, cause, connections: worker.connections))
      if now.clampedSubtracting(worker.since) >= policy.restart.goodAfterMilliseconds {
        slots[id.slot.index].failures = 0
      }
      failed(id, nil, at: now, using: &generator)
    case .draining(_, _, var drain):
      drain.end()
      account(drain.tally)
      drainingWorkerEnded(id, cause, lost: worker.connections, isFinished: drain.isFinished)
      forget(id)
    case .killed(_, let reason):
      switch reason {
      case .hung:
        report(.workerCrashed(id, cause, connections: worker.connections))
        failed(id, nil, at: now, using: &generator)
      case .startTimedOut:
        report(.workerCrashed(id, cause, connections: 0))
        failed(id, "it was not ready in time", at: now, using: &generator)
      case .drainDeadline, .unwanted:
        report(.workerEnded(id, cause))
        forget(id)
      }
    }
  }

  /// A worker that is gone has nothing any longer.
  private mutating func forget(_ id: WorkerID) {
    guard hasSlot(id.slot) else { return }
    let index = id.slot.index
    if slots[index].replacement == id { slots[index].replacement = nil }
    if slots[index].worker == id {
      slots[index].worker = slots[index].replacement
      slots[index].replacement = nil
    }
  }

  /// A worker has failed: at its start, for this reason, or later. If the slot has no other,
  /// it gets one after a wait.
  private mutating func failed(
    _ id: WorkerID, _ startProblem: String?, at now: UInt64,
    using generator: inout some RandomNumberGenerator
  ) {
    let isOwn = hasSlot(id.slot) && slots[id.slot.index].worker == id
    forget(id)
    if let startProblem { failOperation(startOf: id, startProblem) }
    guard isOwn, keepsWorkers else { return }
    let index = id.slot.index
    guard slots[index].worker == nil, !slots[index].isRetiring, !slots[index].isStopped else {
      return
    }
    slots[index].failures += 1
    let wait = policy.restart.wait(failures: slots[index].failures, using: &generator)
    slots[index].restartAt = now.clampedAdding(wait)
    report(
      .restartScheduled(id.slot, inMilliseconds: wait, failures: slots[index].failures))
  }
}

/// Deadlines.
extension Fleet {
  /// Kills what is silent, late or at the end of its drain.
  mutating func enforceDeadlines(at now: UInt64) {
    for index in workers.indices {
      let id = workers[index].id
      switch workers[index].state {
      case .spawning, .killed: break
      case .starting(_, let deadline):
        guard now >= deadline else { break }
        report(.startTimedOut(id))
        kill(index, .startTimedOut, at: now)
      case .ready(_, let heard):
        killIfSilent(index, since: heard, at: now)
      case .draining(_, let heard, let drain):
        if now >= drain.deadline {
          if !drain.isFinished { report(.drainForced(id, connections: drain.tally.left)) }
          kill(index, .drainDeadline, at: now)
        } else {
          killIfSilent(index, since: heard, at: now)
        }
      }
    }
    enforceStageDeadlines(at: now)
  }

  private mutating func killIfSilent(_ index: Int, since heard: UInt64, at now: UInt64) {
    guard now.clampedSubtracting(heard) >= policy.heartbeatDeadlineMilliseconds else { return }
    report(.workerHung(workers[index].id, silentMilliseconds: now.clampedSubtracting(heard)))
    if case .ready = workers[index].state,
      now.clampedSubtracting(workers[index].since) >= policy.restart.goodAfterMilliseconds
    {
      slots[workers[index].id.slot.index].failures = 0
    }
    kill(index, .hung, at: now)
  }

  /// As if all had been heard now; who starts gets the lost time back.
  mutating func forgiveSilence(of gap: UInt64, at now: UInt64) {
    for index in workers.indices {
      switch workers[index].state {
      case .spawning, .killed: break
      case .starting(let pid, let deadline):
        workers[index].state = .starting(pid: pid, deadline: deadline.clampedAdding(gap))
      case .ready(let pid, _):
        workers[index].state = .ready(pid: pid, heard: now)
      case .draining(let pid, _, let drain):
        workers[index].state = .draining(pid: pid, heard: now, drain)
      }
    }
  }
}
