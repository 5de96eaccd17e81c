/// What a benchmark has found, for people (``text``) and for programs (``json()``).
///
/// Key names in JSON end with their unit, where they have one: `_s` seconds, `_us`
/// microseconds, `_bytes`, `_percent`. What was not measured has no key.
package struct BenchReport: Codable, Equatable, Sendable {
  package enum Scenario: String, Codable, Sendable {
    /// Every connection sends messages and takes them back.
    case echo
    /// Publishers send, and every subscriber takes each message.
    case broadcast
    /// Connections are opened and closed.
    case connect
    /// Connections are opened, and nothing happens on them.
    case idle
  }

  package var scenario: Scenario
  package var url: String
  package var options: BenchOptions

  /// How long was measured, without the warm-up. Everything below is of this time.
  package var durationSeconds: Double

  /// Echo: those that came back. Broadcast: deliveries, one for each subscriber.
  package var messages: UInt64?
  package var messagesPerSecond: Double?
  /// Payloads that came back or were delivered, without frame headers.
  package var bytesPerSecond: Double?
  /// Broadcast: messages that publishers have sent.
  package var publications: UInt64?
  /// From sending a message to receiving it.
  package var latency: LatencyReport?

  package var connections: ConnectionsReport
  package var errors = MessageErrors()
  package var server: ServerReport?
  package var client: ClientReport?

  /// What to know before believing the rest, each with a remedy.
  package var warnings: [String] = []

  package init(
    scenario: Scenario, url: String, options: BenchOptions, durationNanoseconds: UInt64,
    connections: ConnectionsReport
  ) {
    self.scenario = scenario
    self.url = url
    self.options = options
    self.connections = connections
    durationSeconds = rounded(Double(durationNanoseconds) / 1e9, decimals: 6)
  }

  /// Sets the messages, and what follows from them, from the duration and the payload size.
  package mutating func count(messages: UInt64) {
    self.messages = messages
    messagesPerSecond = ratio(Double(messages), durationSeconds, decimals: 3)
    bytesPerSecond = options.sizeBytes.flatMap {
      ratio(Double(messages) * Double($0), durationSeconds, decimals: 0)
    }
  }

  private enum CodingKeys: String, CodingKey {
    case scenario, url, options
    case durationSeconds = "duration_s"
    case messages
    case messagesPerSecond = "messages_per_second"
    case bytesPerSecond = "bytes_per_second"
    case publications
    case latency = "latency_us"
    case connections, errors, server, client, warnings
  }
}

/// What was asked for. What a scenario doesn't have is nil.
package struct BenchOptions: Codable, Equatable, Sendable {
  /// Echo: connections that send. Broadcast: subscribers. Connect: handshakes at a time.
  package var connections: Int
  package var threads: Int
  package var publishers: Int?
  /// Of each payload.
  package var sizeBytes: Int?
  /// `text` or `binary`.
  package var kind: String?
  /// Closed loop: how many messages a connection has under way.
  package var inFlight: Int?
  /// Open loop: how many messages are sent in a second, over all connections.
  package var ratePerSecond: Double?
  package var durationSeconds: Double?
  package var warmUpSeconds: Double?

  package init(connections: Int, threads: Int) {
    self.connections = connections
    self.threads = threads
  }

  private enum CodingKeys: String, CodingKey {
    case connections, threads, publishers
    case sizeBytes = "size_bytes"
    case kind
    case inFlight = "in_flight"
    case ratePerSecond = "rate_per_second"
    case durationSeconds = "duration_s"
    case warmUpSeconds = "warm_up_s"
  }
}

/// Durations in microseconds. Percentiles are at most 0.1 % too large, the others exact.
package struct LatencyReport: Codable, Equatable, Sendable {
  package var count: UInt64
  package var min: Double
  package var mean: Double
  package var p50: Double
  package var p90: Double
  package var p99: Double
  package var p999: Double
  package var p9999: Double
  package var max: Double
  /// Whether messages count from when they should have been sent, not from when they were: what
  /// a message waited for a server that held up those before it is then in its latency. Always
  /// false in a closed loop, in which nothing should be sent while the server is slow.
  package var isCorrected: Bool
  /// Of `count`, those over one hour, which count as an hour.
  package var clampedCount: UInt64

  /// Nil when nothing was recorded.
  package init?(_ histogram: borrowing Histogram, isCorrected: Bool) {
    guard let min = histogram.min, let mean = histogram.mean, let max = histogram.max else {
      return nil
    }
    func percentile(_ percentile: Double) -> Double {
      microseconds(histogram.value(atPercentile: percentile) ?? max)
    }
    count = histogram.count
    self.min = microseconds(min)
    self.mean = rounded(mean / 1000, decimals: 3)
    p50 = percentile(50)
    p90 = percentile(90)
    p99 = percentile(99)
    p999 = percentile(99.9)
    p9999 = percentile(99.99)
    self.max = microseconds(max)
    self.isCorrected = isCorrected
    clampedCount = histogram.clampedCount
  }

  private enum CodingKeys: String, CodingKey {
    case count, min, mean, p50, p90, p99
    case p999 = "p99.9"
    case p9999 = "p99.99"
    case max
    case isCorrected = "corrected_for_coordinated_omission"
    case clampedCount = "clamped_count"
  }
}

package struct ConnectionsReport: Codable, Equatable, Sendable {
  /// Handshakes that succeeded.
  package var opened: UInt64 = 0
  /// Connections that came to no handshake.
  package var failed: UInt64 = 0
  /// Opened, and ended by the server or the network.
  package var lost: UInt64 = 0
  /// Why connections failed or were lost, the most frequent first.
  package var causes: [Cause] = []
  /// Connect: those opened, by the duration.
  package var openedPerSecond: Double?
  /// From connecting until the server's handshake has come.
  package var handshakeLatency: LatencyReport?

  package struct Cause: Codable, Equatable, Sendable {
    package var text: String
    package var count: UInt64
  }

  package init() {}

  /// Sets the causes from how often each has occurred.
  package mutating func setCauses(_ counts: [String: UInt64]) {
    causes = counts.map { Cause(text: $0, count: $1) }.sorted {
      ($1.count, $0.text) < ($0.count, $1.text)
    }
  }

  private enum CodingKeys: String, CodingKey {
    case opened, failed, lost, causes
    case openedPerSecond = "opened_per_second"
    case handshakeLatency = "handshake_latency_us"
  }
}

/// Messages that were not what they should have been. All zero with a correct server.
package struct MessageErrors: Codable, Equatable, Sendable {
  package var wrongContent: UInt64 = 0
  package var wrongSize: UInt64 = 0
  /// Text that came back as binary, or the other way around.
  package var wrongKind: UInt64 = 0
  package var duplicated: UInt64 = 0
  package var outOfOrder: UInt64 = 0
  /// Sent, and not received until the end of the run or of the connection.
  package var lost: UInt64 = 0
  /// Due, and not sent, because the connection was lost.
  package var unsent: UInt64 = 0

  package init() {}

  package var total: UInt64 {
    wrongContent + wrongSize + wrongKind + duplicated + outOfOrder + lost + unsent
  }

  mutating func add(_ other: MessageErrors) {
    wrongContent += other.wrongContent
    wrongSize += other.wrongSize
    wrongKind += other.wrongKind
    duplicated += other.duplicated
    outOfOrder += other.outOfOrder
    lost += other.lost
    unsent += other.unsent
  }

  private enum CodingKeys: String, CodingKey {
    case wrongContent = "wrong_content"
    case wrongSize = "wrong_size"
    case wrongKind = "wrong_kind"
    case duplicated
    case outOfOrder = "out_of_order"
    case lost, unsent
  }
}

/// This program, which ought not to be the slowest part.
package struct ClientReport: Codable, Equatable, Sendable {
  package var threads: Int
  /// Of all threads; nil without messages.
  package var cpuMicrosecondsPerMessage: Double?
  /// CPU time by wall-clock time, of the thread that has most.
  package var busiestThreadPercent: Double

  /// - Parameters:
  ///   - threadCPUNanoseconds: What each thread has used in the time measured.
  ///   - durationNanoseconds: That time.
  ///   - messages: As in the report; nil where there are none.
  package init(
    threadCPUNanoseconds: [UInt64], durationNanoseconds: UInt64, messages: UInt64?
  ) {
    threads = threadCPUNanoseconds.count
    cpuMicrosecondsPerMessage = messages.flatMap {
      ratio(Double(threadCPUNanoseconds.reduce(0, +)) / 1000, Double($0), decimals: 4)
    }
    busiestThreadPercent =
      ratio(
        100 * Double(threadCPUNanoseconds.max() ?? 0), Double(durationNanoseconds), decimals: 2)
      ?? 0
  }

  private enum CodingKeys: String, CodingKey {
    case threads
    case cpuMicrosecondsPerMessage = "cpu_us_per_message"
    case busiestThreadPercent = "busiest_thread_percent"
  }
}

func microseconds(_ nanoseconds: UInt64) -> Double {
  rounded(Double(nanoseconds) / 1000, decimals: 3)
}

/// Nil by zero, because JSON has no such numbers.
func ratio(_ dividend: Double, _ divisor: Double, decimals: Int) -> Double? {
  divisor == 0 ? nil : rounded(dividend / divisor, decimals: decimals)
}

/// With as few digits in JSON as were measured.
func rounded(_ value: Double, decimals: Int) -> Double {
  let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
  return (value * scale).rounded() / scale
}
