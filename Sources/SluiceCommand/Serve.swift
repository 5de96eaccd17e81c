internal import ArgumentParser
internal import GatewayWorker
internal import HTTPCore
internal import SystemIO
internal import WebSocketCore

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Accept WebSocket connections and pass messages on.",
    discussion: """
      Endpoints:
        GET /                    a chat page for the browser
        GET /echo                WebSocket: every message comes back
        GET /channels/{channel}  WebSocket: a message goes to everyone else in the
                                 channel; with ?echo=1 to its sender too

      Once connections are accepted, one line with the address is printed. SIGTERM or \
      SIGINT closes every connection in order and exits with status 0; a second one closes \
      them at once. SIGHUP reads the certificates again.

      Sizes are bytes or have a unit (64KiB, 1MiB), times always have one (500ms, 9s, 2m).
      """)

  @Option(
    help: ArgumentHelp(
      """
      Where to listen: 127.0.0.1:8080, [::1]:8080 or unix:PATH. Repeatable. Port 0 takes a free \
      one. With a certificate TCP listeners speak TLS, unless the address begins with plain:.
      """, valueName: "address"))
  var listen: [String] = ["127.0.0.1:8080"]

  @OptionGroup(title: "TLS")
  var tls: TLSOptions

  @OptionGroup(title: "Behind a proxy")
  var proxy: ProxyOptions

  @OptionGroup(title: "Limits")
  var limits: LimitOptions

  @OptionGroup(title: "Deadlines")
  var deadlines: DeadlineOptions

  @Option(
    help: ArgumentHelp(
      """
      A web origin whose pages may connect, as https://chat.example.org; * for all. Repeatable. \
      Default: pages from the host that they connect to. Programs, which send no Origin, may \
      always.
      """, valueName: "origin"))
  var origin: [String] = []

  @Option(
    help: ArgumentHelp(
      "A subprotocol that is accepted when a client offers it. Repeatable.", valueName: "name"))
  var subprotocol: [String] = []

  @Option(
    help: ArgumentHelp(
      "How the kernel is asked: auto or epoll.", valueName: "backend"))
  var eventLoop = EventLoopChoice.auto

  func validate() throws {
    _ = try endpoints()
    _ = try workerOptions()
  }

  func run() throws {
    BrokenPipe.ignoreSignal()
    let endpoints = try endpoints()
    let options = try workerOptions()
    do {
      let counters = try runWorker(options, on: eventLoop, endpoints: endpoints) { opened in
        let urls = opened.map(\.url).joined(separator: " ")
        StandardStream.output.print("sluice: listening on \(urls)")
      }
      printError("stopped: \(counters)")
    } catch {
      printError("\(error)")
      throw ExitCode.failure
    }
  }

  private func endpoints() throws -> [Endpoint] {
    do {
      return try listen.map { text in
        let isPlain = text.hasPrefix("plain:")
        let address = try SocketAddress(
          parsing: isPlain ? String(text.dropFirst("plain:".count)) : text)
        let isUnix = if case .unix = address { true } else { false }
        return Endpoint(
          address: address, speaksTLS: tls.isConfigured && !isPlain && !isUnix)
      }
    } catch {
      throw ValidationError("--listen \(error).")
    }
  }

  private func workerOptions() throws -> WorkerOptions {
    var options = WorkerOptions()
    options.tls = try tls.configuration()
    try proxy.apply(to: &options)
    try limits.apply(to: &options)
    try deadlines.apply(to: &options)
    do {
      options.origins = try OriginPolicy(allowing: origin)
    } catch {
      throw ValidationError("--origin \(error).")
    }
    for name in subprotocol where !Array(name.utf8).isToken {
      throw ValidationError(
        "--subprotocol '\(name)': a name is letters, digits and !#$%&'*+-.^_`|~ (RFC 6455, 4.1).")
    }
    options.subprotocols = subprotocol
    return options
  }
}

extension EventLoopChoice: ExpressibleByArgument {}

/// Messages for people go to standard error, which nobody parses.
private func printError(_ message: String) {
  StandardStream.error.print("sluice: \(message)")
}
