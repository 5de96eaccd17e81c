import COpenSSL
import TLS
import TestCertificates
import Testing

@Suite struct HostilePeerTests {
  let folder = Folder()
  let context: TLSServerContext

  init() throws {
    context = try TLSServerContext(
      folder.configuration(Identity("localhost", names: ["localhost"])))
  }

  private func connected(_ version: Int32) throws -> (Client, Server) {
    let client = Client(.init(minimumVersion: version, maximumVersion: version))
    let server = Server(context)
    try exchange(client, server)
    return (client, server)
  }

  @Test func `Renegotiation is refused`() throws {
    let (client, server) = try connected(TLS1_2_VERSION)
    client.renegotiate()
    try server.receive(client.takeOutput())
    #expect(server.isHandshakeComplete)
    try server.write([1])
    client.receive(server.takeOutput())
    #expect(client.error == "no renegotiation")
    // This client takes it badly.
    #expect(throws: TLSError.peerAlert(code: 40, "handshake failure")) {
      try exchange(client, server)
    }
  }

  @Test(arguments: [false, true])
  func `New keys, now and then`(asksForPeers: Bool) throws {
    let (client, server) = try connected(TLS1_3_VERSION)
    for round in 0..<200 {
      if round % 20 == 0 {
        client.write([UInt8](repeating: 1, count: 1_100_000))
        try exchange(client, server)
      }
      client.updateKey(asksForPeers: asksForPeers)
      client.write([UInt8(round)])
      try exchange(client, server)
      #expect(server.takeReceived().last == UInt8(round))
      try server.write([UInt8(round)])
      try exchange(client, server)
      #expect(client.takeReceived() == [UInt8(round)])
    }
  }

  @Test(arguments: Feeding.allCases, [false, true])
  func `A flood of new keys is refused`(feeding: Feeding, asksForPeers: Bool) throws {
    let (client, server) = try connected(TLS1_3_VERSION)
    for _ in 0..<TLSLimits.handshakeMessagesMax { client.updateKey(asksForPeers: asksForPeers) }
    try exchange(client, server, feeding)
    for _ in 0..<100 { client.updateKey(asksForPeers: asksForPeers) }
    #expect(throws: TLSError.tooManyHandshakeMessages) { try exchange(client, server, feeding) }
    #expect(client.isClosedByServer)
    #expect(throws: TLSError.notEstablished) { try server.receive([1]) }
    #expect(throws: TLSError.notEstablished) { try server.write([1]) }
  }

  @Test(arguments: ["GET / HTTP/1.1\r\n\r\n", "POST /", "CONNECT a:1", "OPTIONS *", "PRI * HTTP/2"])
  func `Plain HTTP is recognised, and left alone`(request: String) {
    for count in [1, 2, request.utf8.count] {
      let engine = TLSEngine()
      var session = context.makeSession(engine)
      var position = 0
      var plaintext: [UInt8] = []
      var failure: TLSError? = nil
      plaintext.append(addingCapacity: 100) { output in
        do throws(TLSError) {
          _ = try session.read(
            Array(request.utf8.prefix(count)).span, from: &position, into: &output)
        } catch {
          failure = error
        }
      }
      #expect(failure == .plainHTTP)
      #expect(position == 0 && plaintext.isEmpty && engine.outputBytes == 0)
    }
  }

  @Test(arguments: Feeding.allCases)
  func `Garbage`(feeding: Feeding) throws {
    let inputs: [[UInt8]] = [
      Array("hello, world, hello, world".utf8), [UInt8](repeating: 0, count: 64),
      [UInt8](repeating: 0xFF, count: 64), [0x16, 9, 9, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x16, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 100),
      [0x16, 3, 1, 0, 8, 1, 0, 0, 4, 1, 2, 3, 4],
      [0x80, 0x2E, 1, 3, 1] + [UInt8](repeating: 3, count: 60),
      [0x15, 3, 3, 0, 2, 2, 40], [0x17, 3, 3, 0, 2, 1, 1],
    ]
    for input in inputs {
      let server = Server(context)
      #expect(throws: TLSError.self, "\(input)") {
        for piece in feeding.pieces(of: input) { try server.receive(piece) }
      }
      #expect(!server.isHandshakeComplete && server.takeReceived().isEmpty)
      #expect(ERR_peek_error() == 0)
    }
    let server = Server(context)
    #expect(throws: TLSError.notTLS) { try server.receive(inputs[1]) }
    #expect(server.takeOutput().isEmpty)
  }

  @Test func `Random garbage ends in an error or waits for more`() {
    for _ in 0..<2_000 {
      let server = Server(context)
      var bytes = (0..<Int.random(in: 1...300)).map { _ in UInt8.random(in: 0...255) }
      let shape = Int.random(in: 0...3)
      if shape > 0 { bytes.replaceSubrange(0..<min(3, bytes.count), with: [0x16, 3, 1]) }
      try? server.receive(bytes)
      #expect(!server.isHandshakeComplete)
    }
  }

  @Test(arguments: Feeding.allCases)
  func `A handshake of any size is not taken`(feeding: Feeding) throws {
    let server = Server(context)
    // A ClientHello of 131,000 bytes.
    var message: [UInt8] = [1, 1, 0xFF, 0xB8] + [UInt8](repeating: 0, count: 131_000)
    #expect(throws: TLSError.handshakeTooLarge) {
      while !message.isEmpty {
        let part = message.prefix(16_384)
        message.removeFirst(part.count)
        let record = [0x16, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
        for piece in feeding.pieces(of: record) { try server.receive(piece) }
      }
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `A record with a flipped bit`(version: Int32) throws {
    for position in [0, 3, 5, 6, 20, 60] {
      let (client, server) = try connected(version)
      client.write([1])
      let good = client.takeOutput()
      client.write([UInt8](repeating: 2, count: 50))
      var bad = client.takeOutput()
      bad[position] ^= 0x10
      bad += [UInt8](repeating: 0, count: 20_000)  // whatever length it claims now
      var failure: TLSError? = nil
      do throws(TLSError) { try server.receive(good + bad) } catch { failure = error }
      guard case .record = failure else {
        Issue.record("position \(position): \(String(describing: failure))")
        continue
      }
      #expect(server.takeReceived() == [1], "what came before it counts")
      client.receive(server.takeOutput())
      #expect(client.error?.contains("alert") == true)
      #expect(ERR_peek_error() == 0)
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `A handshake with flipped bits`(version: Int32) throws {
    for _ in 0..<300 {
      let client = Client(.init(minimumVersion: version, maximumVersion: version))
      let server = Server(context)
      var bytes = client.takeOutput()
      bytes[Int.random(in: bytes.indices)] ^= 1 << UInt8.random(in: 0...7)
      do throws(TLSError) {
        try server.receive(bytes)
        client.receive(server.takeOutput())
        try exchange(client, server)
      } catch {
        #expect(!server.isHandshakeComplete)
      }
      #expect(ERR_peek_error() == 0)
    }
  }

  @Test func `The peer's alert is told`() throws {
    let (client, server) = try connected(TLS1_3_VERSION)
    try server.write([1])
    var bytes = server.takeOutput()
    bytes[bytes.count - 1] ^= 1
    client.receive(bytes)
    #expect(throws: TLSError.peerAlert(code: 20, "bad record mac")) {
      try exchange(client, server)
    }
  }

  @Test func `Empty records are not endless`() throws {
    let (client, server) = try connected(TLS1_2_VERSION)
    _ = client
    #expect(throws: TLSError.self) {
      for _ in 0..<100 { try server.receive([0x15, 3, 3, 0, 0]) }
    }
  }
}
