/// The fleet as people and probes see it.
extension Fleet {
  /// Whether load balancers should send clients: a worker is ready, and the gateway isn't
  /// going to end.
  package var isReady: Bool {
    guard case .serving = course else { return false }
    return workers.contains(where: \.isReady)
  }

  /// The fleet at this moment.
  package func status(at now: UInt64) -> FleetStatus {
    FleetStatus(
      isReady: isReady, slots: slots.map(\.status),
      workers: workers.map { status(of: $0, at: now) },
      operation: operationStatus(at: now), counters: totals.sum(with: workers))
  }

  private func status(of worker: WorkerRecord, at now: UInt64) -> WorkerStatus {
    let phase: WorkerPhase =
      switch worker.state {
      case .spawning, .starting: .starting
      case .ready: .ready
      case .draining: .draining
      case .killed: .killed
      }
    return WorkerStatus(
      worker: worker.id, pid: worker.pid, state: phase, sinceMilliseconds: worker.since,
      gauges: worker.figures.gauges, drain: progress(of: worker.id, at: now))
  }

  private func operationStatus(at now: UInt64) -> OperationStatus? {
    if let drain = gatewayDrain {
      return OperationStatus(
        id: drain.id, kind: .drain(.all), startedMilliseconds: drain.started,
        drain: progress(of: drain, at: now))
    }
    guard let operation else { return nil }
    var drain: DrainProgress?
    if case .draining(let id) = operation.stage { drain = progress(of: id, at: now) }
    return OperationStatus(
      id: operation.id, kind: operation.kind, startedMilliseconds: operation.started, drain: drain)
  }

  /// How far a worker's drain has come; nil if it doesn't drain.
  func progress(of id: WorkerID, at now: UInt64) -> DrainProgress? {
    guard let index = index(of: id), case .draining(_, _, let drain) = workers[index].state else {
      return nil
    }
    return DrainProgress(
      started: drain.started, window: drain.windowStart...drain.windowEnd,
      deadline: drain.deadline, connections: drain.tally, at: now)
  }

  /// The sum over all workers, those that are gone included.
  func progress(of gateway: GatewayDrain, at now: UInt64) -> DrainProgress {
    var sum = gateway.gone
    for worker in workers {
      switch worker.state {
      case .spawning, .starting, .killed: break
      case .ready:
        sum.left = sum.left.clampedAdding(worker.connections)
        sum.raiseStart()
      case .draining(_, _, let drain): sum.add(drain.tally)
      }
    }
    return DrainProgress(
      started: gateway.started, window: gateway.windowStart...gateway.windowEnd,
      deadline: gateway.deadline, connections: sum, at: now)
  }
}

extension SlotRecord {
  fileprivate var status: SlotStatus {
    SlotStatus(
      slot: id, isOpen: isOpen, isStopped: isStopped, attendant: attendant,
      restartMilliseconds: restartAt, failures: failures)
  }
}

extension DrainProgress {
  init(
    started: UInt64, window: ClosedRange<UInt64>, deadline: UInt64, connections: DrainTally,
    at now: UInt64
  ) {
    startedMilliseconds = started
    windowStartMilliseconds = window.lowerBound
    windowEndMilliseconds = window.upperBound
    deadlineMilliseconds = deadline
    self.connections = connections
    let elapsed = Double(now.clampedSubtracting(window.lowerBound))
    closedPerSecond = elapsed > 0 ? Double(connections.closed) * 1000 / elapsed : 0
    // Before any has been closed, the plan is the best guess.
    var left = Double(window.upperBound.clampedSubtracting(now))
    if connections.left == 0 {
      left = 0
    } else if closedPerSecond > 0 {
      left = Double(connections.left) * 1000 / closedPerSecond
    }
    let most = deadline.clampedSubtracting(now)
    estimatedEndMilliseconds =
      left < Double(most) ? now.clampedAdding(UInt64(left)) : now.clampedAdding(most)
  }

  /// A drain whose worker is gone and whose end is being told.
  static func over(since started: UInt64) -> DrainProgress {
    DrainProgress(
      started: started, window: started...started, deadline: started, connections: DrainTally(),
      at: started)
  }
}
