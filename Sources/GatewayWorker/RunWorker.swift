package import FleetCore
internal import Glibc
package import Logs
package import SystemIO
package import TLS

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

/// What a worker begins with.
package struct WorkerStart {
  /// Its limits and deadlines.
  package let options: WorkerOptions
  /// Where the gateway listens.
  package let endpoints: [Endpoint]
  /// What it was started with.
  package let listeners: [InheritedListener]
  /// Whose listeners these are.
  package let slot: SlotID
  package let control: WorkerControl
  /// The first seals session tickets.
  package let ticketKeys: [TicketKey]
  /// Reads a configuration that can change at run time.
  package let reload: ReloadSource

  package init(
    options: WorkerOptions, endpoints: [Endpoint], listeners: [InheritedListener], slot: SlotID,
    control: WorkerControl, ticketKeys: [[UInt8]],
    reload: ReloadSource
  ) {
    self.options = options
    self.endpoints = endpoints
    self.listeners = listeners
    self.slot = slot
    self.control = control
    self.ticketKeys = ticketKeys.map { TicketKey(bytes: $0) }
    self.reload = reload
  }
}

/// Runs a worker until it has been told to end, and returns what it has done.
///
/// Every backend of the event loop has its branch here, and the worker is compiled for
/// each. Throws ``SystemError`` or ``TLSConfigurationError``.
package func runWorker(
  _ start: WorkerStart, on choice: EventLoopChoice, log: Log
) throws -> WorkerCounters {
  switch choice {
  case .auto, .epoll: try run(Worker(start, log: log, loop: EpollLoop()))
  }
}

private func run<Loop: EventLoop & ~Copyable>(
  _ worker: consuming Worker<Loop>
) throws -> WorkerCounters {
  var worker = worker
  worker.log.flush()
  try worker.run()
  // While it is still blocked.
  LateSignals.ignore([SIGTERM])
  return worker.counters
}
