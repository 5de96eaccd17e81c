/// The fleet at a moment, for people and probes.
package struct FleetStatus: Hashable, Sendable {
  /// Whether load balancers should send clients: a worker is ready, and the gateway isn't
  /// going to end.
  package var isReady: Bool
  package var slots: [SlotStatus]
  /// By generation. More than one for a slot while an old one drains.
  package var workers: [WorkerStatus]
  package var operation: OperationStatus?
  /// Sums over all workers there ever were. They never fall.
  package var counters: [String: UInt64]
}

/// A slot at a moment.
package struct SlotStatus: Hashable, Sendable {
  package var slot: SlotID
  package var isOpen: Bool
  /// Its worker was drained, and isn't started again unless asked.
  package var isStopped: Bool
  /// Who accepts its connections; nil: the kernel queues them.
  package var attendant: WorkerID?
  /// When its worker is started again, while it is waited for.
  package var restartMilliseconds: UInt64?
  /// How often its worker failed in a row.
  package var failures: UInt64
}

/// A worker at a moment.
package struct WorkerStatus: Hashable, Sendable {
  package var worker: WorkerID
  package var pid: Int32?
  package var state: WorkerPhase
  package var sinceMilliseconds: UInt64
  package var gauges: [String: UInt64]
  package var drain: DrainProgress?
}

/// What a worker is at.
package enum WorkerPhase: String, Hashable, Sendable {
  case starting, ready, draining, killed
}

/// The operation that is running.
package struct OperationStatus: Hashable, Sendable {
  package var id: OperationID
  package var kind: OperationKind
  package var startedMilliseconds: UInt64
  package var drain: DrainProgress?
}
