import FleetCore

/// What an onlooker knows who sees the actions alone.
struct WorldView {
  /// Slots whose listeners the coordinator holds, and their order within a group.
  private(set) var held: Set<SlotID> = []
  private(set) var order: [SlotID] = []
  var steering: Steering?
  /// Slots whose worker was drained on request.
  var stopped: Set<SlotID> = []
  /// Slots whose queue was found empty, or given up.
  var mayClose: Set<SlotID> = []
  var isClosingAll = false
  var operation: OperationID?
  var operationKind: OperationKind?
  var hasExited = false
  /// Answers that the shell owes.
  var awaited = 0
  var failures: [SlotID: UInt64] = [:]
  var ready: [WorkerStatus] = []
  /// Slots whose worker was ready for long since its last failure.
  var longReady: Set<SlotID> = []
  /// No worker of the slot may be started before.
  var restartAt: [SlotID: UInt64] = [:]
  var counters: [String: UInt64] = [:]

  mutating func opened(_ slot: SlotID) {
    held.insert(slot)
    order.append(slot)
    mayClose.remove(slot)
  }

  /// The kernel moves the last listener of a group into the place of one that is closed.
  mutating func closed(_ slot: SlotID) {
    held.remove(slot)
    mayClose.remove(slot)
    guard let index = order.firstIndex(of: slot) else { return }
    order.swapAt(index, order.count - 1)
    order.removeLast()
    // And with the last of them goes the program that steers.
    if held.isEmpty { steering = nil }
  }

  func groupIndex(of slot: SlotID) -> Int {
    order.firstIndex(of: slot) ?? -1
  }

  mutating func willHandle(_ event: FleetEvent) {
    switch event {
    case .slotOpened(let slot):
      awaited -= 1
      opened(slot)
      // Too late: nobody has attended it, and nobody will.
      if operationKind == .drain(.all) { mayClose.insert(slot) }
    case .slotOpenFailed, .spawned, .spawnFailed: awaited -= 1
    case .interruptRequested: isClosingAll = true
    case .terminationRequested:
      // The second one; the first has another effect only if it isn't the second.
      isClosingAll = isClosingAll || terminations > 0
      terminations += 1
    case .tick, .message, .exited, .checked, .executeFailed: break
    }
  }

  private var terminations = 0

  mutating func answered(_ command: FleetCommand, _ answer: FleetAnswer) {
    switch (command, answer) {
    case (.drain(.slot(let slot), _), .started): stopped.insert(slot)
    case (.restart(.slot(let slot)), .started):
      stopped.remove(slot)
      restartAt[slot] = nil
    case (.restart(.all), .started): restartAt = [:]
    case (.cancelDrain, .done):
      // Only the drain that is running is cancelled.
      if case .drain(.slot(let slot)) = operationKind { stopped.remove(slot) }
      terminations = 0
    case (.closeAll, .started), (.closeAll, .running): isClosingAll = true
    default: break
    }
  }
}
