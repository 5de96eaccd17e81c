extension BenchReport {
  /// For people: lines of at most about 100 characters, aligned, the warnings last.
  package var text: String {
    let parts = [
      [title, load], messageLines, latencyLines("latency", latency), connectionLines, errorLines,
      serverLines, clientLines, warnings.map { "warning: \($0)" },
    ]
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
      .joined(separator: "\n\n")
  }

  private var title: String { "\(scenario.rawValue) \(url)" }

  private var load: String {
    var parts: [String] = []
    let connections = UInt64(clamping: options.connections)
    switch scenario {
    case .echo, .idle: parts.append(FigureText.amount(connections, "connection"))
    case .broadcast: parts.append(FigureText.amount(connections, "subscriber"))
    case .connect: parts.append("\(FigureText.count(connections)) at a time")
    }
    if let publishers = options.publishers {
      parts.append(FigureText.amount(UInt64(clamping: publishers), "publisher"))
    }
    parts.append(FigureText.amount(UInt64(clamping: options.threads), "thread"))
    if let size = options.sizeBytes {
      parts.append(FigureText.bytes(Double(size)) + (options.kind.map { " \($0)" } ?? ""))
    }
    if let inFlight = options.inFlight {
      parts.append("\(FigureText.count(UInt64(clamping: inFlight))) in flight")
    }
    if let rate = options.ratePerSecond {
      parts.append("\(FigureText.number(rate)) a second")
    }
    parts.append(FigureText.time(microseconds: durationSeconds * 1e6))
    return parts.joined(separator: ", ")
  }

  private var messageLines: [String] {
    guard let messages else { return [] }
    var parts = ["\(FigureText.count(messages)) in all"]
    if let publications {
      parts = ["\(FigureText.count(publications)) in \(FigureText.count(messages)) copies"]
    }
    if let messagesPerSecond { parts.append("\(FigureText.number(messagesPerSecond)) a second") }
    if let bytesPerSecond { parts.append("\(FigureText.bytes(bytesPerSecond)) a second") }
    return ["messages     " + parts.joined(separator: ", ")]
  }

  private func latencyLines(_ name: String, _ latency: LatencyReport?) -> [String] {
    guard let latency else { return [] }
    let columns = [
      ("min", latency.min), ("mean", latency.mean), ("50 %", latency.p50), ("90 %", latency.p90),
      ("99 %", latency.p99), ("99.9 %", latency.p999), ("99.99 %", latency.p9999),
      ("max", latency.max),
    ]
    let label = name.padded(to: 11)
    return FigureText.table([
      [label] + columns.map(\.0), [""] + columns.map { FigureText.time(microseconds: $0.1) },
    ]) + (latency.isCorrected ? ["             from when each message should have been sent"] : [])
  }

  private var connectionLines: [String] {
    var line =
      "connections  \(FigureText.count(connections.opened)) opened,"
      + " \(FigureText.count(connections.failed)) failed,"
      + " \(FigureText.count(connections.lost)) lost"
    if let rate = connections.openedPerSecond { line += ", \(FigureText.number(rate)) a second" }
    let causes = connections.causes.map {
      "             \(FigureText.count($0.count)) × \($0.text)"
    }
    let handshakes = latencyLines("handshake", connections.handshakeLatency)
    return [line] + causes + (handshakes.isEmpty ? [] : [""] + handshakes)
  }

  private var errorLines: [String] {
    if errors.total == 0 { return [] }
    let counts = [
      ("wrong content", errors.wrongContent), ("wrong size", errors.wrongSize),
      ("wrong kind", errors.wrongKind), ("duplicated", errors.duplicated),
      ("out of order", errors.outOfOrder), ("lost", errors.lost), ("not sent", errors.unsent),
    ]
    let told = counts.filter { $0.1 > 0 }.map { "\(FigureText.count($0.1)) \($0.0)" }
    return ["errors       " + told.joined(separator: ", ")]
  }

  private var serverLines: [String] {
    guard let server else { return [] }
    var rows = server.processes.map { ("\($0.pid) \($0.name)", $0.figures) }
    if rows.count != 1 { rows.append(("total", server.total)) }
    // A column for each figure that was measured.
    let columns: [(String, (ServerReport.Figures) -> String?)] = [
      ("CPU/message", { $0.cpuMicrosecondsPerMessage.map(FigureText.time) }),
      ("CPU/connection", { $0.cpuMicrosecondsPerConnection.map(FigureText.time) }),
      ("busy", { FigureText.percent($0.busyPercent) }),
      ("waited", { FigureText.percent($0.waitedPercent) }),
      ("RSS", { $0.rssBytesAfter.map { FigureText.bytes(Double($0)) } }),
      ("/connection", { $0.rssBytesPerConnection.map(FigureText.bytes) }),
      ("PSS", { $0.pssBytesAfter.map { FigureText.bytes(Double($0)) } }),
      ("/connection", { $0.pssBytesPerConnection.map(FigureText.bytes) }),
    ].filter { column in rows.contains { column.1($0.1) != nil } }
    return FigureText.table(
      [["server".padded(to: 11)] + columns.map(\.0)]
        + rows.map { row in ["  \(row.0)"] + columns.map { $0.1(row.1) ?? "-" } })
  }

  private var clientLines: [String] {
    guard let client else { return [] }
    var parts = ["busiest thread \(FigureText.percent(client.busiestThreadPercent)) busy"]
    if let cpu = client.cpuMicrosecondsPerMessage {
      parts.insert("\(FigureText.time(microseconds: cpu)) of CPU per message", at: 0)
    }
    return ["client       " + parts.joined(separator: ", ")]
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
