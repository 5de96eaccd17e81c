extension BenchReport {
  /// Adds what the figures themselves show. To be called once everything else is set.
  package mutating func appendWarnings() {
    let found = [
      clientWarning, rateWarning, waitingWarning, clampedWarning, memoryWarning, childrenWarning,
    ]
    warnings += found.compactMap { $0 }
  }

  /// From here on, a thread counts as having no time left.
  private static let busyPercentMin = 90.0

  private var clientWarning: String? {
    guard let client, client.busiestThreadPercent >= Self.busyPercentMin else { return nil }
    let busy = FigureText.percent(client.busiestThreadPercent)
    let remedy =
      options.threads < options.connections
      ? "use more --threads, on cores that the server doesn't use"
      : "run it on a faster core, or on cores that the server doesn't use"
    guard let server else {
      return "the client may have been the bottleneck: its busiest thread was busy \(busy) of the"
        + " time; \(remedy), or give --server-pid to see whether the server had time left"
    }
    let serverBusy = server.processes.map(\.figures.busyPercent).max() ?? 0
    if serverBusy >= Self.busyPercentMin { return nil }
    return "the client was the bottleneck: its busiest thread was busy \(busy) of the time, the"
      + " server's busiest process \(FigureText.percent(serverBusy)); \(remedy)"
  }

  /// An open loop that could not be kept open.
  private var rateWarning: String? {
    guard let asked = options.ratePerSecond else { return nil }
    let (sent, noun) =
      scenario == .connect
      ? (connections.opened, "connections") : (publications ?? messages ?? 0, "messages")
    guard let reached = ratio(Double(sent), durationSeconds, decimals: 3), reached < 0.99 * asked
    else { return nil }
    return "the rate was not reached: \(FigureText.number(reached)) of"
      + " \(FigureText.number(asked)) \(noun) a second; latencies have the growing backlog in"
      + " them, so lower --rate until it is reached"
  }

  private var waitingWarning: String? {
    guard let server, server.total.waitedPercent >= 5 else { return nil }
    return "the server was ready to run but had no core for"
      + " \(FigureText.percent(server.total.waitedPercent)) of the time; give it cores of its own"
      + " (taskset), and stop what else runs on this machine"
  }

  private var clampedWarning: String? {
    let clamped = (latency?.clampedCount ?? 0) + (connections.handshakeLatency?.clampedCount ?? 0)
    if clamped == 0 { return nil }
    return "\(FigureText.count(clamped)) latencies were over one hour and count as one hour;"
      + " lower the load until the server keeps up"
  }

  private var memoryWarning: String? {
    guard scenario == .idle, server != nil, connections.opened < 1000 else { return nil }
    return "memory is given to a process in large pieces: \(FigureText.count(connections.opened))"
      + " connections tell little about one; use --connections 1000 or more"
  }

  private var childrenWarning: String? {
    guard let server, !server.childrenAreListed else { return nil }
    return "this kernel doesn't tell a process's children, so only the processes named were"
      + " measured; give --server-pid for each of the server's processes"
  }
}
