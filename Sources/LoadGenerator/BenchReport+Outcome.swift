internal import WebSocketCore

extension BenchReport {
  /// What a load run has come to, with the warnings that it deserves.
  package init(_ outcome: LoadOutcome, of plan: LoadPlan, url: String) {
    let tally = outcome.tally
    self.init(
      scenario: Scenario(plan.scenario), url: url, options: BenchOptions(plan),
      durationNanoseconds: outcome.nanoseconds,
      connections: ConnectionsReport(tally, isOpened: plan.scenario == .connect))
    var opened: UInt64? = nil
    switch plan.scenario {
    case .echo, .broadcast:
      count(messages: tally.messages)
      if plan.scenario == .broadcast { publications = tally.publications }
      latency = LatencyReport(tally.latency, isCorrected: plan.rate != nil)
      errors = tally.errors
    case .connect:
      opened = tally.messages
      connections.openedPerSecond = ratio(Double(tally.messages), durationSeconds, decimals: 3)
      connections.handshakeLatency = LatencyReport(tally.latency, isCorrected: plan.rate != nil)
    case .idle:
      break
    }
    server = outcome.server.map { server in
      ServerReport(
        times: server.times, memoryBefore: server.memoryBefore, memoryAfter: server.memoryAfter,
        childrenAreListed: server.childrenAreListed,
        measure: ServerReport.Measure(
          durationNanoseconds: outcome.nanoseconds, messages: messages, opened: opened,
          open: plan.scenario == .idle ? UInt64(server.connectionsBetween) : nil))
    }
    client = ClientReport(
      threadCPUNanoseconds: tally.threadCPUNanoseconds, durationNanoseconds: outcome.nanoseconds,
      messages: messages)
    appendWarnings()
    if outcome.wasInterrupted {
      warnings.append("it was interrupted; the figures are of the time until then")
    }
  }

  /// Whether every message came back as it should, and every connection stayed.
  package var isFlawless: Bool {
    errors.total == 0 && connections.failed == 0 && connections.lost == 0
  }
}

extension BenchReport.Scenario {
  fileprivate init(_ scenario: LoadPlan.Scenario) {
    switch scenario {
    case .echo: self = .echo
    case .broadcast: self = .broadcast
    case .connect: self = .connect
    case .idle: self = .idle
    }
  }
}

extension BenchOptions {
  fileprivate init(_ plan: LoadPlan) {
    self.init(connections: plan.connections, threads: plan.threads)
    if plan.scenario == .echo || plan.scenario == .broadcast {
      sizeBytes = plan.size
      kind = plan.kind == .text ? "text" : "binary"
      if plan.rate == nil { inFlight = plan.inFlight }
    }
    if plan.scenario == .broadcast { publishers = 1 }
    ratePerSecond = plan.rate?.messagesPerSecond
    durationSeconds = rounded(Double(plan.durationNanoseconds) / 1e9, decimals: 3)
    if plan.scenario != .idle {
      warmUpSeconds = rounded(Double(plan.warmUpNanoseconds) / 1e9, decimals: 3)
    }
  }
}

extension ConnectionsReport {
  fileprivate init(_ tally: LoadTally, isOpened: Bool) {
    self.init()
    opened = isOpened ? tally.messages : UInt64(tally.opened)
    failed = UInt64(tally.failures.total)
    lost = UInt64(tally.losses.total)
    setCauses(
      tally.failures.counts.merging(tally.losses.counts) { $0 + $1 }.mapValues { UInt64($0) })
  }
}
