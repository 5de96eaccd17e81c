/// What the shell has to do, in the order given. What comes of an action it tells by an event,
/// which it feeds when it has performed all of them.
package enum FleetAction: Hashable, Sendable {
  /// Open the slot's listeners: ``FleetEvent/slotOpened(_:)``, or
  /// ``FleetEvent/slotOpenFailed(_:reason:)``.
  case openSlot(SlotID)
  /// Close the slot's listeners. Nobody attends them any longer. With the last slot that is
  /// open go also the listeners that belong to none (Unix sockets); they come back with the
  /// first that is opened.
  case closeSlot(SlotID)
  /// Start the worker with its slot's listeners and a control socket, and send it
  /// ``CoordinatorMessage/configure(body:ticketKeys:)``. Then ``FleetEvent/spawned(_:pid:)``,
  /// or ``FleetEvent/spawnFailed(_:reason:)``.
  case spawn(WorkerID)
  /// SIGKILL. Sent once to a process, and never after it was reaped.
  case kill(WorkerID, pid: Int32)
  /// Send a message. With ``CoordinatorMessage/adopt(_:)`` go the slot's listeners, as
  /// descriptors; for the worker's own slot also those that belong to none. One that can't be sent, because the worker is dead or its socket full, is
  /// dropped: the worker will be found dead or hanging.
  case send(WorkerID, CoordinatorMessage)
  /// Steer new connections.
  case steer(Steering)
  /// For the log, metrics, and whoever waits for an operation.
  case report(FleetReport)
  /// Start the new binary as a child that loads the configuration and this state
  /// (``Fleet/init(handover:policy:)``): ``FleetEvent/checked(_:)``.
  case startCheck(state: String)
  /// End that child; its answer is no longer of interest.
  case abandonCheck
  /// Replace this process by the new binary, which gets this state. Always the last of the
  /// actions. Only when execve(2) fails this process goes on:
  /// ``FleetEvent/executeFailed(reason:)``.
  case execute(state: String)
  /// End this process. Always the last of the actions, and the last ever.
  case exit(status: Int32)
}

/// Which slots get the new connections.
package struct Steering: Hashable, Sendable {
  /// In ascending order; never empty.
  package let slots: [SlotID]
  /// The index of each of these slots' listeners within its SO_REUSEPORT group, for the
  /// table of the BPF program: listeners are numbered as they were opened, and closing one
  /// moves the last into its place.
  package let groupIndices: [Int]

  package init(slots: [SlotID], groupIndices: [Int]) {
    self.slots = slots
    self.groupIndices = groupIndices
  }
}
