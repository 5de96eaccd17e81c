internal import SystemIO
internal import WebSocketClient
internal import WebSocketCore

// Connections are opened and closed in order. In a closed loop each one is followed by the
// next; with a rate they are opened as they are due, up to so many at a time.

extension LoadThread {
  private var isRunning: Bool { phase == .warmUp || phase == .measuring }

  private mutating func openNext(begun: UInt64, in clients: inout Clients) {
    let stream = plan.connections(ofThread: index).lowerBound + connectsBegun
    connectsBegun += 1
    _ = open(stream: stream, index: 0, begun: begun, in: &clients)
  }

  mutating func connectDue(in clients: inout Clients) {
    guard var pacer else {
      // A closed loop goes on by itself, once it has been begun.
      while table.count < tokens.count { openNext(begun: now, in: &clients) }
      return
    }
    while table.count < tokens.count {
      let due = pacer.takeDue(at: now, atMost: tokens.count - table.count)
      if due.isEmpty { break }
      for number in due { openNext(begun: pacer.intendedTime(of: number), in: &clients) }
    }
    self.pacer = pacer
  }

  /// The handshake is complete.
  mutating func connected(_ token: Token, in clients: inout Clients) {
    let begun = table[Int(token.slot)].begun
    if pacer != nil {
      recordPaced(begun)
    } else if phase == .measuring {
      latency.record(now - min(now, begun))
    }
    clients.close(token, .normalClosure)
  }

  /// The connection has ended, as it should or not.
  mutating func disconnected(
    _ connection: LoadConnection, wasOpen: Bool, in clients: inout Clients
  ) {
    if wasOpen { messages += 1 }
  }
}
