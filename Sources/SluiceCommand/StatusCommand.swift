internal import AdminHTTP
internal import ArgumentParser
internal import HTTPCore
internal import SystemIO
internal import Terminal

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show a gateway and its workers.",
    discussion: AdminOptions.exitStatusHelp)

  @OptionGroup var admin: AdminOptions

  @Flag(name: [.short, .long], help: "Show it again every second, until interrupted.")
  var watch = false

  func run() throws {
    var earlier: GatewayStatus? = nil
    while true {
      let status = try admin.ask(.get, "/status", for: GatewayStatus.self)
      if admin.json {
        try admin.print(status)
      } else {
        let isTerminal = Terminal.isTerminal(StandardStream.output.rawValue)
        if watch && isTerminal { StandardStream.output.write(LineEditor.clearingScreen) }
        StandardStream.output.print(StatusText(status, since: earlier).text)
      }
      if !watch { return }
      earlier = status
      Pause.seconds(1)
    }
  }
}

/// A gateway's status for people.
struct StatusText {
  private let status: GatewayStatus
  private let earlier: GatewayStatus?

  init(_ status: GatewayStatus, since earlier: GatewayStatus?) {
    self.status = status
    self.earlier = earlier
  }

  var text: String {
    var lines = [
      "sluice \(status.version), pid \(status.pid), \(status.state), up "
        + Self.time(status.uptimeSeconds),
      "listening on \(status.listeners.joined(separator: ", "))", "",
    ]
    let heads = [
      "WORKER", "PID", "STATE", "UP", "CONNECTIONS", "CHANNELS", "MESSAGES IN", "CPU", "MEMORY",
      "RESTARTS",
    ]
    lines += TextTable([heads] + status.workers.map(row)).lines(leftColumns: [2])
    if let drain = status.drain { lines += ["", Self.text(of: drain)] }
    if let operation = status.operation { lines += ["", "running: \(operation.text)"] }
    return lines.joined(separator: "\n")
  }

  private func row(_ worker: WorkerStatus) -> [String] {
    [
      "\(worker.slot)", "\(worker.pid)", worker.state, Self.time(worker.uptimeSeconds),
      "\(worker.traffic.connections)", "\(worker.traffic.channels)",
      "\(worker.traffic.messagesIn)", cpu(worker),
      worker.memoryBytes.map { "\($0 >> 20) MiB" } ?? "-", "\(worker.restarts)",
    ]
  }

  /// Of the time since the last look; without one, of its life.
  private func cpu(_ worker: WorkerStatus) -> String {
    var (used, elapsed) = (worker.cpuSeconds, worker.uptimeSeconds)
    if let before = earlier?.workers.first(where: { $0.pid == worker.pid }) {
      used -= before.cpuSeconds
      elapsed -= before.uptimeSeconds
    }
    return elapsed > 0 ? "\(Int((100 * used / elapsed).rounded())) %" : "-"
  }

  static func text(of drain: DrainStatus) -> String {
    var text =
      "draining: \(drain.connectionsLeft) of \(drain.connectionsAtStart) connections left, "
      + "\(drain.closedCleanly) closed, \(drain.forced) forced"
    if drain.bytesDiscarded > 0 { text += ", \(drain.bytesDiscarded) bytes discarded" }
    text += ", \(Int(drain.ratePerSecond.rounded())) a second"
    if let left = drain.estimatedSecondsLeft { text += ", about \(time(left)) left" }
    return text
  }

  private static func time(_ seconds: Double) -> String {
    let whole = Int(seconds)
    switch whole {
    case ..<10: return "\((seconds * 10).rounded() / 10) s"
    case ..<120: return "\(whole) s"
    case ..<7200: return "\(whole / 60) min"
    case ..<172_800: return "\(whole / 3600) h"
    default: return "\(whole / 86_400) d"
    }
  }
}
