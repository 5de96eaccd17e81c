import COpenSSL
import TLS
import TestCertificates
import Testing

@Suite struct HandshakeTests {
  let folder = Folder()
  let context: TLSServerContext

  init() throws {
    let identity = Identity("localhost", names: ["localhost"])
    context = try TLSServerContext(folder.configuration(identity))
  }

  static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

  @Test(arguments: versions, Feeding.allCases)
  func `A handshake, and data both ways`(version: Int32, feeding: Feeding) throws {
    let client = Client(.init(minimumVersion: version, maximumVersion: version))
    let server = Server(context)
    try exchange(client, server, feeding)
    #expect(client.isHandshakeComplete && server.isHandshakeComplete)
    #expect(server.version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"))
    #expect(
      server.cipher.contains("AES_128_GCM") || server.cipher.contains("AES128-GCM"))
    #expect(!server.wasResumed)
    #expect(server.applicationProtocol == nil && server.serverName == nil)
    #expect(server.peerCertificateSubject == nil)
    for count in [1, 5, 16_383, 16_384, 16_385, 40_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      client.write(bytes)
      try exchange(client, server, feeding)
      #expect(server.takeReceived() == bytes)
      try server.write(bytes)
      try exchange(client, server, feeding)
      #expect(client.takeReceived() == bytes)
    }
  }

  @Test(arguments: versions, [Feeding.whole, .random])
  func `Large messages`(version: Int32, feeding: Feeding) throws {
    let client = Client(.init(minimumVersion: version, maximumVersion: version))
    let server = Server(context)
    try exchange(client, server, feeding)
    let bytes = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    client.write(bytes)
    try exchange(client, server, feeding)
    #expect(server.takeReceived() == bytes)
    try server.write(bytes)
    try exchange(client, server, feeding)
    #expect(client.takeReceived() == bytes)
  }

  @Test(arguments: [1, 100, 16_384])
  func `Plaintext in small portions`(room: Int) throws {
    let client = Client()
    let server = Server(context)
    try exchange(client, server)
    let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    client.write(bytes)
    try server.receive(client.takeOutput(), room: room)
    #expect(server.takeReceived() == bytes)
  }

  @Test func `The promised room takes a whole input`() throws {
    let client = Client()
    let server = Server(context)
    try exchange(client, server)
    client.write([UInt8](repeating: 7, count: 200_000))
    let bytes = client.takeOutput()
    let half = bytes.count / 2
    for part in [bytes[..<half], bytes[half...]] {
      let room = TLSSession.plaintextBytesMax(ciphertextBytes: part.count)
      try server.receive(Array(part), room: room)
      #expect(server.outcome == .needsInput && server.receiveCalls == 1)
    }
    #expect(server.takeReceived().count == 200_000)
  }

  @Test(arguments: versions)
  func `The client closes`(version: Int32) throws {
    let client = Client(.init(minimumVersion: version, maximumVersion: version))
    let server = Server(context)
    try exchange(client, server)
    #expect(!server.isClosedByPeer)
    client.write([1, 2, 3])
    client.shutdown()
    try exchange(client, server)
    #expect(server.outcome == .closed && server.isClosedByPeer)
    #expect(server.takeReceived() == [1, 2, 3])
    // Half closed: there may be an answer.
    try server.write([4])
    server.shutdown()
    client.receive(server.takeOutput())
    #expect(client.isClosedByServer)
  }

  @Test(arguments: versions)
  func `The server closes`(version: Int32) throws {
    let client = Client(.init(minimumVersion: version, maximumVersion: version))
    let server = Server(context)
    server.shutdown()
    #expect(server.takeOutput().isEmpty, "nothing can be said before the handshake")
    try exchange(client, server)
    server.shutdown()
    server.shutdown()
    #expect(throws: TLSError.notEstablished) { try server.write([1]) }
    client.write([9])
    try exchange(client, server)
    #expect(client.isClosedByServer)
    #expect(server.takeReceived() == [9], "the client may still have been writing")
  }

  @Test func `A stream that ends without close_notify is truncated`() throws {
    let client = Client()
    let server = Server(context)
    try exchange(client, server)
    client.write([1, 2, 3])
    try server.receive(client.takeOutput().dropLast())
    #expect(server.takeReceived().isEmpty)
    #expect(!server.isClosedByPeer)
  }

  @Test func `Nothing is written before the handshake`() throws {
    let server = Server(context)
    #expect(throws: TLSError.notEstablished) { try server.write([1]) }
    #expect(server.takeOutput().isEmpty)
  }

  @Test func `Sessions that share an engine do not disturb each other`() throws {
    let engine = TLSEngine()
    var pairs = (0..<8).map { index in
      let version = Self.versions[index % 2]
      return (
        Client(.init(minimumVersion: version, maximumVersion: version)),
        Server(context, engine: engine)
      )
    }
    // All are in the middle of their handshakes at once; some never finish.
    for round in 0..<4 {
      for (index, (client, server)) in pairs.enumerated() {
        for piece in client.takeOutput().chunks(of: 97 + index) { try server.receive(piece) }
        client.receive(server.takeOutput())
      }
      if round == 0 { pairs.removeSubrange(2..<5) }
    }
    for (index, (client, server)) in pairs.enumerated() {
      #expect(client.isHandshakeComplete && server.isHandshakeComplete)
      client.write([UInt8(index)])
      try exchange(client, server)
      #expect(server.takeReceived() == [UInt8(index)])
    }
  }

  @Test func `Output that was not taken is not mixed with another's`() async {
    await #expect(processExitsWith: .failure) {
      let context = try TLSClientContext(TLSClientConfiguration())
      let engine = TLSEngine()
      var first = context.makeSession(engine, host: "first.example")
      var second = context.makeSession(engine, host: "second.example")
      first.start()
      second.start()
    }
  }

  @Test func `Output of a session that is gone is gone`() throws {
    let context = try TLSClientContext(TLSClientConfiguration())
    let engine = TLSEngine()
    func startAndDrop() -> Int {
      var session = context.makeSession(engine, host: "first.example")
      session.start()
      return engine.outputBytes
    }
    #expect(startAndDrop() > 0)
    #expect(engine.outputBytes == 0)
  }

  @Test func `Weak offers are refused`() throws {
    let old = Client(.init(minimumVersion: TLS1_1_VERSION, maximumVersion: TLS1_1_VERSION))
    let first = Server(context)
    #expect(throws: TLSError.handshake("unsupported protocol")) { try exchange(old, first) }

    let weak = Client(.init(maximumVersion: TLS1_2_VERSION, ciphers: "ECDHE-ECDSA-AES128-SHA256"))
    let second = Server(context)
    #expect(throws: TLSError.handshake("no shared cipher")) { try exchange(weak, second) }
    #expect(weak.error?.contains("alert handshake failure") == true)
  }

  @Test func `Only TLS 1.3, where configured`() throws {
    var configuration = folder.configuration(Identity("localhost"))
    configuration.minimumVersion = .tls13
    let context = try TLSServerContext(configuration)
    let old = Client(.init(maximumVersion: TLS1_2_VERSION))
    #expect(throws: TLSError.handshake("unsupported protocol")) {
      try exchange(old, Server(context))
    }
    #expect(old.error?.contains("alert protocol version") == true)
    let new = Server(context)
    try exchange(Client(), new)
    #expect(new.version == "TLSv1.3")
  }
}

extension Array {
  func chunks(of count: Int) -> [[Element]] {
    stride(from: 0, to: self.count, by: count).map {
      Array(self[$0..<Swift.min($0 + count, self.count)])
    }
  }
}

extension Folder {
  func configuration(_ identity: Identity) -> TLSConfiguration {
    TLSConfiguration(certificates: [files(identity)])
  }

  /// Writes the chain and key into one file.
  func files(_ identity: Identity) -> TLSConfiguration.CertificateFiles {
    let name = "\(UInt64.random(in: 0 ... .max)).pem"
    return .init(chainFile: write(name, identity.certificatePEM + identity.keyPEM))
  }
}
