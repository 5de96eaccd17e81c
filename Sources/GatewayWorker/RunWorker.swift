package import Logs
package import SystemIO

/// An address to listen on, and what is spoken there.
package struct Endpoint: Sendable {
  package let address: SocketAddress
  package let speaksTLS: Bool

  package init(address: SocketAddress, speaksTLS: Bool) {
    self.address = address
    self.speaksTLS = speaksTLS
  }

  /// Such as `https://127.0.0.1:8443/`; a Unix socket as it was given.
  package var url: String {
    if case .unix = address { return "\(address)" }
    return "\(speaksTLS ? "https" : "http")://\(address)/"
  }
}

/// Which backend the event loop has.
package enum EventLoopChoice: String, CaseIterable, Sendable {
  case auto, epoll
}

/// Runs a worker until it has been told to end.
///
/// - Parameters:
///   - options: Its limits and deadlines.
///   - choice: Every backend has its branch here, and the worker is compiled for each.
///   - endpoints: Where it listens.
///   - log: For what happens.
///   - reload: Called at SIGHUP, in another thread.
///   - didListen: Called once connections are accepted, with the addresses in
///     use: a free port in place of port 0.
/// - Returns: What it has done.
/// - Throws: ``SystemError``, ``ListenerError`` or ``TLSConfigurationError``.
package func runWorker(
  _ options: WorkerOptions, on choice: EventLoopChoice, endpoints: [Endpoint], log: Log,
  reload: @escaping LoadOptions, didListen: ([Endpoint]) -> Void
) throws -> WorkerCounters {
  switch choice {
  case .auto, .epoll:
    try run(
      Worker(options: options, log: log, reload: reload, loop: EpollLoop()),
      endpoints: endpoints, didListen: didListen)
  }
}

private func run<Loop: EventLoop & ~Copyable>(
  _ worker: consuming Worker<Loop>, endpoints: [Endpoint], didListen: ([Endpoint]) -> Void
) throws -> WorkerCounters {
  var worker = worker
  var opened: [Endpoint] = []
  for endpoint in endpoints {
    try Listener.requireUnused(endpoint.address)
    let listener = try Listener(on: endpoint.address)
    opened.append(Endpoint(address: listener.address, speaksTLS: endpoint.speaksTLS))
    try worker.listen(on: listener, speaksTLS: endpoint.speaksTLS)
  }
  // What the start had to say comes before the line that it is over.
  worker.log.flush()
  didListen(opened)
  worker.run()
  // While they are still blocked.
  LateSignals.ignore(watchedSignals)
  return worker.counters
}
