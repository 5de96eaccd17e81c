/// The times of a drain, in milliseconds from its start.
package struct DrainPlan: Hashable, Sendable {
  /// For a drain of the whole gateway: how long it is not ready and accepts on, until the
  /// load balancers have seen that. A drain of one worker has no such delay.
  package var preDrainDelayMilliseconds: UInt64
  /// After the delay: each connection is closed at a random moment within this time.
  package var windowMilliseconds: UInt64
  /// From the start of the drain, the delay included: what is left then is forced.
  package var deadlineMilliseconds: UInt64
  /// When the clients shall come back.
  package var retryHintMilliseconds: ClosedRange<UInt64>

  /// Thirty days. Longer times are cut to this.
  package static var millisecondsMax: UInt64 { 30 * 86_400_000 }

  /// Clamped to ``millisecondsMax``.
  package init(
    preDrainDelayMilliseconds: UInt64 = 0, windowMilliseconds: UInt64 = 8_000,
    deadlineMilliseconds: UInt64 = 9_000,
    retryHintMilliseconds: ClosedRange<UInt64> = 500...5_000
  ) {
    self.preDrainDelayMilliseconds = min(preDrainDelayMilliseconds, Self.millisecondsMax)
    self.windowMilliseconds = min(windowMilliseconds, Self.millisecondsMax)
    self.deadlineMilliseconds = min(deadlineMilliseconds, Self.millisecondsMax)
    self.retryHintMilliseconds = retryHintMilliseconds
  }
}

/// How far a drain has come.
package struct DrainProgress: Hashable, Sendable {
  package var startedMilliseconds: UInt64
  /// When connections begin to be closed, and when the last is to be.
  package var windowStartMilliseconds: UInt64
  package var windowEndMilliseconds: UInt64
  package var deadlineMilliseconds: UInt64
  package var connections: DrainTally
  /// Connections closed per second since the window's start.
  package var closedPerSecond: Double
  /// When the last connection will be gone, at this rate; the deadline at the latest.
  package var estimatedEndMilliseconds: UInt64
}

/// The connections of a drain.
package struct DrainTally: Hashable, Sendable {
  /// Those of its start, and those that were accepted from the queue since.
  package var atStart: UInt64 = 0
  package var left: UInt64 = 0
  /// Ended with close frames from both sides, or by the client.
  package var closed: UInt64 = 0
  /// Cut off at the deadline, or lost with their worker.
  package var forced: UInt64 = 0
  /// What those that were forced had queued.
  package var discardedBytes: UInt64 = 0

  /// No connections.
  package init() {}
}
