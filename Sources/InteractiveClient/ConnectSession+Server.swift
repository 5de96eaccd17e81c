package import SystemIO
package import WebSocketClient
package import WebSocketCore

// What comes from the server.

extension ConnectSession: ClientHandler {
  package mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    if screen.outputEnd != nil { return }
    screen.show(kind, payload)
    // What the server has still to say before its close frame is worth the wait, as long
    // as it comes.
    if leaving == .closed { clients.postponeCloseDeadline(of: token) }
    if screen.queuedBytes > Self.queuedBytesMax {
      isHeld = true
      clients.pauseReceiving(on: token)
    }
    if screen.isTerminal { checkOutput(in: &clients) }
  }

  package mutating func woken(in clients: inout Clients) {
    goOnWithLookup(in: &clients)
    checkOutput(in: &clients)
  }

  private mutating func checkOutput(in clients: inout Clients) {
    switch screen.outputEnd {
    case nil:
      break
    case .closed:
      // Nobody reads any more, as behind `head -1`: that is no failure of ours.
      if status == nil && leaving == nil { leave(.closed, in: &clients) }
    case .failed(let error):
      if status == nil && leaving != .failed {
        screen.complain("standard output: \(error.reason)")
        leave(.failed, in: &clients)
      }
    }
    if isHeld, let token = openToken,
      screen.queuedBytes <= Self.queuedBytesMax / 2 || screen.outputEnd != nil
    {
      isHeld = false
      clients.resumeReceiving(on: token)
    }
  }
}

// MARK: - Pings

extension ConnectSession {
  mutating func schedulePing(in clients: inout Clients) {
    if let interval = options.pingMilliseconds { clients.setTimer(pingTimer, after: interval) }
  }

  /// One that is not answered until the next is due, and nothing else has come: the
  /// connection is dead.
  mutating func ping(in clients: inout Clients) {
    guard let token = openToken else { return }
    if let ping = pingUnderWay {
      if ping.receives == clients.receives && !isHeld {
        clients.abandon(token)
        ended(
          "connection lost: no pong within \(options.pingMilliseconds ?? 0) ms", remedy: nil,
          .retry(nil), .broken, in: &clients)
        return
      }
      // The pong is behind what comes now.
      pingUnderWay?.receives = clients.receives
    } else if clients.ping([UInt8]().span, on: token) {
      pingUnderWay = (MonotonicClock.nanoseconds(), clients.receives)
    }
    schedulePing(in: &clients)
  }

  package mutating func ponged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {
    var time = ""
    if let ping = pingUnderWay.take() {
      let microseconds = (MonotonicClock.nanoseconds() - ping.sentAt) / 1000
      time = " after \(microseconds / 1000).\(microseconds % 1000 / 100) ms"
    }
    if isTalkative { screen.tell("pong\(Self.quoted(payload))\(time)") }
  }

  package mutating func pinged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {
    if isTalkative { screen.tell("ping\(Self.quoted(payload)), answered") }
  }

  private static func quoted(_ payload: [UInt8]) -> String {
    payload.isEmpty ? "" : " \"\(String(decoding: payload, as: UTF8.self))\""
  }
}
