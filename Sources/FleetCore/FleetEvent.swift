/// What happens to the fleet.
///
/// Of a worker: first `spawned`, then its messages in their order, and when all of them have
/// been read, `exited`. What workers have sent goes before the tick of the same iteration, so
/// that none is blamed for a heartbeat that has arrived.
package enum FleetEvent: Hashable, Sendable {
  /// Every ``FleetPolicy/tickMilliseconds``.
  case tick
  /// A worker's process runs.
  case spawned(WorkerID, pid: Int32)
  /// It could not be started: out of processes, memory or descriptors.
  case spawnFailed(WorkerID, reason: String)
  /// Everything that a worker sends goes in here. What only answers the shell
  /// (`reloaded`, `connections`, `disconnected`) counts as a sign of life and no more.
  case message(WorkerID, WorkerMessage)
  /// A worker's process was reaped. Once for each that was spawned.
  case exited(WorkerID, ExitCause)
  /// The listeners of a slot are open.
  case slotOpened(SlotID)
  /// Not all of them could be opened; those that could are closed again.
  case slotOpenFailed(SlotID, reason: String)
  /// The new binary's child has answered or ended.
  case checked(UpgradeCheck)
  /// execve(2) returned. Nothing has changed.
  case executeFailed(reason: String)
  /// SIGTERM: the first drains the gateway, the second closes all now.
  case terminationRequested
  /// SIGINT: all is closed now.
  case interruptRequested
}

/// What a new binary says of the configuration and the state that it was shown.
package enum UpgradeCheck: Hashable, Sendable {
  case passed
  case failed(String)
}

/// What can be asked of the fleet, by ``Fleet/request(_:at:using:)``.
package enum FleetCommand: Hashable, Sendable {
  /// Replace a slot's worker by a new one, without a connection lost; all of them in turn.
  /// A slot whose worker was drained gets a new one when it is named, not with all.
  case restart(FleetTarget)
  /// Have this many slots.
  case scale(to: Int)
  /// Close the connections at an even pace; of the whole gateway, and exit. With nil as
  /// ``FleetPolicy/drain`` says.
  case drain(FleetTarget, DrainPlan?)
  /// Give the drain another window and deadline, which count from its start as before.
  case changeDrain(windowMilliseconds: UInt64, deadlineMilliseconds: UInt64)
  /// The workers accept again, and close none of the connections that are left.
  case cancelDrain
  /// Close every connection now, and exit.
  case closeAll
  /// Put another binary in the place of this one.
  case upgrade
}

/// One worker, or all that there are.
package enum FleetTarget: Hashable, Sendable {
  case all
  case slot(SlotID)
}

/// What is said to a command at once. The end of an operation is reported
/// (``FleetReport/operationEnded(_:_:_:)``).
package enum FleetAnswer: Hashable, Sendable {
  case started(OperationID)
  /// This very drain was asked for before.
  case running(OperationID, DrainProgress)
  /// There was nothing to wait for.
  case done
  case refused(FleetRefusal)
}

/// Why a command was refused. Nothing has changed then.
package enum FleetRefusal: Hashable, Sendable, CustomStringConvertible {
  /// One operation at a time.
  case busy(OperationID, OperationKind)
  /// There is no drain that could be changed or cancelled.
  case notDraining
  /// The connections are being closed already; that can't be taken back.
  case closing
  case noSuchSlot(SlotID)
  /// The slot has no worker that is ready.
  case notReady(SlotID)
  /// The gateway would be left without a worker that is ready.
  case lastWorker
  /// Workers of an operation that was given up are still draining, or listeners closing.
  case settling
  case workerCount(Int)

  package var description: String {
    switch self {
    case .busy(let id, let kind):
      "operation \(id), \(kind), is running; try again when it has ended"
    case .notDraining: "nothing is being drained"
    case .closing: "all connections are being closed; this can't be taken back"
    case .noSuchSlot(let slot): "there is no worker \(slot)"
    case .notReady(let slot): "worker \(slot) is not ready; it is started again by itself"
    case .lastWorker:
      "no other worker is ready; drain the whole gateway, or restart this worker"
    case .settling: "workers of an operation that was given up still drain; try again later"
    case .workerCount(let count):
      "\(count) workers are not possible; choose from 1 to \(FleetPolicy.slotsMax)"
    }
  }
}
