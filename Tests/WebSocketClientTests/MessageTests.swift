import HTTPCore
import SystemIO
import Testing
import WebSocketClient
import WebSocketCore

@Suite("Clients: messages", .timeLimit(.minutes(5)))
struct MessageTests {
  @Test(
    "to the server and back", arguments: [MessageKind.text, .binary],
    [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20])
  func bothWays(kind: MessageKind, count: Int) throws {
    let content = kind == .binary ? pattern(count) : [UInt8](repeating: 0x61, count: count)
    var play = try Play()
    let (token, peer) = try play.open()
    let sent = play.clients.send(kind, content.span, on: token)
    #expect(sent)
    let header = count < 126 ? 6 : count < 65_536 ? 8 : 14
    try play.run(until: "the message") { _ in peer.received.count == header + count }
    #expect(peer.frames() == [.message(kind, content)])
    peer.send(Wire.frame(kind == .text ? 1 : 2, content))
    try play.run(until: "its echo") { $0.recorder.log.last?.event == .message(kind, content) }
    // Whether the kernel takes the largest at once is its affair.
    let events = play.recorder.events(of: token).filter { $0 != .drained }
    #expect(events == [.opened, .message(kind, content)])
  }

  @Test func `Each frame has a masking key of its own`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    for _ in 0..<5000 { play.send("", on: token) }
    try play.run(until: "all frames") { _ in peer.received.count == 5000 * 6 }
    let keys = stride(from: 0, to: 30_000, by: 6).map { Array(peer.received[($0 + 2)..<($0 + 6)]) }
    // By chance, two may be the same.
    #expect(Set(keys).count > 4990)
  }

  @Test func `Nothing is sent that can't be`() throws {
    var play = try Play()
    let token = try play.connect()
    let payload: [UInt8] = [0x61]
    func sends(_ play: inout Play) -> [Bool] {
      [
        play.clients.send(.text, payload.span, on: token),
        play.clients.ping(payload.span, on: token),
      ]
    }
    #expect(sends(&play) == [false, false], "not yet connected")
    try play.run(until: "a request") { $0.server.peers.first?.received.isEmpty == false }
    #expect(sends(&play) == [false, false], "not yet opened")
    let peer = play.server.peers[0]
    #expect(peer.accept())
    try play.run(until: "opened") { $0.recorder.events(of: token) == [.opened] }
    #expect(sends(&play) == [true, true])
    play.clients.close(token, .goingAway)
    #expect(sends(&play) == [false, false], "being closed")
    #expect(
      try play.frames(3, at: peer) == [.text("a"), .ping([0x61]), .close(1001, "")])
    peer.send(Wire.close(1001))
    peer.close()
    #expect(try play.end(of: token) == "closed by us")
    #expect(sends(&play) == [false, false], "ended")
    let queued = play.clients.queuedBytes(on: token)
    #expect(queued == 0)
  }

  @Test func `Pings are answered with what they carry, and are told`() throws {
    let longest = String(repeating: "p", count: 125)
    var play = try Play()
    let (token, peer) = try play.open()
    peer.send(Wire.ping() + Wire.ping("one") + Wire.ping(longest) + Wire.pong("unasked"))
    #expect(try play.frames(3, at: peer) == [.pong(""), .pong("one"), .pong(longest)])
    play.clients.ping([1, 2].span, on: token)
    #expect(try play.frames(4, at: peer).last == .ping([1, 2]))
    peer.send(Wire.pong("\u{1}\u{2}"))
    try play.run(until: "the pong") { $0.recorder.log.count == 6 }
    #expect(
      play.recorder.events(of: token) == [
        .opened, .pinged(""), .pinged("one"), .pinged(longest), .ponged("unasked"),
        .ponged("\u{1}\u{2}"),
      ])
  }

  @Test func `No pong follows our close frame`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    play.clients.close(token, nil)
    #expect(try play.frames(1, at: peer) == [.close(nil, "")])
    peer.send(Wire.ping("late") + Wire.close(nil))
    peer.shutdownWrite()
    #expect(try play.end(of: token) == "closed by us")
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    #expect(peer.frames() == [.close(nil, "")])
    #expect(play.recorder.events(of: token).contains(.pinged("late")))
  }

  @Test func `Connections that are sent to by turns`() throws {
    var play = try Play()
    let (first, firstPeer) = try play.open()
    let (second, secondPeer) = try play.open()
    play.recorder.react = { event, _, clients in
      guard event == .text("go") else { return }
      for index in 0..<100 {
        clients.send("first \(index)", on: first)
        clients.send("second \(index)", on: second)
      }
    }
    firstPeer.send(Wire.text("go"))
    #expect(
      try play.frames(100, at: firstPeer) == (0..<100).map { Frame.text("first \($0)") })
    #expect(
      try play.frames(100, at: secondPeer) == (0..<100).map { Frame.text("second \($0)") })
  }

  @Test func `Many connections`() throws {
    var play = try Play()
    var tokens: [Token] = []
    let target = try play.target()
    for _ in 0..<300 { tokens.append(try play.connect(target)) }
    try play.run(until: "all requests") {
      $0.server.peers.count == 300 && $0.server.peers.allSatisfy { !$0.received.isEmpty }
    }
    for (index, peer) in play.server.peers.enumerated() {
      #expect(peer.accept(andSend: Wire.text("\(index)")))
    }
    play.recorder.react = { event, token, clients in
      if case .message(let kind, let payload) = event {
        clients.send(kind, payload.span, on: token)
      }
    }
    try play.run(until: "all echoes") { $0.server.peers.allSatisfy { $0.received.count >= 7 } }
    for (index, peer) in play.server.peers.enumerated() {
      #expect(peer.frames() == [.text("\(index)")])
    }
    for token in tokens { play.clients.close(token, .goingAway) }
    for peer in play.server.peers {
      peer.send(Wire.close(1001))
      peer.shutdownWrite()
    }
    try play.run(until: "all ends") { $0.clients.count == 0 }
    for token in tokens { #expect(play.recorder.events(of: token).last == .ended("closed by us")) }
  }
}

@Suite("Clients: queues", .timeLimit(.minutes(5)))
struct QueueTests {
  @Test func `What the server does not take is queued, and drained`() throws {
    let size = 3 << 20
    let payload = pattern(size)
    var play = try Play()
    let (token, peer) = try play.open()
    peer.isReading = false
    var sent = 0
    while play.clients.queuedBytes(on: token) < 8 << 20 {
      play.clients.send(.binary, payload.span, on: token)
      sent += 1
    }
    #expect(sent > 2)
    play.clients.send(.text, [0x61].span, on: token)
    // Much is queued here; the server still gets through.
    peer.send(Wire.text("meanwhile"))
    try play.run(until: "a message") { $0.recorder.log.count == 2 }
    #expect(play.recorder.events(of: token) == [.opened, .text("meanwhile")])
    peer.isReading = true
    try play.run(until: "all") { _ in peer.received.count == sent * (14 + size) + 7 }
    try play.run(until: "drained") { $0.recorder.events(of: token).last == .drained }
    let queued = play.clients.queuedBytes(on: token)
    #expect(queued == 0)
    #expect(play.recorder.log.count == 3)
    let expected = [Frame](repeating: .message(.binary, payload), count: sent)
    #expect(peer.frames() == expected + [.text("a")])
  }

  /// Whoever stops above ``Clients/gatheredBytesMax`` is told to go on.
  @Test func `Sending as much as is taken`() throws {
    let payload = [UInt8](repeating: 0, count: 1000)
    var play = try Play()
    let (token, peer) = try play.open()
    var left = 30_000
    func fill(_ clients: inout Clients) {
      while left > 0 && clients.queuedBytes(on: token) <= Clients.gatheredBytesMax {
        clients.send(.binary, payload.span, on: token)
        left -= 1
      }
    }
    play.recorder.react = { event, _, clients in if event == .drained { fill(&clients) } }
    fill(&play.clients)
    try play.run(until: "all") { _ in peer.received.count == 30_000 * 1008 }
  }

  @Test func `A server that pings and does not read costs no memory`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    peer.isReading = false
    // More than the kernel takes.
    let large = [UInt8](repeating: 0, count: 12 << 20)
    play.clients.send(.binary, large.span, on: token)
    let before = play.clients.queuedBytes(on: token)
    #expect(before > 0)
    let filler = String(repeating: "p", count: 120)
    for index in 0..<2000 { peer.send(Wire.ping("\(filler)\(index)")) }
    try play.run(until: "the last ping") {
      peer.hasSentAll && $0.recorder.log.last?.event == .pinged(filler + "1999")
    }
    let queued = play.clients.queuedBytes(on: token)
    #expect(queued < before + 64 * 1024, "\(queued) bytes are queued")
    // Once there is room, the last ping is answered too.
    peer.isReading = true
    try play.run(until: "the large message") { _ in peer.received.count >= large.count + 14 }
    _ = peer.take(large.count + 14)
    try play.run(until: "the answer to the last ping") { _ in
      peer.frames().last == .pong(filler + "1999")
    }
    let pongs = peer.frames()
    #expect(pongs.count < 200)
    #expect(pongs.prefix(3) == [.pong("\(filler)0"), .pong("\(filler)1"), .pong("\(filler)2")])
    try play.settle(peer)
  }

  @Test func `A request that the kernel does not take at once`() throws {
    var play = try Play()
    let target = try play.target {
      $0.headers.append("X-Large", String(repeating: "x", count: 7 << 20))
    }
    let token = try play.connect(target)
    let peer = try play.acceptNext()
    try play.run(until: "opened") { !$0.recorder.events(of: token).isEmpty }
    try play.settle(peer)
    #expect(play.recorder.events(of: token) == [.opened, .pinged("settle")])
  }

  @Test func `Paused and resumed`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    let (other, otherPeer) = try play.open()
    play.clients.pauseReceiving(on: token)
    peer.send(Wire.text("held"))
    try play.settle(otherPeer)
    #expect(play.recorder.events(of: token) == [.opened])
    play.clients.resumeReceiving(on: token)
    try play.run(until: "the message") { $0.recorder.events(of: token).count == 2 }
    #expect(play.recorder.events(of: token) == [.opened, .text("held")])
    play.expectLive(other)
  }

  @Test func `Closing ends a pause`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    play.clients.pauseReceiving(on: token)
    peer.send(Wire.text("held") + Wire.close(1000))
    peer.shutdownWrite()
    play.clients.close(token, .normalClosure)
    #expect(try play.end(of: token) == "closed by us")
    #expect(play.recorder.events(of: token).dropLast() == [.opened, .text("held")])
  }
}
