import SystemIO
import Testing
import WebSocketClient
import WebSocketCore

@Suite("Clients: the closing handshake", .timeLimit(.minutes(5)))
struct ClosingTests {
  @Test(
    "by the server",
    arguments: [
      (nil, "", "closed by the server: no code"),
      (1000, "", "closed by the server: 1000 normal closure"),
      (1001, "bye", "closed by the server: 1001 going away, \"bye\""),
      (
        1012, "restart; retry=5-9",
        "closed by the server: 1012 service restart, \"restart; retry=5-9\""
      ),
      (4999, "", "closed by the server: 4999"),
      (1000, String(repeating: "ü", count: 61), nil),
    ] as [(UInt16?, String, String?)])
  func byServer(code: UInt16?, reason: String, description: String?) throws {
    var play = try Play()
    let (token, peer) = try play.open()
    peer.send(Wire.text("last words") + Wire.close(code, reason) + Wire.text("not heard"))
    #expect(try play.frames(1, at: peer) == [.close(code, "")])
    // The server is the one who ends the connection (RFC 6455 §7.1.1).
    let (_, other) = try play.open()
    try play.settle(other)
    #expect(peer.end == nil)
    play.expectLive(token)
    let sends = play.send("too late", on: token)
    #expect(!sends)
    peer.shutdownWrite()
    let end = try play.end(of: token)
    #expect(end == description ?? "closed by the server: 1000 normal closure, \"\(reason)\"")
    #expect(play.recorder.events(of: token).dropLast() == [.opened, .text("last words")])
    try play.run(until: "the socket's end") { _ in peer.end == .fin }
  }

  @Test(
    "by us",
    arguments: [
      (nil, "not sent", ""), (1000, "", ""), (1001, "bye", "bye"), (4000, "grüße", "grüße"),
      // 123 bytes, and no half of a character.
      (1000, String(repeating: "ü", count: 100), String(repeating: "ü", count: 61)),
    ] as [(UInt16?, String, String)])
  func byUs(code: UInt16?, reason: String, sent: String) throws {
    var play = try Play()
    let (token, peer) = try play.open()
    play.send("before", on: token)
    play.clients.close(token, code.map { CloseCode(rawValue: $0) }, reason: reason)
    play.clients.close(token, .internalError, reason: "the second wish")
    #expect(try play.frames(2, at: peer) == [.text("before"), .close(code, sent)])
    // What the server sends before its own close frame counts.
    peer.send(Wire.text("still") + Wire.close(code) + Wire.text("not heard"))
    try play.run(until: "the message") { $0.recorder.events(of: token).count == 2 }
    play.clients.close(token, .internalError)
    peer.shutdownWrite()
    #expect(try play.end(of: token) == "closed by us")
    #expect(play.recorder.events(of: token).prefix(2) == [.opened, .text("still")])
    try play.run(until: "the socket's end") { _ in peer.end == .fin }
    #expect(peer.frames() == [.text("before"), .close(code, sent)])
  }

  @Test func `What the answer has is kept`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    var end: ClientEnd? = nil
    struct Ends: ClientHandler {
      var end: ClientEnd?
      mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
        self.end = end
      }
      func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients) {}
    }
    play.clients.close(token, .normalClosure)
    peer.send(Wire.close(3000, "as you like"))
    peer.shutdownWrite()
    var ends = Ends()
    while end == nil {
      play.clients.wait(atMost: 1_000_000)
      play.clients.handleCompletions(&ends)
      end = ends.end
    }
    guard case .closed(let code, let reason, let byPeer) = end else {
      Issue.record("\(end as Any)")
      return
    }
    #expect(code?.rawValue == 3000 && reason == "as you like" && !byPeer)
  }

  @Test func `Deadlines`() throws {
    var options = ClientOptions()
    options.closingMilliseconds = 100
    var play = try Play(options)
    // No answer to our close frame, though the server goes on sending.
    let (silent, silentPeer) = try play.open()
    play.clients.close(silent, .normalClosure)
    silentPeer.send(Wire.text("not yet"))
    #expect(try play.end(of: silent) == "the server did not answer our close frame in time")
    #expect(play.recorder.events(of: silent).contains(.text("not yet")))
    // Answered, but no FIN.
    let (halfway, halfwayPeer) = try play.open()
    play.clients.close(halfway, .normalClosure)
    halfwayPeer.send(Wire.close(1000))
    #expect(try play.end(of: halfway) == "closed by us")
    // Closed by the server, but no FIN.
    let (closed, closedPeer) = try play.open()
    closedPeer.send(Wire.close(1000))
    #expect(try play.end(of: closed) == "closed by the server: 1000 normal closure")
    // Failed, and the server takes no notice.
    let (failed, failedPeer) = try play.open()
    failedPeer.send([0xFF, 0])
    try play.run(until: "FIN") { _ in failedPeer.end == .fin }
    failedPeer.send(Wire.text("anything"))
    #expect(try play.end(of: failed).hasPrefix("the server broke the protocol: "))
    for peer in [silentPeer, halfwayPeer, closedPeer] {
      try play.run(until: "the socket's end") { _ in peer.end != nil }
    }
  }

  @Test func `Closing what is not open yet abandons it`() throws {
    var play = try Play()
    let connecting = try play.connect()
    play.clients.close(connecting, .normalClosure)
    play.expectLive(connecting, false)
    let opening = try play.connect()
    try play.run(until: "a request") { $0.server.peers.last?.received.isEmpty == false }
    let peer = play.server.peers.last!
    play.clients.close(opening, .normalClosure)
    play.expectLive(opening, false)
    try play.run(until: "the socket's end") { _ in peer.end != nil }
    _ = try play.open()
    #expect(play.recorder.log.map(\.event) == [.opened])
  }
}

@Suite("Clients: servers that break the protocol", .timeLimit(.minutes(5)))
struct ViolationTests {
  static let limits = MessageLimits(messageBytesMax: 1000, fragmentsMax: 2)

  @Test(
    arguments: [
      ([0xC1, 0], .reservedBits),
      ([0x83, 0], .reservedOpcode),
      ([0x81, 0x81, 1, 2, 3, 4, 5], .maskedFrame),
      ([0x09, 0], .fragmentedControlFrame),
      ([0x89, 126, 0, 126], .oversizedControlFrame),
      ([0x82, 126, 0, 125], .nonMinimalLength),
      ([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthOutOfRange),
      (Wire.continuation([], isFinal: true), .continuationWithoutMessage),
      (Wire.text("a", isFinal: false) + Wire.text("b"), .messageWithinMessage),
      ([0x88, 1, 3], .truncatedCloseCode),
      (Wire.close(1005), .invalidCloseCode),
      (Wire.close(999), .invalidCloseCode),
      ([0x88, 3, 3, 0xE8, 0xFF], .invalidUTF8),
      ([0x81, 1, 0xFF], .invalidUTF8),
      ([0x81, 5, 0x61, 0xFF], .invalidUTF8),
      (Wire.binary(pattern(1001)), .messageTooBig),
      ([0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .messageTooBig),
      (
        Wire.text("a", isFinal: false) + Wire.continuation([], isFinal: false)
          + Wire.continuation([], isFinal: true), .tooManyFragments
      ),
    ] as [([UInt8], ProtocolViolation)])
  func violations(bytes: [UInt8], violation: ProtocolViolation) throws {
    var options = ClientOptions()
    options.messageLimits = Self.limits
    var play = try Play(options)
    let (token, peer) = try play.open(andReceive: Wire.ping("first") + bytes + Wire.text("more"))
    try play.run(until: "FIN") { _ in peer.end != nil }
    #expect(
      peer.frames() == [
        .pong("first"), .close(violation.closeCode.rawValue, violation.reason),
      ])
    #expect(peer.end == .fin)
    play.expectLive(token)  // the server's FIN is awaited
    peer.send(Wire.text("dropped") + Wire.close(1000))
    peer.shutdownWrite()
    let isLimit = violation == .messageTooBig || violation == .tooManyFragments
    #expect(
      try play.end(of: token)
        == (isLimit ? "over our limit" : "the server broke the protocol")
        + ": \(violation.reason) (closed with \(violation.closeCode.rawValue))")
    #expect(play.recorder.events(of: token).dropLast() == [.opened, .pinged("first")])
  }

  @Test func `After our own close frame there is no second one`() throws {
    var play = try Play()
    let (token, peer) = try play.open()
    play.clients.close(token, .normalClosure)
    peer.send([0xFF, 0])
    try play.run(until: "FIN") { _ in peer.end != nil }
    #expect(peer.frames() == [.close(1000, "")])
    peer.close()
    #expect(try play.end(of: token).hasSuffix("(closed with 1002)"))
  }

  @Test func `The largest message that is taken`() throws {
    var options = ClientOptions()
    options.messageLimits = Self.limits
    var play = try Play(options)
    let (token, peer) = try play.open()
    peer.send(Wire.binary(pattern(1000)))
    peer.send(Wire.text("a", isFinal: false) + Wire.continuation([0x62], isFinal: true))
    try play.settle(peer)
    #expect(
      play.recorder.events(of: token) == [
        .opened, .message(.binary, pattern(1000)), .text("ab"), .pinged("settle"),
      ])
  }
}
