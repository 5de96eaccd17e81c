internal import Logs
internal import SystemIO
internal import TLS
internal import WebSocketCore

// Following a configuration that was read again. Nothing here ends or delays a connection.

extension Worker where Loop: ~Copyable {
  mutating func finishReload(_ result: Result<ReloadedOptions, ReloadRefusal>) {
    switch result {
    case .success(let reloaded):
      do throws(TLSConfigurationError) {
        // First, because only this can still fail.
        if let configuration = reloaded.options.tls, let certificates {
          try certificates.load(configuration)
          reportNewCertificates()
        }
        follow(reloaded)
      } catch {
        refuseReload(["\(error)"])
      }
    case .failure(let refusal):
      refuseReload(refusal.reasons)
    }
  }

  private func refuseReload(_ reasons: [String]) {
    for reason in reasons {
      log.write(.error, "configuration not reloaded, the old values stay") {
        $0.add("error", reason)
      }
    }
  }

  private mutating func follow(_ reloaded: ReloadedOptions) {
    let pingInterval = options.pingIntervalMilliseconds
    options = reloaded.options
    addresses.limits = options.addressLimits
    forwarding = options.forwarding
    if options.pingIntervalMilliseconds != pingInterval { reschedulePings() }
    log.level = min(log.level, reloaded.logLevel)  // the last line of a level that goes
    log.format = reloaded.logFormat
    reloaded.didApply()
    log.write(.notice, "configuration reloaded") { line in
      if !reloaded.changed.isEmpty { line.add("changed", reloaded.changed.joined(separator: ",")) }
    }
    if !reloaded.waiting.isEmpty {
      log.write(.warning, "applied by restart") {
        $0.add("options", reloaded.waiting.joined(separator: ","))
      }
    }
    log.level = reloaded.logLevel
  }

  /// Connections that wait for their next ping get it in time; not all at once, for they would
  /// stay together.
  private mutating func reschedulePings() {
    let groups = 64
    for slot in connections.slots() {
      guard connections[slot].isWebSocket, connections[slot].stage == .active,
        connections[slot].closing.maySend, connections[slot].deadline != .pong
      else { continue }
      let token = connections[slot].token
      schedulePing(token)
      if options.pingIntervalMilliseconds == 0 { continue }
      let part = options.pingIntervalMilliseconds * UInt64(slot % groups + 1) / UInt64(groups)
      setDeadline(.ping, on: token, after: part)
    }
  }
}
