/// Deadlines and limits of the fleet. All times are in milliseconds.
package struct FleetPolicy: Hashable, Sendable {
  /// How often the shell sends ``FleetEvent/tick``.
  package var tickMilliseconds: UInt64 = 100
  /// When two events are further apart than this, it was the coordinator that was
  /// stopped or starved, and no worker is blamed for its silence.
  package var stallMilliseconds: UInt64 = 500
  /// How often a worker's loop sends a heartbeat. Workers are told so by their options.
  package var heartbeatMilliseconds: UInt64 = 250
  /// A worker that was silent for so long hangs, and is killed.
  package var heartbeatDeadlineMilliseconds: UInt64 = 1_500
  /// From the spawn until the worker is ready; then it is killed.
  package var startDeadlineMilliseconds: UInt64 = 10_000
  package var restart = RestartPolicy()
  /// What a drain does unless it is told otherwise; restarts and scaling down use it too.
  package var drain = DrainPlan()
  /// How much earlier than the coordinator's deadline of a drain the workers have theirs, so
  /// that they can still tell what they cut off; a quarter of the time at most.
  package var forceLeadMilliseconds: UInt64 = 250
  /// How long the workers have to close everything when they are told to close it now.
  package var closeAllMilliseconds: UInt64 = 1_000
  /// How long the new binary has to load the configuration and the handed-over state.
  package var checkDeadlineMilliseconds: UInt64 = 4_500
  /// Until listeners that could not be opened again are tried once more.
  package var reopenMilliseconds: UInt64 = 1_000

  /// The most workers that a gateway can have.
  package static var slotsMax: Int { 256 }

  /// The defaults.
  package init() {}
}

/// The wait before a worker that failed is started again: none after the first failure,
/// then doubling. Each wait is a random part, from half to the whole, of its bound.
package struct RestartPolicy: Hashable, Sendable {
  /// The bound of the wait after the second failure, and of all waits.
  package var firstMilliseconds: UInt64 = 100
  package var longestMilliseconds: UInt64 = 10_000
  /// A worker that was ready for so long has not failed at its start: the count begins anew.
  package var goodAfterMilliseconds: UInt64 = 10_000

  /// The defaults.
  package init() {}
}
