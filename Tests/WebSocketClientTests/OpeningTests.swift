import Glibc
import HTTPCore
import SystemIO
import TestCertificates
import Testing
import WebSocketClient
import WebSocketCore

@Suite("Clients: opening", .timeLimit(.minutes(5)))
struct OpeningTests {
  let folder = Folder()

  @Test func `The request, and what was agreed on`() throws {
    var play = try Play()
    let target = try play.target("/chat?room=1", host: "chat.example:8080") { request in
      request.subprotocols = ["a", "b"]
      request.headers = ["Authorization": "Bearer t"]
    }
    var keys: Set<String> = []
    for _ in 0..<3 {
      let token = try play.connect(target)
      let count = play.server.peers.count
      try play.run(until: "a connection") { $0.server.peers.count > count }
      let peer = play.server.peers[count]
      var request: String? = nil
      try play.run(until: "a request") { _ in
        guard let (text, upgrade) = peer.takeRequest() else { return false }
        request = text.replacing(upgrade.key, with: "KEY")
        keys.insert(upgrade.key)
        peer.send(ServerHandshake.accept(upgrade, subprotocol: "b"))
        return true
      }
      #expect(
        request == """
          GET /chat?room=1 HTTP/1.1\r
          Host: chat.example:8080\r
          Upgrade: websocket\r
          Connection: Upgrade\r
          Sec-WebSocket-Key: KEY\r
          Sec-WebSocket-Version: 13\r
          Sec-WebSocket-Protocol: a, b\r
          Authorization: Bearer t\r
          \r\n
          """)
      try play.run(until: "opened") { $0.recorder.events(of: token) == [.opened] }
      let opening = try #require(play.recorder.openings.last)
      #expect(opening.upgrade.subprotocol == "b")
      #expect(opening.head.status == .switchingProtocols)
      #expect(opening.tls == nil)
    }
    #expect(keys.count == 3, "each connection has a key of its own")
    let count = play.clients.count
    #expect(count == 3)
  }

  @Test func `Over a Unix socket`() throws {
    let path = "\(folder.path)/socket"
    var play = try Play(on: "unix:\(path)")
    let (token, peer) = try play.open(andReceive: Wire.text("hello"))
    try play.settle(peer)
    #expect(play.recorder.events(of: token).prefix(2) == [.opened, .text("hello")])
    play.send("to the server", on: token)
    #expect(try play.frames(2, at: peer).contains(.text("to the server")))
  }

  /// All kinds of frames, cut at each point: nothing is told differently or answered
  /// differently.
  @Test func `Cut anywhere`() throws {
    let frames =
      Wire.text("grüße") + Wire.text("fra", isFinal: false) + Wire.ping("between")
      + Wire.continuation(Array("gments".utf8), isFinal: true) + Wire.pong("unasked")
      + Wire.binary(pattern(130)) + Wire.close(1001, "bye")
    let expected: [Event] = [
      .opened, .text("grüße"), .pinged("between"), .text("fragments"), .ponged("unasked"),
      .message(.binary, pattern(130)), .ended("closed by the server: 1001 going away, \"bye\""),
    ]
    var play = try Play()
    for cut in 0...(129 + frames.count) {
      let token = try play.connect()
      let count = play.server.peers.count
      try play.run(until: "a connection") { $0.server.peers.count > count }
      let peer = play.server.peers[count]
      var answer: [UInt8] = []
      try play.run(until: "a request") { _ in
        guard let (_, upgrade) = peer.takeRequest() else { return false }
        answer = ServerHandshake.accept(upgrade, subprotocol: nil) + frames
        return true
      }
      #expect(answer.count == 129 + frames.count)
      let before = play.clients.receives
      // 0 stands for byte by byte, for one of them.
      let first = cut == 0 ? 1 : cut
      peer.send(Array(answer[..<first]))
      try play.run(until: "the first piece") { $0.clients.receives > before }
      if cut == 0 {
        for index in first..<answer.count {
          let before = play.clients.receives
          peer.send([answer[index]])
          try play.run(until: "a byte") { $0.clients.receives > before }
        }
      } else {
        peer.send(Array(answer[first...]))
      }
      let replies = try play.frames(2, at: peer)
      #expect(replies == [.pong("between"), .close(1001, "")], "cut at \(cut)")
      peer.close()
      _ = try play.end(of: token)
      #expect(play.recorder.events(of: token) == expected, "cut at \(cut)")
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 404 Not Found\r\n\r\n", "the server refused: 404 Not Found"),
    (
      "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nbody",
      "the server redirects (302 Found) to /b"
    ),
    (
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 \r\n\r\n",
      "the server wants authentication (401)"
    ),
    (
      "SSH-2.0-OpenSSH_9.2\r\n", "the server's answer is not usable HTTP: malformed status line"
    ),
    (
      "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
      "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket"
    ),
    (
      "HTTP/1.1 200 \r\nX: " + String(repeating: "x", count: 9000),
      "the server's answer is not usable HTTP: response head too long"
    ),
  ])
  func `Not opened`(answer: String, description: String) throws {
    var play = try Play()
    let token = try play.connect()
    try play.run(until: "a request") { $0.server.peers.first?.takeRequest() != nil }
    let peer = play.server.peers[0]
    peer.send(Array(answer.utf8))
    #expect(try play.end(of: token) == description)
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    #expect(play.recorder.events(of: token).count == 1)
  }

  @Test func `No one listens`() throws {
    var play = try Play()
    let address = try Listener(on: SocketAddress(parsing: "127.0.0.1:0")).address
    let target = try play.target()
    let refused = play.clients.open(target, at: address)
    let missing = play.clients.open(
      target, at: try SocketAddress(parsing: "unix:/nonexistent/socket"))
    let foreign = play.clients.open(
      target, at: play.server.address, from: try SocketAddress(parsing: "192.0.2.1:0"))
    // Nothing is told before `open` has returned.
    #expect(play.recorder.log.isEmpty)
    #expect(try play.end(of: refused) == "cannot connect: Connection refused")
    #expect(try play.end(of: missing) == "cannot connect: No such file or directory")
    #expect(try play.end(of: foreign) == "cannot connect: Cannot assign requested address")
    let count = play.clients.count
    #expect(count == 0)
  }

  @Test(arguments: ["", "HTTP/1.1 101 Switching", "HTTP/1.1 100 Continue\r\n\r\n"])
  func `The server does not answer in time`(answer: String) throws {
    var options = ClientOptions()
    options.openingMilliseconds = 100
    var play = try Play(options)
    let token = try play.connect()
    try play.run(until: "a connection") { !$0.server.peers.isEmpty }
    play.server.peers[0].send(Array(answer.utf8))
    #expect(try play.end(of: token) == "the server did not answer in time")
    try play.run(until: "the socket's end") { $0.server.peers[0].end != nil }
  }

  @Test func `The time begins when it is opened`() throws {
    var options = ClientOptions()
    options.openingMilliseconds = 2000
    var play = try Play(options)
    // As if the name had been looked up for longer than that.
    usleep(2_100_000)
    _ = try play.open()
  }

  @Test func `The time ends when it is opened`() throws {
    var options = ClientOptions()
    options.openingMilliseconds = 1000
    var play = try Play(options)
    let (token, peer) = try play.open()
    let timer = play.clients.makeTimer()
    play.clients.setTimer(timer, after: 1200)
    try play.run(until: "the timer") { $0.recorder.events(of: timer) == [.fired] }
    try play.settle(peer)
    play.expectLive(token)
  }
}

@Suite("Clients: FIN and RST", .timeLimit(.minutes(5)))
struct BreakTests {
  enum Stage: CaseIterable {
    case asked, interim, answering, open, withinFrame, withinMessage, closing, closedByServer,
      closedByUs, failed
  }

  @Test(arguments: Stage.allCases, [false, true])
  func atEachStage(stage: Stage, isReset: Bool) throws {
    var play = try Play()
    let token = try play.connect()
    try play.run(until: "a connection") { !$0.server.peers.isEmpty }
    let peer = play.server.peers[0]
    try lead(&play, token, peer, to: stage)
    if isReset { peer.reset() } else { peer.shutdownWrite() }
    let end = try play.end(of: token)
    #expect(end == Self.description(stage, isReset))
    if !isReset { try play.run(until: "the socket's end") { _ in peer.end != nil } }
  }

  private func lead(
    _ play: inout Play, _ token: Token, _ peer: Peer, to stage: Stage
  ) throws {
    func send(_ bytes: [UInt8]) throws {
      let before = play.clients.receives
      peer.send(bytes)
      try play.run(until: "input") { $0.clients.receives > before }
    }
    switch stage {
    case .asked, .interim, .answering:
      try play.run(until: "a request") { _ in peer.takeRequest() != nil }
      if stage == .interim { try send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
      if stage == .answering { try send(Array("HTTP/1.1 101 Swi".utf8)) }
      return
    default:
      try play.run(until: "a request") { _ in peer.accept() }
      try play.run(until: "opened") { $0.recorder.events(of: token) == [.opened] }
    }
    switch stage {
    case .asked, .interim, .answering, .open: break
    case .withinFrame: try send(Array(Wire.text("cut off").dropLast()))
    case .withinMessage: try send(Wire.text("cut off", isFinal: false))
    case .closing, .closedByUs:
      play.clients.close(token, .normalClosure)
      #expect(try play.frames(1, at: peer) == [.close(1000, "")])
      if stage == .closedByUs { try send(Wire.close(1000)) }
    case .closedByServer:
      try send(Wire.close(4000, "why"))
      #expect(try play.frames(1, at: peer) == [.close(4000, "")])
    case .failed:
      try send([0xFF])
      try send([0])
    }
  }

  private static func description(_ stage: Stage, _ isReset: Bool) -> String {
    switch stage {
    case .closedByServer: "closed by the server: 4000, \"why\""
    case .closedByUs: "closed by us"
    case .failed:
      "the server broke the protocol: reserved bit set without a negotiated extension "
        + "(closed with 1002)"
    case .asked where isReset, .interim where isReset:
      "connection lost without an answer: Connection reset by peer"
    case .answering where isReset:
      "connection lost in the middle of its answer: Connection reset by peer"
    case _ where isReset: "connection lost: Connection reset by peer"
    case .asked, .interim: "the server closed the connection without an answer"
    case .answering: "the server closed the connection in the middle of its answer"
    case .open, .withinFrame, .withinMessage, .closing:
      "the server ended the connection without a close frame"
    }
  }
}
