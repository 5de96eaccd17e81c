import HTTPCore
import SystemIO
import TLS
import TestCertificates
import Testing
import WebSocketClient
import WebSocketCore

@Suite("Clients: TLS", .timeLimit(.minutes(5)))
struct ClientTLSTests {
  let folder = Folder()
  let trusting: TLSClientContext
  let server: TLSServerContext

  init() throws {
    let authority = Identity("CA", isAuthority: true)
    let identity = Identity("chat", names: ["chat.example"], issuer: authority)
    let files = TLSConfiguration.CertificateFiles(
      chainFile: folder.write("chat.pem", identity.certificatePEM + identity.keyPEM))
    server = try TLSServerContext(TLSConfiguration(certificates: [files]))
    var configuration = TLSClientConfiguration()
    configuration.trust = .file(folder.write("ca.pem", authority.certificatePEM))
    trusting = try TLSClientContext(configuration)
  }

  /// A connection that is opened over TLS.
  private func open(
    _ play: inout Play, byteByByte: Bool = false, andReceive bytes: [UInt8] = []
  ) throws -> (Token, TLSPeer) {
    let token = try play.connect()
    let count = play.server.peers.count
    try play.run(until: "a connection") { $0.server.peers.count > count }
    let peer = TLSPeer(play.server.peers[count], server)
    try play.run(until: "a request") { play in
      try peer.exchange(byteByByte: byteByByte)
      guard let (consumed, upgrade) = peer.upgrade() else { return false }
      peer.plaintext.removeFirst(consumed)
      try peer.send(ServerHandshake.accept(upgrade, subprotocol: nil) + bytes)
      return true
    }
    try play.run(until: "opened") {
      try peer.exchange(byteByByte: byteByByte)
      return $0.recorder.events(of: token).contains(.opened)
    }
    return (token, peer)
  }

  @Test func `Messages both ways`() throws {
    var play = try Play(tls: trusting)
    let (token, peer) = try open(&play, andReceive: Wire.text("with the answer"))
    #expect(play.recorder.openings.first?.tls?.hasPrefix("TLSv1.3, TLS_") == true)
    let large = pattern(3 << 20)
    play.clients.send(.binary, large.span, on: token)
    play.send("small", on: token)
    try play.run(until: "the messages") { _ in
      try peer.exchange()
      return peer.plaintext.count == large.count + 14 + 11
    }
    #expect(peer.frames() == [.message(.binary, large), .text("small")])
    try peer.send(Wire.binary(large) + Wire.ping("p"))
    try play.run(until: "the echo") { $0.recorder.events(of: token).contains(.pinged("p")) }
    #expect(
      play.recorder.events(of: token).filter { $0 != .drained } == [
        .opened, .text("with the answer"), .message(.binary, large), .pinged("p"),
      ])
  }

  @Test func `Byte by byte`() throws {
    var play = try Play(tls: trusting)
    let (token, peer) = try open(&play, byteByByte: true)
    try peer.send(Wire.text("hello") + Wire.close(1001))
    try play.run(until: "the answer") { _ in
      try peer.exchange(byteByByte: true)
      return peer.frames() == [.close(1001, "")]
    }
    peer.shutdown()
    try play.run(until: "the end") { _ in
      try peer.exchange(byteByByte: true)
      return peer.peer.end != nil
    }
    #expect(
      play.recorder.events(of: token) == [
        .opened, .text("hello"), .ended("closed by the server: 1001 going away"),
      ])
  }

  enum LastWord: CaseIterable {
    case closeNotify, fin, reset
  }

  @Test(arguments: LastWord.allCases, [false, true])
  func `The end`(lastWord: LastWord, isClosed: Bool) throws {
    var play = try Play(tls: trusting)
    let (token, peer) = try open(&play)
    if isClosed {
      try peer.send(Wire.close(1000))
      try play.run(until: "the answer") { _ in
        try peer.exchange()
        return peer.frames() == [.close(1000, "")]
      }
    }
    switch lastWord {
    case .closeNotify: peer.shutdown()
    case .fin: peer.peer.shutdownWrite()
    case .reset: peer.peer.reset()
    }
    let end = try play.end(of: token)
    if isClosed {
      #expect(end == "closed by the server: 1000 normal closure")
    } else if lastWord == .reset {
      #expect(end == "connection lost: Connection reset by peer")
    } else {
      #expect(end == "the server ended the connection without a close frame")
    }
  }

  @Test func `Closed by us, with close_notify after a violation`() throws {
    var play = try Play(tls: trusting)
    let (token, peer) = try open(&play)
    try peer.send([0xFF, 0])
    try play.run(until: "close_notify and FIN") { _ in
      try peer.exchange()
      return peer.isClosedByClient && peer.peer.end == .fin
    }
    #expect(peer.frames().count == 1)
    peer.shutdown()
    #expect(try play.end(of: token).hasSuffix("(closed with 1002)"))

    let (closed, closedPeer) = try open(&play)
    play.clients.close(closed, .normalClosure, reason: "bye")
    try play.run(until: "the close frame") { _ in
      try closedPeer.exchange()
      return closedPeer.frames() == [.close(1000, "bye")]
    }
    try closedPeer.send(Wire.close(1000))
    closedPeer.shutdown()
    #expect(try play.end(of: closed) == "closed by us")
  }

  @Test(arguments: [
    ("other.example", "TLS: certificate of the peer: hostname mismatch"),
    ("127.0.0.1", "TLS: certificate of the peer: IP address mismatch"),
  ])
  func `A server of another name`(host: String, description: String) throws {
    var play = try Play(tls: trusting)
    let token = try play.connect(play.target(host: host))
    #expect(try endOfHandshake(&play, token) == description)
  }

  @Test func `A server that is not trusted`() throws {
    var play = try Play(tls: try TLSClientContext(TLSClientConfiguration()))
    let token = try play.connect()
    let end = try endOfHandshake(&play, token)
    #expect(end.hasPrefix("TLS: certificate of the peer: "))
  }

  /// The server hears why: the alert comes before the end.
  private func endOfHandshake(_ play: inout Play, _ token: Token) throws -> String {
    try play.run(until: "a connection") { !$0.server.peers.isEmpty }
    let peer = TLSPeer(play.server.peers[0], server)
    var alert: TLSError? = nil
    try play.run(until: "an alert") { _ in
      do throws(TLSError) {
        try peer.exchange()
      } catch {
        alert = error
      }
      return alert != nil
    }
    guard case .peerAlert = alert else {
      Issue.record("\(alert as Any)")
      return ""
    }
    return try play.end(of: token)
  }

  @Test(
    arguments: [
      ("HTTP/1.1 400 Bad Request\r\n\r\n", "this port doesn't speak TLS"),
      ("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", "this port doesn't speak TLS"),
      ("\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}\u{28}", nil),
      ("", "the server closed the connection in the TLS handshake"),
    ] as [(String, String?)])
  func `A server that does not speak it`(answer: String, description: String?) throws {
    var play = try Play(tls: trusting)
    let token = try play.connect()
    try play.run(until: "a client hello") { $0.server.peers.first?.received.isEmpty == false }
    play.server.peers[0].send(Array(answer.utf8))
    play.server.peers[0].shutdownWrite()
    let end = try play.end(of: token)
    #expect(end == description ?? end && end.hasPrefix(description == nil ? "TLS: " : ""))
  }

  @Test func `A record that was tampered with`() throws {
    var play = try Play(tls: trusting)
    let (token, peer) = try open(&play)
    try peer.send(Wire.text("before"))
    peer.peer.send([0x17, 3, 3, 0, 20] + [UInt8](repeating: 7, count: 20))
    #expect(try play.end(of: token).hasPrefix("connection lost: TLS: bad record: "))
    #expect(play.recorder.events(of: token).contains(.text("before")))
  }

  @Test func `No handshake in time`() throws {
    var options = ClientOptions()
    options.openingMilliseconds = 100
    var play = try Play(options, tls: trusting)
    let token = try play.connect()
    #expect(try play.end(of: token) == "the server did not answer in time")
  }

  @Test func `Abandoned while its input is being decrypted`() throws {
    var play = try Play(tls: trusting)
    let target = try play.target()
    let address = play.server.address
    play.recorder.react = { told, token, clients in
      if told == .text("first") {
        clients.send("lost", on: token)
        clients.abandon(token)
        _ = clients.open(target, at: address)
      }
    }
    let (token, peer) = try open(&play)
    try peer.send(Wire.text("first") + Wire.text("second"))
    try play.run(until: "the end, and the next") { $0.server.peers.count == 2 }
    let next = TLSPeer(play.server.peers[1], server)
    try play.run(until: "a request") { _ in
      try next.exchange()
      return next.upgrade() != nil
    }
    #expect(play.recorder.events(of: token) == [.opened, .text("first")])
    #expect(peer.frames().isEmpty)
  }
}

/// The server's end of a connection over TLS.
final class TLSPeer {
  let peer: Peer
  /// What came, decrypted.
  var plaintext: [UInt8] = []
  private var session: TLSSession
  private let engine = TLSEngine()

  init(_ peer: Peer, _ context: TLSServerContext) {
    self.peer = peer
    session = context.makeSession(engine)
  }

  var isClosedByClient: Bool { session.isClosedByPeer }

  /// Decrypts what came, and answers it.
  func exchange(byteByByte: Bool = false) throws(TLSError) {
    let ciphertext = peer.take(peer.received.count)
    defer { sendOutput(byteByByte) }
    if ciphertext.isEmpty { return }
    var position = 0
    var failure: TLSError? = nil
    plaintext.append(
      addingCapacity: TLSSession.plaintextBytesMax(ciphertextBytes: ciphertext.count)
    ) { output in
      do throws(TLSError) {
        _ = try session.read(ciphertext.span, from: &position, into: &output)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  func send(_ bytes: [UInt8]) throws(TLSError) {
    try session.write(bytes.span)
    sendOutput(false)
  }

  /// Sends close_notify.
  func shutdown() {
    session.shutdown()
    sendOutput(false)
  }

  private func sendOutput(_ byteByByte: Bool) {
    if engine.outputBytes == 0 { return }
    var output: [UInt8] = []
    output.append(addingCapacity: engine.outputBytes) { engine.moveOutput(into: &$0) }
    if byteByByte {
      for byte in output { peer.send([byte]) }
    } else {
      peer.send(output)
    }
  }

  /// The request, once it has come whole, and its size.
  func upgrade() -> (consumed: Int, UpgradeRequest)? {
    var parser = RequestHeadParser(limits: HTTPLimits())
    let bytes = plaintext
    guard let (consumed, head) = try? parser.parse(bytes.span), let head,
      let upgrade = try? ServerHandshake.evaluate(head)
    else { return nil }
    return (consumed, upgrade)
  }

  func frames() -> [Frame] { Frame.read(plaintext) }
}
