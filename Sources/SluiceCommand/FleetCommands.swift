internal import AdminHTTP
internal import ArgumentParser
internal import HTTPCore
internal import SystemIO
internal import Terminal

internal import struct Configuration.TimeSpan

struct RestartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart",
    abstract: "Replace one worker or all in turn, without losing a connection attempt.",
    discussion: """
      A replacement starts and is ready before the old worker stops accepting; then the old \
      one's connections are closed over the drain window, with a hint when to come back. \
      Returns when that is done.

      \(AdminOptions.exitStatusHelp)
      """)

  @OptionGroup var admin: AdminOptions

  @Option(help: ArgumentHelp("Only this worker.", valueName: "n"))
  var worker: Int?

  func run() throws {
    let query = worker.map { "?worker=\($0)" } ?? ""
    try Operation(.post, "/restart\(query)", admin).follow()
  }
}

struct ScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Change the number of workers, while they run.",
    discussion: """
      More take part at once. Of fewer, those that go are drained first. It lasts until the \
      gateway ends: set workers in the configuration too.

      \(AdminOptions.exitStatusHelp)
      """)

  @OptionGroup var admin: AdminOptions

  @Argument(help: ArgumentHelp("How many workers, 1 to 256.", valueName: "n"))
  var workers: Int

  func validate() throws {
    guard 1...256 ~= workers else { throw ValidationError("The number of workers is 1 to 256.") }
  }

  func run() throws {
    try Operation(.post, "/scale?workers=\(workers)", admin).follow()
  }
}

struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Read the configuration again, and apply what can change at run time.",
    discussion: AdminOptions.exitStatusHelp)

  @OptionGroup var admin: AdminOptions

  func run() throws {
    _ = try admin.ask(.post, "/reload", for: OperationStatus.self)
    while true {
      let status = try admin.ask(.get, "/reload", for: OperationStatus.self)
      if status.state == "running" {
        Pause.seconds(0.1)
        continue
      }
      try Operation.tell(status, admin)
      return
    }
  }
}

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Close the connections at an even pace; without --worker, of the whole gateway, "
      + "which then ends.",
    discussion: """
      Each client gets a close frame (1012) with a hint when to come back, at a random moment \
      within the window. What is left at the deadline is cut off. Shows how it goes until it is \
      done; interrupting this command doesn't interrupt the drain. Asked for twice, it shows the \
      same drain.

      \(AdminOptions.exitStatusHelp)
      """)

  @OptionGroup var admin: AdminOptions

  @Option(help: ArgumentHelp("Only this worker, which isn't started again.", valueName: "n"))
  var worker: Int?

  @Option(help: ArgumentHelp("Over how long connections are closed.", valueName: "time"))
  var window: TimeSpan?

  @Option(
    help: ArgumentHelp(
      "When what is left is cut off, from now. Default: 1 s after the window.",
      valueName: "time"))
  var deadline: TimeSpan?

  @Option(
    help: ArgumentHelp(
      "Go on accepting for so long first, while /readyz says no already.", valueName: "time"))
  var preDrainDelay: TimeSpan?

  @Flag(help: "Stop the drain that is running: the workers accept again.")
  var cancel = false

  @Flag(help: "Give the drain that is running another window and deadline.")
  var change = false

  @Flag(help: "Return at once.")
  var noWait = false

  func validate() throws {
    if cancel && change { throw ValidationError("--cancel and --change exclude each other.") }
  }

  func run() throws {
    if cancel {
      try Operation.tell(admin.ask(.delete, "/drain", for: OperationStatus.self), admin)
      return
    }
    var parts: [String] = []
    if let worker { parts.append("worker=\(worker)") }
    if let window { parts.append("window_ms=\(window.milliseconds)") }
    if let deadline { parts.append("deadline_ms=\(deadline.milliseconds)") }
    if let preDrainDelay { parts.append("pre_drain_delay_ms=\(preDrainDelay.milliseconds)") }
    let query = parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    let operation = try Operation(change ? .put : .post, "/drain\(query)", admin)
    if noWait {
      try Operation.tell(operation.status, admin)
    } else {
      try operation.follow(endsGateway: worker == nil)
    }
  }
}

/// Something that the gateway was asked to do, and that takes time.
struct Operation {
  let status: OperationStatus
  private let admin: AdminOptions
  private let address: SocketAddress

  init(_ method: HTTPMethod, _ target: String, _ admin: AdminOptions) throws {
    self.admin = admin
    address = try admin.address()
    status = try admin.ask(method, target, for: OperationStatus.self)
  }

  /// Shows how it goes, until it has ended.
  func follow(endsGateway: Bool = false) throws {
    if status.state != "running" { return try Self.tell(status, admin) }
    var line = ProgressLine(
      isTerminal(StandardStream.error.rawValue) && !admin.json
        ? .inPlace : .lines(intervalMilliseconds: admin.json ? .max : 5_000))
    defer { StandardStream.error.write(line.clear()) }
    while true {
      Pause.seconds(0.25)
      guard
        let (code, _) = try? AdminClient.request(.get, "/healthz", at: address), code == .ok
      else {
        if endsGateway { return try Self.tell(ended("the gateway has ended"), admin) }
        printError("the gateway has gone")
        throw AdminOptions.notReachable
      }
      let now = try admin.ask(.get, "/operation?id=\(status.id)", for: OperationStatus.self)
      if now.state != "running" {
        StandardStream.error.write(line.clear())
        return try Self.tell(now, admin)
      }
      let gateway = try admin.ask(.get, "/status", for: GatewayStatus.self)
      let drain = gateway.drain ?? gateway.workers.lazy.compactMap(\.drain).first
      let text = drain.map { StatusText.text(of: $0) } ?? now.text
      let columns = TerminalSize(descriptor: StandardStream.error.rawValue).columns
      StandardStream.error.write(
        line.show(text, columns: columns, now: MonotonicClock.milliseconds()))
    }
  }

  private func ended(_ text: String) -> OperationStatus {
    OperationStatus(id: status.id, kind: status.kind, state: "done", text: text)
  }

  static func tell(_ status: OperationStatus, _ admin: AdminOptions) throws {
    if admin.json {
      try admin.print(status)
    } else if status.state == "failed" {
      printError("\(status.kind): \(status.text)")
    } else {
      StandardStream.output.print("\(status.kind): \(status.state)")
      if !status.text.isEmpty && status.text != status.state {
        StandardStream.output.print(status.text)
      }
    }
    if status.state == "failed" { throw AdminOptions.failed }
  }
}
