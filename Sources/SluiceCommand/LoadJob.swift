internal import ArgumentParser
internal import Configuration
internal import LoadGenerator
internal import SystemIO
internal import Terminal
internal import WebSocketClient

/// A load run as the command line asks for it.
struct LoadJob {
  var plan: LoadPlan
  private let options: LoadOptions
  private let handshake: HandshakeOptions

  init(
    _ scenario: LoadPlan.Scenario, _ options: LoadOptions, _ handshake: HandshakeOptions,
    connections: Int
  ) {
    // The address is found out when it runs.
    plan = LoadPlan(scenario, at: .unix(path: ""))
    plan.connections = options.connections ?? connections
    plan.durationNanoseconds = options.duration.milliseconds * 1_000_000
    plan.threads = min(options.threads, plan.connections)
    self.options = options
    self.handshake = handshake
  }

  /// Exit status: 0 when everything came back as it should, 1 when something did not, or
  /// nothing could be measured.
  consuming func run() throws {
    StandardStream.openMissing()
    BrokenPipe.ignoreSignal()
    let (url, handshake) = (options.url, handshake)
    plan.localAddresses = try options.localAddresses()
    let target = try handshake.target(url)
    // Besides the connections: the loops' own, and the process's.
    let filesMax = OpenFileLimit.raise() - 8 - 4 * plan.threads
    if plan.connections > filesMax {
      throw ValidationError(
        "--connections \(plan.connections): this process may have \(filesMax); raise its limit "
          + "of open files (ulimit -n).")
    }
    let report: BenchReport
    do {
      plan.address = try Reachability.firstAddress(of: url, target, options: plan.clientOptions)
      let server =
        options.serverPid.isEmpty ? nil : try ProcessFigures(processes: options.serverPid)
      let display = LoadDisplay(plan)
      var run = try LoadRun(plan, server: server) {
        try handshake.target(url)
      } report: { status in
        display.show(status)
      }
      defer { display.clear() }
      report = BenchReport(try run.measure(), of: plan, url: "\(url)")
    } catch {
      StandardStream.error.print("sluice: \(url): \(TerminalText.printable("\(error)"))")
      throw ExitCode.failure
    }
    StandardStream.output.print(
      options.json ? report.json() : TerminalText.printable(report.text))
    if !report.isFlawless { throw ExitCode.failure }
  }
}

/// What happens while a load runs, on one line of standard error.
private final class LoadDisplay {
  private let plan: LoadPlan
  private var line: ProgressLine
  private var last: LoadStatus?

  init(_ plan: LoadPlan) {
    self.plan = plan
    let isLive =
      isTerminal(StandardStream.error.rawValue) && !TerminalEnvironment.current().isDumb
    line = ProgressLine(isLive ? .inPlace : .hidden)
  }

  func show(_ status: LoadStatus) {
    let columns = TerminalSize(descriptor: StandardStream.error.rawValue).columns
    let bytes = line.show(text(status), columns: columns, now: MonotonicClock.milliseconds())
    StandardStream.error.write(bytes)
    last = status
  }

  func clear() {
    StandardStream.error.write(line.clear())
  }

  private func text(_ status: LoadStatus) -> String {
    let seconds = status.elapsedNanoseconds / 1_000_000_000
    var text: String
    switch status.stage {
    case .opening: text = "opening connections: \(status.opened) of \(plan.connections)"
    case .warmingUp: text = "warming up, \(seconds) s"
    case .measuring:
      text = "measuring, \(seconds) of \(plan.durationNanoseconds / 1_000_000_000) s"
    case .finishing: text = "waiting for the last answers, \(seconds) s"
    }
    if let rate = messagesPerSecond(status) {
      text += plan.scenario == .connect ? ", \(rate) connections/s" : ", \(rate) messages/s"
    }
    if status.failed > 0 { text += ", \(status.failed) failed" }
    return text
  }

  /// Since the line was last shown, as long as that is the same stage.
  private func messagesPerSecond(_ status: LoadStatus) -> UInt64? {
    guard let last, last.stage == status.stage, status.messages > 0,
      status.elapsedNanoseconds > last.elapsedNanoseconds
    else { return nil }
    let seconds = Double(status.elapsedNanoseconds - last.elapsedNanoseconds) / 1e9
    return UInt64(Double(status.messages - last.messages) / seconds)
  }
}
