/// What a worker tells of itself, by name. Counters never fall in the life of a worker;
/// gauges are of this moment.
package struct WorkerFigures: Hashable, Sendable {
  package var counters: [String: UInt64]
  package var gauges: [String: UInt64]

  package init(counters: [String: UInt64] = [:], gauges: [String: UInt64] = [:]) {
    self.counters = counters
    self.gauges = gauges
  }
}

/// The figures that the coordinator itself reads. Workers may report any others.
package enum FigureName {
  /// Gauge: open connections of every kind.
  package static var connections: String { "connections" }
  /// Counter: connections that ended during a drain without being cut off. It goes on over
  /// a second drain that follows a cancelled one; the coordinator takes the difference.
  package static var drainClosed: String { "drain_closed" }
  /// Counter: connections cut off at a drain's deadline.
  package static var drainForced: String { "drain_forced" }
  /// Counter: bytes that those had queued.
  package static var drainDiscardedBytes: String { "drain_discarded_bytes" }
}
