import SystemIO
import Testing
import WebSocketClient
import WebSocketCore

/// What a handler does within its calls.
@Suite("Clients: within callbacks", .timeLimit(.minutes(5)))
struct CallbackTests {
  /// In one piece of input: everything that is told of it.
  static let burst =
    Wire.text("message") + Wire.text("frag", isFinal: false) + Wire.ping("ping")
    + Wire.continuation(Array("mented".utf8), isFinal: true) + Wire.pong("pong")
    + Wire.close(1000)
  static let events: [Event] = [
    .opened, .text("message"), .pinged("ping"), .text("fragmented"), .ponged("pong"),
  ]

  @Test(arguments: events)
  func `Abandoned`(at event: Event) throws {
    var play = try Play()
    play.recorder.react = { told, token, clients in
      clients.send("gathered, and lost", on: token)
      if told == event { clients.abandon(token) }
    }
    let token = try play.connect()
    let peer = try play.acceptNext(andSend: Self.burst)
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    let count = Self.events.firstIndex(of: event)! + 1
    #expect(play.recorder.events(of: token) == Array(Self.events.prefix(count)))
    play.expectLive(token, false)
    #expect(peer.frames().isEmpty)
    try expectUsable(&play)
  }

  /// Its slot is taken by another connection while its input is being gone through.
  @Test(arguments: events)
  func `Abandoned, and another one opened`(at event: Event) throws {
    var play = try Play()
    let target = try play.target()
    let address = play.server.address
    var next: Token? = nil
    play.recorder.react = { told, token, clients in
      if told == event && next == nil {
        clients.abandon(token)
        next = clients.open(target, at: address)
        #expect(next?.slot == token.slot)
      }
    }
    let token = try play.connect()
    _ = try play.acceptNext(andSend: Self.burst)
    let peer = try play.acceptNext()
    try play.settle(peer)
    #expect(play.recorder.events(of: next!) == [.opened, .pinged("settle")])
    #expect(play.recorder.events(of: token).last == event)
    try expectUsable(&play)
  }

  @Test(arguments: events)
  func `Closed`(at event: Event) throws {
    var play = try Play()
    play.recorder.react = { told, token, clients in
      if told == event { clients.close(token, .goingAway) }
    }
    let token = try play.connect()
    let peer = try play.acceptNext(andSend: Self.burst)
    peer.shutdownWrite()
    #expect(try play.end(of: token) == "closed by us")
    // The rest counts, up to the server's own close frame.
    #expect(play.recorder.events(of: token).dropLast() == Self.events[...])
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    let pongs = event == .opened || event == .text("message") ? [] : [Frame.pong("ping")]
    #expect(peer.frames() == pongs + [.close(1001, "")])
  }

  @Test(arguments: events)
  func `Another connection abandoned`(at event: Event) throws {
    var play = try Play()
    let (other, otherPeer) = try play.open()
    play.recorder.react = { told, token, clients in
      guard token != other else { return }
      clients.send("to the other", on: other)
      clients.send("to this", on: token)
      if told == event { clients.abandon(other) }
    }
    let token = try play.connect()
    let peer = try play.acceptNext(andSend: Self.burst)
    peer.shutdownWrite()
    _ = try play.end(of: token)
    try play.run(until: "the other's end") { _ in otherPeer.end != nil }
    #expect(play.recorder.events(of: token).dropLast() == Self.events[...])
    #expect(play.recorder.events(of: other) == [.opened])
    let messages = peer.frames().filter { $0 == .text("to this") }
    #expect(messages.count == Self.events.count)
  }

  @Test func `Abandoned when drained`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    play.recorder.react = { told, token, clients in
      if told == .drained { clients.abandon(token) }
    }
    peer.isReading = false
    let large = [UInt8](repeating: 0, count: 12 << 20)
    play.clients.send(.binary, large.span, on: token)
    peer.isReading = true
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    #expect(play.recorder.events(of: token) == [.opened, .drained])
    #expect(peer.received.count == large.count + 14)
    try expectUsable(&play)
  }

  @Test func `Opened again at each end`() throws {
    var play = try Play()
    let target = try play.target()
    let address = play.server.address
    play.recorder.react = { told, _, clients in
      if told.isEnd { _ = clients.open(target, at: address) }
    }
    _ = try play.connect()
    for round in 0..<30 {
      try play.run(until: "a connection") { $0.server.peers.count == round + 1 }
      let peer = play.server.peers[round]
      switch round % 6 {
      case 0: peer.reset()
      case 1: peer.send(Array("HTTP/1.1 503 \r\n\r\n".utf8))
      case 2: peer.close()
      default:
        try play.run(until: "a request") { _ in
          peer.accept(andSend: round % 6 == 3 ? Wire.close(1012) : round % 6 == 4 ? [0xFF, 0] : [])
        }
        peer.close()
      }
    }
    let count = play.clients.count
    #expect(count <= 1)
    #expect(play.recorder.log.count(where: \.event.isEnd) >= 29)
  }

  @Test func `More opened from within one`() throws {
    var play = try Play()
    let target = try play.target()
    let address = play.server.address
    var opened: [Token] = []
    play.recorder.react = { told, _, clients in
      if told == .text("more") {
        for _ in 0..<100 { opened.append(clients.open(target, at: address)) }
      }
    }
    let (token, peer) = try play.open()
    peer.send(Wire.text("more") + Wire.text("behind"))
    try play.run(until: "the connections") { $0.server.peers.count == 101 }
    try play.run(until: "their requests") {
      $0.server.peers.dropFirst().allSatisfy { !$0.received.isEmpty }
    }
    for peer in play.server.peers.dropFirst() { #expect(peer.accept()) }
    try play.run(until: "all opened") {
      let log = $0.recorder
      return opened.allSatisfy { log.events(of: $0) == [.opened] }
    }
    #expect(play.recorder.events(of: token) == [.opened, .text("more"), .text("behind")])
  }

  @Test func `Timers and wakers`() throws {
    var play = try Play()
    let timer = play.clients.makeTimer()
    play.clients.setTimer(timer, after: 1)
    try play.run(until: "the timer") { $0.recorder.events(of: timer) == [.fired] }
    try play.clients.makeWaker().wake()
    try play.run(until: "woken") { $0.recorder.wakes == 1 }
  }

  /// What went before has left nothing behind.
  private func expectUsable(_ play: inout Play) throws {
    play.recorder.react = nil
    let (token, peer) = try play.open()
    try play.settle(peer)
    #expect(play.recorder.events(of: token) == [.opened, .pinged("settle")])
    #expect(peer.frames() == [.pong("settle")])
  }
}
