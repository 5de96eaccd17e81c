/// The counters of workers that are gone. Together with those of the living ones they make
/// sums that never fall.
struct CounterTotals: Sendable {
  /// More names than that are not kept, of a worker nor in sum.
  static let namesMax = 1_024

  private(set) var departed: [String: UInt64] = [:]

  mutating func absorb(_ counters: [String: UInt64]) {
    Self.add(counters, to: &departed)
  }

  func sum(with living: [WorkerRecord]) -> [String: UInt64] {
    var sum = departed
    for worker in living { Self.add(worker.figures.counters, to: &sum) }
    return sum
  }

  private static func add(_ counters: [String: UInt64], to sum: inout [String: UInt64]) {
    // In order, so that which names are left out doesn't hang on the order of a dictionary.
    for (name, count) in counters.sorted(by: { $0.key < $1.key }) {
      guard sum[name] != nil || sum.count < namesMax else { continue }
      sum[name, default: 0] = sum[name, default: 0].clampedAdding(count)
    }
  }
}

extension WorkerFigures {
  /// Takes what the worker tells now. A counter that fell keeps its value: a sum that falls
  /// would look like a restart to whoever computes rates.
  mutating func update(_ newer: WorkerFigures) {
    gauges = newer.gauges
    for (name, count) in newer.counters.sorted(by: { $0.key < $1.key }) {
      guard counters[name] != nil || counters.count < CounterTotals.namesMax else { continue }
      counters[name] = max(count, counters[name] ?? 0)
    }
  }
}
