internal import ArgumentParser
internal import Configuration
internal import GatewayCoordinator
internal import Logs
internal import SystemIO

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: abstract, usage: "",
    // For 'sluice help serve'. The command prints its own, as wide as the terminal.
    discussion: HelpText(ServeOptions.table, overview: overview, columns: 79).text,
    helpNames: [])

  /// The options are those of ``ServeOptions``; the table reads them.
  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var arguments: [String] = []

  func run() throws {
    BrokenPipe.ignoreSignal()
    let options = OptionArguments(arguments, table: ServeOptions.table)
    try options.answerQuestions(overview: "\(Self.abstract)\n\n\(Self.overview)")
    let (serve, values) = try options.checked { (values) throws(Mistakes) in
      (try ServeConfiguration(values, filesMax: OpenFileLimit.raise()), values)
    }
    let reload = ServeReload(options, running: values, serve)
    let writer = try LogWriter(.error)
    let log = Log(writer, level: serve.logLevel, format: serve.logFormat)
    defer {
      log.flush()
      writer.close(within: Self.lastLinesMilliseconds)
    }
    let status: Int32
    do {
      try serve.checkCertificates()
      var coordinator = try Coordinator(
        serve.coordinator, configuration: WorkerConfiguration(toml: serve.handedOn),
        environment: ["SWIFT_BACKTRACE": "enable=no"],
        reload: { reload.load() },
        say: { news in
          let (level, format) = reload.logging
          log.format = format
          log.level = min(log.level, level)  // the last line of a level that goes
          FleetLog.tell(news, serve.endpoints, log)
          log.level = level
          log.flush()
        })
      status = coordinator.run()
    } catch {
      log.write(.error, "cannot start") { $0.add("error", "\(error)") }
      throw ExitCode.failure
    }
    log.write(.info, "gateway stopped")
    if status != 0 { throw ExitCode(status) }
  }

  /// How long a slow reader of the log holds up the end.
  private static let lastLinesMilliseconds: Int32 = 1000

  private static let abstract = "Accept WebSocket connections and pass messages on."
  private static let overview = """
    Endpoints:
      GET /                    a chat page for the browser
      GET /echo                WebSocket: every message comes back
      GET /channels/{channel}  WebSocket: a message goes to everyone else in the
                               channel; with ?echo=1 to its sender too

    Once connections are accepted, one line with the address is printed. SIGTERM closes every \
    connection in order, over the drain window, and exits with status 0; a second one, and SIGINT, \
    closes them at once. SIGHUP reads the configuration and the certificates again.

    Every option can also be an environment variable, or stand in a TOML file:
      --max-message-size 64KiB
      SLUICE_MAX_MESSAGE_SIZE=64KiB
      max-message-size = "64KiB"
    Flags go before variables, these before the file. In a variable, the values of a repeatable \
    option are separated by commas; in the file, they are an array. 'sluice config check FILE' \
    checks a file, 'sluice config print' shows what is in force.

    Sizes are bytes or have a unit (64KiB, 1MiB), times always have one (500ms, 9s, 2m).
    """
}
