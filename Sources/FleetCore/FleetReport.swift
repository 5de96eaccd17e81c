/// What has happened, for the log, metrics, and whoever waits for an operation.
package enum FleetReport: Hashable, Sendable {
  case workerSpawned(WorkerID, pid: Int32)
  case spawnFailed(WorkerID, reason: String)
  /// It accepts connections now, so long after its spawn.
  case workerReady(WorkerID, afterMilliseconds: UInt64)
  /// A worker's own words, before it ends.
  case workerFailed(WorkerID, reason: String)
  /// It was not ready in time, and is killed.
  case startTimedOut(WorkerID)
  /// It was silent for so long, and is killed.
  case workerHung(WorkerID, silentMilliseconds: UInt64)
  /// A worker ended that was not asked to, with so many connections as it last told.
  case workerCrashed(WorkerID, ExitCause, connections: UInt64)
  /// A worker ended as it should.
  case workerEnded(WorkerID, ExitCause)
  /// A worker was killed at the deadline of its drain, with so many connections.
  case drainForced(WorkerID, connections: UInt64)
  /// After so many failures in a row.
  case restartScheduled(SlotID, inMilliseconds: UInt64, failures: UInt64)
  /// A worker attends the listeners of a slot that isn't its own.
  case slotAdopted(SlotID, by: WorkerID)
  case slotOpenFailed(SlotID, reason: String)
  /// A slot was closed although nobody could say that its queue is empty.
  case queueAbandoned(SlotID)
  /// The coordinator itself stood still; the workers get new deadlines.
  case coordinatorStalled(milliseconds: UInt64)
  case operationStarted(OperationID, OperationKind)
  case operationEnded(OperationID, OperationKind, OperationOutcome)
}

/// What an operation is about.
package enum OperationKind: Hashable, Sendable, CustomStringConvertible {
  case restart(FleetTarget)
  case scale(to: Int)
  case drain(FleetTarget)
  /// Until the new binary is executed, and on in it, until all workers are its own.
  case upgrade

  package var description: String {
    switch self {
    case .restart(.all): "a restart of all workers"
    case .restart(.slot(let slot)): "a restart of worker \(slot)"
    case .scale(let count): "a change to \(count) workers"
    case .drain(.all): "a drain of the gateway"
    case .drain(.slot(let slot)): "a drain of worker \(slot)"
    case .upgrade: "an upgrade"
    }
  }
}

/// How an operation ended.
package enum OperationOutcome: Hashable, Sendable, CustomStringConvertible {
  case done
  case failed(String)
  case cancelled
  /// The gateway is drained or ends: nothing else matters.
  case superseded

  package var description: String {
    switch self {
    case .done: "done"
    case .failed(let reason): "failed: \(reason)"
    case .cancelled: "cancelled"
    case .superseded: "given up, because the gateway is going to end"
    }
  }
}
