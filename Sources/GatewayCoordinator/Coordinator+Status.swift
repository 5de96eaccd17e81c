internal import AdminHTTP
internal import FleetCore
internal import Glibc
internal import SystemIO

// What the gateway tells of itself: to people as JSON, to Prometheus as metrics.

extension Coordinator {
  func gatewayStatus() -> GatewayStatus {
    let now = loop.now
    let status = fleet.status(at: now)
    let isEnding = if case .drain(.all) = status.operation?.kind { true } else { false }
    var gateway = GatewayStatus(
      version: options.version, pid: getpid(),
      state: isEnding ? "draining" : status.isReady ? "serving" : "starting",
      uptimeSeconds: seconds(now - startedMilliseconds),
      listeners: listeners.bound.map { "\($0)" }, workers: [],
      totals: Traffic(status.counters, gauges: sum(status.workers.map(\.gauges))),
      restarts: restarts.values.reduce(0, +))
    gateway.workers = status.workers.map { worker in
      var told = AdminHTTP.WorkerStatus(
        slot: worker.worker.slot.index, pid: worker.pid ?? 0, state: worker.state.rawValue)
      told.restarts = restarts[worker.worker.slot] ?? 0
      told.drain = worker.drain.map { DrainStatus($0, now: now) }
      if let process = workers[worker.worker] {
        told.uptimeSeconds = seconds(now - process.startedMilliseconds)
        told.traffic = Traffic(process.figures.counters, gauges: worker.gauges)
        told.cpuSeconds =
          Double(process.figures.counters[WorkerFigureName.cpuMicroseconds] ?? 0) / 1e6
        told.memoryBytes = worker.gauges[WorkerFigureName.memoryBytes]
      }
      return told
    }
    if let operation = status.operation {
      gateway.operation = AdminHTTP.OperationStatus(
        id: operation.id.number, kind: operation.kind.name, state: "running",
        text: "\(operation.kind)")
      gateway.drain = operation.drain.map { DrainStatus($0, now: now) }
    }
    return gateway
  }

  /// In the text format of Prometheus. Names and units as its conventions have them.
  func metrics() -> String {
    let status = fleet.status(at: loop.now)
    var page = MetricsPage()
    page.gauge("sluice_ready", "Whether the gateway is ready.", status.isReady ? 1 : 0)
    page.gauge(
      "sluice_workers", "Workers by state.",
      by: "state",
      ["starting", "ready", "draining", "killed"].map { state in
        (state, UInt64(status.workers.count { $0.state.rawValue == state }))
      })
    page.counter(
      "sluice_worker_restarts_total", "Workers that were replaced.",
      "\(restarts.values.reduce(0, +))")
    for (name, value) in status.counters.sorted(by: { $0.key < $1.key }) {
      if name == WorkerFigureName.cpuMicroseconds {
        page.counter(
          "sluice_cpu_seconds_total", "User and system time of all workers.",
          "\(Double(value) / 1e6)")
      } else {
        page.counter("sluice_\(name)_total", MetricHelp.counter(name), "\(value)")
      }
    }
    for (name, value) in sum(status.workers.map(\.gauges)).sorted(by: { $0.key < $1.key }) {
      page.gauge("sluice_\(name)", MetricHelp.gauge(name), value)
    }
    return page.text
  }

  private func sum(_ all: [[String: UInt64]]) -> [String: UInt64] {
    all.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: &+) }
  }

  private func seconds(_ milliseconds: UInt64) -> Double { Double(milliseconds) / 1000 }
}

/// What the coordinator shows of a worker's figures besides those of ``FigureName``.
enum WorkerFigureName {
  static let channels = "channels"
  static let memoryBytes = "resident_memory_bytes"
  static let cpuMicroseconds = "cpu_microseconds"
  static let messagesIn = "messages_received"
  static let bytesIn = "bytes_received"
  static let bytesOut = "bytes_sent"
}

extension Traffic {
  init(_ counters: [String: UInt64], gauges: [String: UInt64]) {
    self.init()
    connections = gauges[FigureName.connections] ?? 0
    channels = gauges[WorkerFigureName.channels] ?? 0
    messagesIn = counters[WorkerFigureName.messagesIn] ?? 0
    bytesIn = counters[WorkerFigureName.bytesIn] ?? 0
    bytesOut = counters[WorkerFigureName.bytesOut] ?? 0
  }
}

extension DrainStatus {
  init(_ progress: DrainProgress, now: UInt64) {
    self.init()
    connectionsAtStart = progress.connections.atStart
    connectionsLeft = progress.connections.left
    closedCleanly = progress.connections.closed
    forced = progress.connections.forced
    bytesDiscarded = progress.connections.discardedBytes
    elapsedSeconds = Double(now - min(now, progress.startedMilliseconds)) / 1000
    windowSeconds =
      Double(progress.windowEndMilliseconds - progress.windowStartMilliseconds) / 1000
    deadlineSeconds = Double(progress.deadlineMilliseconds - progress.startedMilliseconds) / 1000
    ratePerSecond = progress.closedPerSecond
    estimatedSecondsLeft =
      Double(progress.estimatedEndMilliseconds - min(now, progress.estimatedEndMilliseconds)) / 1000
    isDone = progress.connections.left == 0
  }
}

/// What is said of the workers' figures.
private enum MetricHelp {
  private static let counters = [
    "accept_failure": "Accepts that failed because descriptors or memory had run out.",
    "bytes_received": "Bytes from the sockets of clients, TLS and headers included.",
    "bytes_sent": "Bytes given to the sockets of clients, TLS and headers included.",
    "connections_accepted": "Connections that came in, refused ones too.",
    "drain_closed": "Connections that ended in a drain before its deadline.",
    "drain_discarded_bytes": "What was queued for connections cut off at a drain's deadline.",
    "drain_forced": "Connections cut off at a drain's deadline.",
    "messages_received": "Whole messages from WebSocket clients.",
    "websockets_opened": "Connections that became a WebSocket.",
  ]
  private static let gauges = [
    "channels": "Channels with members.",
    "connections": "Open connections of every kind.",
    "resident_memory_bytes": "Resident memory of the workers; shared pages count in each.",
    "queued_bytes": "What clients have not taken yet.",
  ]

  static func counter(_ name: String) -> String {
    counters[name] ?? "Connections refused or ended, with this cause in the log."
  }

  static func gauge(_ name: String) -> String { gauges[name] ?? "Of all workers now." }
}

/// Lines of the Prometheus text format, version 0.0.4.
private struct MetricsPage {
  private(set) var text = ""

  mutating func gauge(_ name: String, _ help: String, _ value: UInt64) {
    add(name, "gauge", help)
    text += "\(name) \(value)\n"
  }

  mutating func gauge(
    _ name: String, _ help: String, by label: String, _ values: [(String, UInt64)]
  ) {
    add(name, "gauge", help)
    for (key, value) in values { text += "\(name){\(label)=\"\(key)\"} \(value)\n" }
  }

  mutating func counter(_ name: String, _ help: String, _ value: String) {
    add(name, "counter", help)
    text += "\(name) \(value)\n"
  }

  private mutating func add(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }
}
