internal import FleetCore
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

  /// The coordinator tells the world.
  private func refuseReload(_ reasons: [String]) {
    control.send(.reloaded(problem: reasons.joined(separator: "; ")))
  }

  private mutating func follow(_ reloaded: ReloadedOptions) {
    let pingInterval = options.pingIntervalMilliseconds
    options = reloaded.options
    addresses.limits = options.addressLimits
    forwarding = options.forwarding
    if options.pingIntervalMilliseconds != pingInterval { reschedulePings() }
    log.level = reloaded.logLevel
    log.format = reloaded.logFormat
    control.send(.reloaded(problem: nil))
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
