/// What the server has used while it was measured, by its processes and in total.
package struct ServerReport: Codable, Equatable, Sendable {
  package struct Figures: Codable, Equatable, Sendable {
    /// User and system time, by the messages of the report.
    package var cpuMicrosecondsPerMessage: Double?
    /// Connect: the same by the connections opened.
    package var cpuMicrosecondsPerConnection: Double?
    /// CPU time by wall-clock time. Over 100 where several threads ran.
    package var busyPercent: Double
    /// Time in which threads were ready to run but had no core, by wall-clock time.
    package var waitedPercent: Double
    /// Resident memory before the first connection and with all of them open. Shared pages
    /// count in every process.
    package var rssBytesBefore: UInt64?
    package var rssBytesAfter: UInt64?
    /// The difference of both by the connections.
    package var rssBytesPerConnection: Double?
    /// Proportional memory: shared pages are divided between the processes. Nil where the client
    /// may not know it.
    package var pssBytesBefore: UInt64?
    package var pssBytesAfter: UInt64?
    package var pssBytesPerConnection: Double?

    private enum CodingKeys: String, CodingKey {
      case cpuMicrosecondsPerMessage = "cpu_us_per_message"
      case cpuMicrosecondsPerConnection = "cpu_us_per_connection"
      case busyPercent = "busy_percent"
      case waitedPercent = "waited_percent"
      case rssBytesBefore = "rss_bytes_before"
      case rssBytesAfter = "rss_bytes_after"
      case rssBytesPerConnection = "rss_bytes_per_connection"
      case pssBytesBefore = "pss_bytes_before"
      case pssBytesAfter = "pss_bytes_after"
      case pssBytesPerConnection = "pss_bytes_per_connection"
    }
  }

  package struct Process: Codable, Equatable, Sendable {
    package var pid: Int32
    package var name: String
    /// In JSON beside the others, not in an object of their own.
    package var figures: Figures

    fileprivate init(pid: Int32, name: String, figures: Figures) {
      self.pid = pid
      self.name = name
      self.figures = figures
    }

    package init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      pid = try container.decode(Int32.self, forKey: .pid)
      name = try container.decode(String.self, forKey: .name)
      figures = try Figures(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(pid, forKey: .pid)
      try container.encode(name, forKey: .name)
      try figures.encode(to: encoder)
    }

    private enum CodingKeys: CodingKey {
      case pid, name
    }
  }

  /// Each process by itself, as far as it ran; children that ended in between are in the total
  /// to the end.
  package var processes: [Process]
  package var total: Figures
  /// False where the kernel doesn't list a process's children: only those named are measured.
  package var childrenAreListed: Bool

  /// What the figures are divided by.
  package struct Measure {
    /// Of the time in which CPU time was counted.
    package var durationNanoseconds: UInt64
    /// As in the report; nil where there are none.
    package var messages: UInt64?
    /// Connect: how many were opened.
    package var opened: UInt64?
    /// How many were open when memory was read the second time; nil where that isn't told.
    package var open: UInt64?

    package init(
      durationNanoseconds: UInt64, messages: UInt64? = nil, opened: UInt64? = nil,
      open: UInt64? = nil
    ) {
      self.durationNanoseconds = durationNanoseconds
      self.messages = messages
      self.opened = opened
      self.open = open
    }
  }

  /// From `times`, the difference of two readings, `memoryBefore` the first connection and
  /// `memoryAfter`, with all of them open. Memory that was not read is empty.
  package init(
    times: ProcessTimes, memoryBefore: [ProcessMemory], memoryAfter: [ProcessMemory],
    childrenAreListed: Bool, measure: Measure
  ) {
    self.childrenAreListed = childrenAreListed
    processes = times.processes.map { process in
      Process(
        pid: process.pid, name: process.name,
        figures: Figures(
          cpuNanoseconds: process.cpuNanoseconds, waitingNanoseconds: process.waitingNanoseconds,
          memoryBefore: memoryBefore.filter { $0.pid == process.pid },
          memoryAfter: memoryAfter.filter { $0.pid == process.pid }, measure: measure))
    }
    total = Figures(
      cpuNanoseconds: times.cpuNanoseconds, waitingNanoseconds: times.waitingNanoseconds,
      memoryBefore: memoryBefore, memoryAfter: memoryAfter, measure: measure)
  }

  private enum CodingKeys: String, CodingKey {
    case processes, total
    case childrenAreListed = "children_listed"
  }
}

extension ServerReport.Figures {
  fileprivate init(
    cpuNanoseconds: UInt64, waitingNanoseconds: UInt64, memoryBefore: [ProcessMemory],
    memoryAfter: [ProcessMemory], measure: ServerReport.Measure
  ) {
    let duration = Double(measure.durationNanoseconds)
    let cpuMicroseconds = Double(cpuNanoseconds) / 1000
    cpuMicrosecondsPerMessage = measure.messages.flatMap {
      ratio(cpuMicroseconds, Double($0), decimals: 4)
    }
    cpuMicrosecondsPerConnection = measure.opened.flatMap {
      ratio(cpuMicroseconds, Double($0), decimals: 4)
    }
    busyPercent = ratio(100 * Double(cpuNanoseconds), duration, decimals: 2) ?? 0
    waitedPercent = ratio(100 * Double(waitingNanoseconds), duration, decimals: 2) ?? 0
    rssBytesBefore = Self.sum(memoryBefore.map(\.rssBytes))
    rssBytesAfter = Self.sum(memoryAfter.map(\.rssBytes))
    rssBytesPerConnection = Self.growth(rssBytesBefore, rssBytesAfter, by: measure.open)
    pssBytesBefore = Self.sum(memoryBefore.map(\.pssBytes))
    pssBytesAfter = Self.sum(memoryAfter.map(\.pssBytes))
    pssBytesPerConnection = Self.growth(pssBytesBefore, pssBytesAfter, by: measure.open)
  }

  /// Nil when there is nothing to add, or something that isn't known.
  private static func sum(_ values: [UInt64?]) -> UInt64? {
    values.isEmpty
      ? nil : values.reduce(0) { sum, value in value.flatMap { value in sum.map { $0 + value } } }
  }

  private static func growth(_ before: UInt64?, _ after: UInt64?, by open: UInt64?) -> Double? {
    guard let before, let after, let open else { return nil }
    return ratio(Double(after) - Double(before), Double(open), decimals: 1)
  }
}
