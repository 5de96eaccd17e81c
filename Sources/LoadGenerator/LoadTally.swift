/// How often each of a few texts has come up.
package struct TextCounts: Sendable, Equatable {
  package private(set) var counts: [String: Int] = [:]
  private static let textsMax = 16

  package init() {}

  package var total: Int { counts.values.reduce(0, +) }

  mutating func add(_ text: String, _ count: Int = 1) {
    let isKnown = counts[text] != nil || counts.count < Self.textsMax
    counts[isKnown ? text : "others", default: 0] += count
  }

  mutating func add(_ other: TextCounts) {
    for (text, count) in other.counts { add(text, count) }
  }
}

/// What one thread, or all together, have measured.
package final class LoadTally: Sendable {
  /// Of the messages (or handshakes) that count, in nanoseconds.
  package let latency: Histogram
  /// Messages received (or connections made) while it was measured.
  package let messages: UInt64
  package let errors: MessageErrors
  /// Why connections could not be opened.
  package let failures: TextCounts
  /// How connections have ended that should not have.
  package let losses: TextCounts
  package let opened: Int
  /// Of a broadcast: what was published while it was measured.
  package let publications: UInt64
  /// The CPU time of each thread while it was measured.
  package let threadCPUNanoseconds: [UInt64]

  init(
    latency: consuming Histogram, messages: UInt64, errors: MessageErrors, failures: TextCounts,
    losses: TextCounts, opened: Int, publications: UInt64, threadCPUNanoseconds: [UInt64]
  ) {
    self.latency = latency
    self.messages = messages
    self.errors = errors
    self.failures = failures
    self.losses = losses
    self.opened = opened
    self.publications = publications
    self.threadCPUNanoseconds = threadCPUNanoseconds
  }

  convenience init(sumOf tallies: [LoadTally]) {
    var latency = Histogram()
    var errors = MessageErrors()
    var failures = TextCounts()
    var losses = TextCounts()
    for tally in tallies {
      latency.merge(tally.latency)
      errors.add(tally.errors)
      failures.add(tally.failures)
      losses.add(tally.losses)
    }
    self.init(
      latency: latency, messages: tallies.reduce(0) { $0 + $1.messages }, errors: errors,
      failures: failures, losses: losses, opened: tallies.reduce(0) { $0 + $1.opened },
      publications: tallies.reduce(0) { $0 + $1.publications },
      threadCPUNanoseconds: tallies.flatMap(\.threadCPUNanoseconds))
  }
}
