internal import Glibc
internal import Synchronization
internal import SystemIO
package import WebSocketClient

/// What is known while a load run goes on.
package struct LoadStatus: Sendable {
  package enum Stage: Sendable {
    case opening, warmingUp, measuring, finishing
  }

  package let stage: Stage
  package let opened: Int
  package let failed: Int
  /// Since the start; of a connect load, connections.
  package let messages: UInt64
  /// Of the stage.
  package let elapsedNanoseconds: UInt64
}

/// What a load run has come to.
package struct LoadOutcome: Sendable {
  package let tally: LoadTally
  /// For how long it was measured.
  package let nanoseconds: UInt64
  /// Of the server, if its processes were named.
  package let server: Server?
  /// Somebody has ended it early.
  package let wasInterrupted: Bool

  package struct Server: Sendable {
    /// Used while it was measured.
    package let times: ProcessTimes
    /// Before the first connection, or of an idle load, after the first few.
    package let memoryBefore: [ProcessMemory]
    /// With all connections open, after it was measured.
    package let memoryAfter: [ProcessMemory]
    /// How many connections had come in between.
    package let connectionsBetween: Int
    /// False where the kernel doesn't list children.
    package let childrenAreListed: Bool
  }
}

/// Why a load run could not be measured.
package enum LoadRunError: Error, Sendable, CustomStringConvertible {
  /// None of the connections could be opened, for these reasons.
  case noConnection(TextCounts)
  /// It was ended before anything was measured.
  case interrupted

  package var description: String {
    switch self {
    case .noConnection(let failures):
      "no connection could be opened: "
        + failures.counts.sorted { $0.value > $1.value }.map { "\($0.key) (\($0.value))" }
        .joined(separator: "; ")
    case .interrupted: "interrupted"
    }
  }
}

/// Runs a load, in threads of its own, from its first connection to its last.
package struct LoadRun: ~Copyable {
  private let plan: LoadPlan
  private let control: LoadControl
  private let threads: [BackgroundThread<Result<LoadTally, any Error>>]
  /// Takes the signals, and keeps the time.
  private var loop: EpollLoop
  private var wasInterrupted = false
  private var server: ProcessFigures?
  private let report: (LoadStatus) -> Void

  private static var reportNanoseconds: UInt64 { 250_000_000 }

  /// A crowd's first few connections bring into a server's memory what belongs to none
  /// of them.
  private static func baseline(_ plan: LoadPlan) -> Int {
    plan.scenario == .idle ? min(100, plan.connections / 10) : 0
  }

  /// Starts the threads. `server` has the figures of the server's processes, if they
  /// are known; `makeTarget` is called in each thread, `report` several times a second.
  package init(
    _ plan: LoadPlan, server: ProcessFigures?,
    makeTarget: @escaping @Sendable () throws -> ClientTarget,
    report: @escaping (LoadStatus) -> Void
  ) throws {
    var loop = try EpollLoop()
    // Before the threads are there, which inherit what is blocked.
    try loop.watch(signals: [SIGINT, SIGTERM])
    let control = LoadControl(threads: plan.threads, connectionsAllowed: Self.baseline(plan))
    threads = (0..<plan.threads).map { index in
      BackgroundThread {
        Result { try runLoadThread(index, plan, control, makeTarget) }
      }
    }
    self.loop = loop
    self.plan = plan
    self.control = control
    self.server = server
    self.report = report
  }

  /// Throws ``LoadRunError``, or what `makeTarget` or the figures of the server throw.
  package mutating func measure() throws -> LoadOutcome {
    let measured: Measured
    do {
      measured = try conduct()
    } catch {
      // A thread's own error says more than what came of it.
      let tally = try finish()
      if case LoadRunError.noConnection = error { throw LoadRunError.noConnection(tally.failures) }
      throw error
    }
    return LoadOutcome(
      tally: try finish(), nanoseconds: measured.nanoseconds, server: measured.server,
      wasInterrupted: wasInterrupted)
  }

  private struct Measured {
    let nanoseconds: UInt64
    let server: LoadOutcome.Server?
  }

  private mutating func conduct() throws -> Measured {
    let baseline = Self.baseline(plan)
    if baseline > 0 {
      try awaitOpened(baseline)
      settle()
    }
    let memoryBefore = try server?.readMemory()
    control.allowConnections(plan.connections)
    if plan.scenario != .connect {
      try awaitOpened(plan.connections + (plan.scenario == .broadcast ? 1 : 0))
    }
    // A server may answer the handshake before it has subscribed a connection.
    if plan.scenario == .broadcast { settle() }
    if plan.scenario != .idle {
      control.pacedFrom.store(MonotonicClock.nanoseconds(), ordering: .relaxed)
      control.enter(.warmUp)
      wait(.warmingUp, atMost: plan.warmUpNanoseconds) { false }
      if wasInterrupted { throw LoadRunError.interrupted }
    }
    let timesBefore = try server?.readTimes()
    let from = MonotonicClock.nanoseconds()
    control.measuredUntil.store(from + plan.durationNanoseconds, ordering: .releasing)
    control.enter(.measuring)
    wait(.measuring, atMost: plan.durationNanoseconds) { false }
    let times = try server?.readTimes()
    let until = MonotonicClock.nanoseconds()
    control.enter(.draining)
    wait(.finishing, atMost: plan.patienceNanoseconds) { [control] in control.isSettled }
    var figures: LoadOutcome.Server? = nil
    if let times, let timesBefore, let memoryBefore, let memoryAfter = try server?.readMemory() {
      figures = LoadOutcome.Server(
        times: times.since(timesBefore), memoryBefore: memoryBefore, memoryAfter: memoryAfter,
        connectionsBetween: opened - baseline,
        childrenAreListed: server?.childrenAreListed ?? true)
    }
    return Measured(nanoseconds: until - from, server: figures)
  }

  private mutating func awaitOpened(_ count: Int) throws {
    let progress = control.progress
    wait(.opening, atMost: .max) {
      progress.reduce(0) { $0 + $1.settled } >= count
    }
    if wasInterrupted { throw LoadRunError.interrupted }
    if progress.allSatisfy({ $0.opened.load(ordering: .relaxed) == 0 }) {
      throw LoadRunError.noConnection(TextCounts())
    }
  }

  /// Lets the server do what it does when connections have come.
  private mutating func settle() {
    wait(.opening, atMost: 500_000_000) { false }
  }

  private var opened: Int {
    control.progress.reduce(0) { $0 + $1.opened.load(ordering: .relaxed) }
  }

  /// Waits until `condition` holds, somebody has had enough, or the time is over.
  private mutating func wait(
    _ stage: LoadStatus.Stage, atMost nanoseconds: UInt64, until condition: () -> Bool
  ) {
    let start = MonotonicClock.nanoseconds()
    var nextReport = start
    while !condition() && !wasInterrupted {
      let now = MonotonicClock.nanoseconds()
      let left = nanoseconds - min(nanoseconds, now - start)
      if left == 0 { return }
      if now >= nextReport {
        report(status(stage, elapsed: now - start))
        nextReport = now + Self.reportNanoseconds
      }
      loop.wait(atMost: min(left, 10_000_000))
      while let completion = loop.next() {
        if case .signalled = completion { wasInterrupted = true }
      }
    }
  }

  private func status(_ stage: LoadStatus.Stage, elapsed: UInt64) -> LoadStatus {
    let progress = control.progress
    return LoadStatus(
      stage: stage,
      opened: opened,
      failed: progress.reduce(0) { $0 + $1.failed.load(ordering: .relaxed) },
      messages: progress.reduce(0) { $0 + $1.messages.load(ordering: .relaxed) },
      elapsedNanoseconds: elapsed)
  }

  /// Closes the connections, and collects what the threads have measured.
  private func finish() throws -> LoadTally {
    control.enter(.closing)
    let results = threads.map { $0.join() }
    return LoadTally(sumOf: try results.map { try $0.get() })
  }
}

private func runLoadThread(
  _ index: Int, _ plan: LoadPlan, _ control: LoadControl,
  _ makeTarget: () throws -> ClientTarget
) throws -> LoadTally {
  // Whatever happens, nobody shall wait for this thread.
  defer { control.progress[index].hasEnded.store(true, ordering: .releasing) }
  var clients = try Clients(plan.clientOptions)
  control.register(try clients.makeWaker(), of: index)
  TimerSlack.minimize()
  var thread = LoadThread(index, plan, control, try makeTarget())
  thread.run(on: &clients)
  return thread.tally()
}

extension LoadProgress {
  /// Connections that are waited for no more.
  fileprivate var settled: Int {
    if hasEnded.load(ordering: .acquiring) { return .max / 1024 }
    return opened.load(ordering: .relaxed) + failed.load(ordering: .relaxed)
  }
}
