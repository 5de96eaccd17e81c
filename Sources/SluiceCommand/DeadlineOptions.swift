internal import ArgumentParser
internal import GatewayWorker

struct DeadlineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A request must have come whole within this time, the TLS handshake included.",
      valueName: "time"))
  var handshakeTimeout = TimeSpan(milliseconds: 5_000)

  @Option(
    help: ArgumentHelp("An HTTP connection is kept so long between requests.", valueName: "time"))
  var keepAliveTimeout = TimeSpan(milliseconds: 60_000)

  @Option(
    help: ArgumentHelp(
      "A WebSocket client that was silent for so long is pinged. 0: never.", valueName: "time"))
  var pingInterval = TimeSpan(milliseconds: 25_000)

  @Option(
    help: ArgumentHelp(
      "And disconnected if nothing comes from it within this time.", valueName: "time"))
  var pongTimeout = TimeSpan(milliseconds: 10_000)

  @Option(
    help: ArgumentHelp(
      "How long to wait for a client's half of the closing handshake.", valueName: "time"))
  var closeTimeout = TimeSpan(milliseconds: 5_000)

  @Option(
    help: ArgumentHelp(
      "After SIGTERM, whoever is left at this time is disconnected.", valueName: "time"))
  var drainDeadline = TimeSpan(milliseconds: 9_000)

  func apply(to options: inout WorkerOptions) throws {
    for (name, span) in [
      ("--handshake-timeout", handshakeTimeout), ("--keep-alive-timeout", keepAliveTimeout),
      ("--pong-timeout", pongTimeout), ("--close-timeout", closeTimeout),
      ("--drain-deadline", drainDeadline),
    ] where span.milliseconds == 0 {
      throw ValidationError("\(name) is 0, which would end every connection at once.")
    }
    options.handshakeMilliseconds = handshakeTimeout.milliseconds
    options.keepAliveMilliseconds = keepAliveTimeout.milliseconds
    options.pingIntervalMilliseconds = pingInterval.milliseconds
    options.pongMilliseconds = pongTimeout.milliseconds
    options.closeMilliseconds = closeTimeout.milliseconds
    options.drainMilliseconds = drainDeadline.milliseconds
  }
}
