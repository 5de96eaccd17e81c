// What the admin socket speaks: JSON objects, whose keys end with their unit where they
// have one. Unknown keys are to be ignored: later versions have more.

/// `GET /status`.
package struct GatewayStatus: Codable, Equatable, Sendable {
  package var version: String
  package var pid: Int32
  /// `serving`, `draining` (the whole gateway, which ends with it), or `starting`.
  package var state: String
  package var uptimeSeconds: Double
  package var listeners: [String]
  package var workers: [WorkerStatus]
  /// Of all workers since the gateway began, those that are gone included.
  package var totals: Traffic
  package var restarts: UInt64
  package var drain: DrainStatus?
  package var operation: OperationStatus?

  private enum CodingKeys: String, CodingKey {
    case version, pid, state
    case uptimeSeconds = "uptime_s"
    case listeners, workers, totals, restarts, drain, operation
  }

  package init(
    version: String, pid: Int32, state: String, uptimeSeconds: Double, listeners: [String],
    workers: [WorkerStatus], totals: Traffic, restarts: UInt64
  ) {
    self.version = version
    self.pid = pid
    self.state = state
    self.uptimeSeconds = uptimeSeconds
    self.listeners = listeners
    self.workers = workers
    self.totals = totals
    self.restarts = restarts
  }
}

package struct Traffic: Codable, Equatable, Sendable {
  package var connections: UInt64 = 0
  package var channels: UInt64 = 0
  package var messagesIn: UInt64 = 0
  package var bytesIn: UInt64 = 0
  package var bytesOut: UInt64 = 0

  package init() {}

  private enum CodingKeys: String, CodingKey {
    case connections, channels
    case messagesIn = "messages_in"
    case bytesIn = "bytes_in"
    case bytesOut = "bytes_out"
  }
}

package struct WorkerStatus: Codable, Equatable, Sendable {
  package var slot: Int
  package var pid: Int32
  /// `starting`, `ready` or `draining`.
  package var state: String
  package var uptimeSeconds: Double
  /// How often this slot's worker has been replaced.
  package var restarts: UInt64
  package var traffic: Traffic
  /// User and system time since its start.
  package var cpuSeconds: Double
  /// Proportional set size; nil where it is not known.
  package var memoryBytes: UInt64?
  package var drain: DrainStatus?

  package init(slot: Int, pid: Int32, state: String) {
    self.slot = slot
    self.pid = pid
    self.state = state
    uptimeSeconds = 0
    restarts = 0
    traffic = Traffic()
    cpuSeconds = 0
  }

  private enum CodingKeys: String, CodingKey {
    case slot, pid, state
    case uptimeSeconds = "uptime_s"
    case restarts, traffic
    case cpuSeconds = "cpu_s"
    case memoryBytes = "memory_bytes"
    case drain
  }
}

/// `GET /drain`, and the answer to `POST /drain`.
package struct DrainStatus: Codable, Equatable, Sendable {
  package var connectionsAtStart: UInt64 = 0
  package var connectionsLeft: UInt64 = 0
  package var closedCleanly: UInt64 = 0
  package var forced: UInt64 = 0
  package var bytesDiscarded: UInt64 = 0
  package var elapsedSeconds: Double = 0
  package var windowSeconds: Double = 0
  package var deadlineSeconds: Double = 0
  /// Connections that ended per second, lately.
  package var ratePerSecond: Double = 0
  /// From now; nil while nothing can be said.
  package var estimatedSecondsLeft: Double?
  package var isDone = false

  package init() {}

  private enum CodingKeys: String, CodingKey {
    case connectionsAtStart = "connections_at_start"
    case connectionsLeft = "connections_left"
    case closedCleanly = "closed_cleanly"
    case forced
    case bytesDiscarded = "bytes_discarded"
    case elapsedSeconds = "elapsed_s"
    case windowSeconds = "window_s"
    case deadlineSeconds = "deadline_s"
    case ratePerSecond = "rate_per_s"
    case estimatedSecondsLeft = "estimated_s_left"
    case isDone = "done"
  }
}

/// A WebSocket, in the answer to `GET /connections`.
package struct ConnectionStatus: Codable, Equatable, Sendable {
  /// The worker process and its connection, such as `3-4294967297`: what `disconnect` takes. No
  /// other connection ever has it, so nobody else is closed when this one has gone.
  package var id: String
  /// The client's address, as trusted proxies tell it; `unix` for a Unix socket.
  package var peer: String
  package var path: String
  package var channel: String?
  package var durationSeconds: Double
  package var bytesIn: UInt64
  package var bytesOut: UInt64
  package var messagesIn: UInt64

  package init(
    id: String, peer: String, path: String, channel: String?, durationSeconds: Double,
    bytesIn: UInt64, bytesOut: UInt64, messagesIn: UInt64
  ) {
    self.id = id
    self.peer = peer
    self.path = path
    self.channel = channel
    self.durationSeconds = durationSeconds
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
    self.messagesIn = messagesIn
  }

  private enum CodingKeys: String, CodingKey {
    case id, peer, path, channel
    case durationSeconds = "duration_s"
    case bytesIn = "bytes_in"
    case bytesOut = "bytes_out"
    case messagesIn = "messages_in"
  }
}

/// `GET /connections`.
package struct ConnectionList: Codable, Equatable, Sendable {
  package var connections: [ConnectionStatus]
  /// There are more than were asked for.
  package var hasMore: Bool

  package init(connections: [ConnectionStatus], hasMore: Bool) {
    self.connections = connections
    self.hasMore = hasMore
  }

  private enum CodingKeys: String, CodingKey {
    case connections
    case hasMore = "more"
  }
}

/// The answer to `POST /disconnect`.
package struct Disconnected: Codable, Equatable, Sendable {
  package var count: UInt64

  package init(count: UInt64) {
    self.count = count
  }
}

/// Something that takes time: a restart, a scaling, a reload, an upgrade. The last one is told
/// by `GET /operation`.
package struct OperationStatus: Codable, Equatable, Sendable {
  package var id: UInt64
  /// `restart`, `scale`, `reload` or `upgrade`.
  package var kind: String
  /// `running`, `done` or `failed`.
  package var state: String
  /// What it is doing, or why it failed.
  package var text: String

  package init(id: UInt64, kind: String, state: String, text: String) {
    self.id = id
    self.kind = kind
    self.state = state
    self.text = text
  }
}

/// The body of an answer that is no success.
package struct AdminFailure: Codable, Equatable, Sendable {
  package var error: String

  package init(error: String) {
    self.error = error
  }
}
