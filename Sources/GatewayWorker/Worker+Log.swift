internal import HTTPCore
internal import Logs
internal import SystemIO
internal import TLS
internal import WebSocketCore

// What the log tells: of each connection when it ends, and of problems, not too often.

extension Worker where Loop: ~Copyable {
  /// Counts why a connection is refused or ended, and keeps it for its line.
  mutating func count(
    _ cause: WorkerCounters.Cause, _ detail: String? = nil, on token: Token,
    by side: ConnectionEnd.Side = .server
  ) {
    counters[cause] += 1
    connections[Int(token.slot)].end.explain(cause, detail)
    connections[Int(token.slot)].end.begins(by: side)
  }

  /// The access line. The field names are in the documentation.
  func logEnd(of token: Token) {
    let slot = Int(token.slot)
    let traffic = loop.traffic(of: token)
    log.write(.info, "connection") { line in
      line.add("peer", peerText(slot))
      if let layer = connections[slot].tls, layer.session.isHandshakeComplete {
        line.add("tls", String(layer.session.version.trimmingPrefix("TLSv")))
      }
      addRequest(slot, to: &line)
      line.add("duration_ms", loop.now - connections[slot].acceptedAt)
      line.add("bytes_in", traffic.bytesReceived)
      line.add("bytes_out", traffic.bytesSent)
      if connections[slot].isWebSocket {
        line.add("messages_in", connections[slot].messagesReceived)
        line.add("messages_out", connections[slot].messagesSent)
        // Without a close frame a peer sees 1006 (RFC 6455 §7.1.5).
        line.add("close_code", Int(connections[slot].end.closeCode?.rawValue ?? 1006))
      }
      line.add("closed_by", (connections[slot].end.side ?? .lost).rawValue)
      line.add("cause", connections[slot].end.cause?.name.description)
      line.add("detail", connections[slot].end.detail)
    }
  }

  /// Of an upgrade, or of the last HTTP request.
  private func addRequest(_ slot: Int, to line: inout LogLine) {
    if let version = connections[slot].webSocketVersion {
      line.add("protocol", "websocket")
      line.add("websocket_version", Int(version.rawValue))
      line.add("method", HTTPMethod.get.name)
      line.add("path", connections[slot].path)
      line.add("status", Int(HTTPStatus.switchingProtocols.rawValue))
      line.add("subprotocol", connections[slot].subprotocol)
      line.add("channel", ChannelName(path: connections[slot].path)?.text)
    } else if let http = connections[slot].http, http.status != nil || http.method != nil {
      line.add("protocol", "http")
      line.add("method", http.method?.name)
      line.add("path", http.path)
      if let status = http.status { line.add("status", Int(status.rawValue)) }
      line.add("requests", http.requests)
    }
  }

  private func peerText(_ slot: Int) -> String {
    let address = connections[slot].http?.client ?? connections[slot].address
    return address?.description ?? "unix"
  }

  func logRequest(_ method: HTTPMethod, _ path: String, _ status: HTTPStatus, on token: Token) {
    log.write(.debug, "request") { line in
      line.add("peer", peerText(Int(token.slot)))
      line.add("method", method.name)
      line.add("path", path)
      line.add("status", Int(status.rawValue))
    }
  }
}

// MARK: - Problems

/// What can go wrong again and again.
enum Problem: Int, CaseIterable {
  case acceptFailed, tooManyConnections, memoryBudgetSpent

  var message: StaticString {
    switch self {
    case .acceptFailed: "cannot accept connections"
    case .tooManyConnections: "too many connections"
    case .memoryBudgetSpent: "memory budget spent"
    }
  }

  var level: LogLevel {
    switch self {
    case .acceptFailed: .error
    case .tooManyConnections, .memoryBudgetSpent: .warning
    }
  }
}

extension Worker where Loop: ~Copyable {
  /// A line, unless there was one not long ago.
  mutating func tell(_ problem: Problem, detail: @autoclosure () -> String? = nil) {
    if !problems[problem.rawValue].mayTell(now: loop.now) { return }
    let detail = detail()
    log.write(problem.level, problem.message) { $0.add("detail", detail) }
    setProblemTimer()
  }

  /// How often what was told before has come again.
  mutating func tellRepetitions() {
    for problem in Problem.allCases {
      guard let count = problems[problem.rawValue].due(now: loop.now) else { continue }
      log.write(problem.level, problem.message) { $0.add("left_out", count) }
    }
    setProblemTimer()
  }

  /// The same for the last time.
  mutating func tellLastRepetitions() {
    for problem in Problem.allCases {
      guard let count = problems[problem.rawValue].takeLeftOut() else { continue }
      log.write(problem.level, problem.message) { $0.add("left_out", count) }
    }
  }

  private mutating func setProblemTimer() {
    guard let next = problems.compactMap(\.nextMilliseconds).min() else { return }
    loop.setTimer(on: problemTimer, after: next > loop.now ? next - loop.now : 0)
  }
}
