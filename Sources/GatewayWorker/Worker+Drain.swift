internal import FleetCore
internal import Logs
internal import SystemIO
internal import WebSocketCore

// Sending the clients away: each at its moment, with a hint when to come back.

extension Worker where Loop: ~Copyable {
  var isDraining: Bool { drain != nil }

  /// Begins, or gives what has begun other times. Listeners that belong to a slot are
  /// not ours to stop: the coordinator says so. The shared ones are.
  mutating func beginDrain(_ times: WorkerDrain) {
    let isFirst = drain == nil
    var generator = SystemRandomNumberGenerator()
    let tokens = connections.slots().map { connections[$0].token }
    drain = DrainSchedule(times, of: tokens, now: loop.now, using: &generator)
    loop.setTimer(on: drainTimer, after: times.deadlineMilliseconds)
    if !isFirst { return }
    log.write(.notice, "draining") { line in
      line.add("connections", tokens.count)
      line.add("window_ms", times.windowMilliseconds)
    }
    for (index, listener) in attended where listener.slot == nil {
      loop.stopListening(on: index)
    }
  }

  /// `adopt` follows for the listeners of slots.
  mutating func cancelDrain() {
    if drain == nil { return }
    drain = nil
    loop.cancelTimer(on: drainTimer)
    attendShared()
    log.write(.notice, "drain cancelled") { $0.add("connections", connections.count) }
  }

  /// Closes whom it is time for, and ends when nobody is left.
  mutating func goOnDraining() {
    while let token = drain?.next(at: loop.now) { sendAway(token) }
    flushChannels()
    if connections.count == 0 && attended.isEmpty { drained() }
  }

  private mutating func sendAway(_ token: Token) {
    let slot = Int(token.slot)
    guard connections.contains(slot), connections[slot].token == token, let drain else { return }
    if let http = connections[slot].http {
      // A request that is under way is answered, and told that it is the last. So is the
      // first one, which is as good as under way: its client would not know why it got none.
      if http.isBetweenRequests && http.requests > 0 {
        connections[slot].end.begins(by: .server)
        finish(token, lingers: false)
      }
    } else {
      close(token, .serviceRestart, reason: drain.closeReason)
    }
  }

  private mutating func drained() {
    control.send(.drained(figures))
    isStopped = true
  }

  /// The deadline has passed, or somebody doesn't want to wait.
  mutating func closeAllNow() {
    log.write(.notice, "closing all connections now") {
      $0.add("connections", connections.count)
    }
    // Those that end now have not ended by themselves.
    drain = nil
    for slot in connections.slots() {
      let token = connections[slot].token
      drainForced += 1
      drainDiscardedBytes += UInt64(loop.queuedBytes(on: token))
      count(.forced, on: token)
      disconnect(token)
    }
    drained()
  }
}
