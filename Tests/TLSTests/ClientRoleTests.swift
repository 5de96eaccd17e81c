import TLS
import TestCertificates
import Testing

/// Our own client against our own server.
@Suite struct ClientRoleTests {
  let folder = Folder()
  let authority = Identity("CA", isAuthority: true)
  let configuration: TLSClientConfiguration
  let server: TLSServerContext

  init() throws {
    let caFile = folder.write("ca.pem", authority.certificatePEM)
    let names = ["chat.example", "*.rooms.example", "IP:127.0.0.1", "IP:::1"]
    server = try TLSServerContext(
      folder.configuration(Identity("chat", names: names, issuer: authority)))
    var configuration = TLSClientConfiguration()
    configuration.trust = .file(caFile)
    configuration.applicationProtocol = "http/1.1"
    self.configuration = configuration
  }

  private func connect(
    _ configuration: TLSClientConfiguration, host: String, to context: TLSServerContext
  ) throws -> (client: Server, server: Server) {
    let engine = TLSEngine()
    let client = Server(
      session: try TLSClientContext(configuration).makeSession(engine, host: host), engine: engine)
    client.start()
    let server = Server(context)
    for _ in 0..<4 {
      try server.receive(client.takeOutput())
      try client.receive(server.takeOutput())
    }
    return (client, server)
  }

  @Test(arguments: ["chat.example", "CHAT.example", "a.rooms.example", "127.0.0.1", "::1"])
  func `A server that is trusted`(host: String) throws {
    let (client, server) = try connect(configuration, host: host, to: server)
    #expect(client.isHandshakeComplete && server.isHandshakeComplete)
    #expect(client.applicationProtocol == "http/1.1")
    #expect(client.peerCertificateSubject == "CN=chat,O=Sluice")
    #expect(server.serverName == (host.contains("example") ? host : nil))
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    try client.write(bytes)
    try server.receive(client.takeOutput())
    #expect(server.takeReceived() == bytes)
    try server.write(bytes)
    server.shutdown()
    try client.receive(server.takeOutput())
    #expect(client.takeReceived() == bytes)
    #expect(client.outcome == .closed)
  }

  @Test(arguments: [
    ("other.example", "hostname mismatch"), ("a.b.rooms.example", "hostname mismatch"),
    ("127.0.0.2", "IP address mismatch"),
  ])
  func `A server of another name`(host: String, reason: String) {
    #expect(throws: TLSError.peerCertificate(reason)) {
      try connect(configuration, host: host, to: server)
    }
  }

  @Test func `A server that is not trusted`() throws {
    let impostor = try TLSServerContext(
      folder.configuration(Identity("chat", names: ["chat.example"])))
    #expect(throws: TLSError.peerCertificate("self-signed certificate")) {
      try connect(configuration, host: "chat.example", to: impostor)
    }
    #expect(throws: TLSError.self) {
      try connect(TLSClientConfiguration(), host: "chat.example", to: server)
    }
  }

  @Test func `A server that speaks plain HTTP`() throws {
    let engine = TLSEngine()
    let client = Server(
      session: try TLSClientContext(configuration).makeSession(engine, host: "chat.example"),
      engine: engine)
    client.start()
    #expect(throws: TLSError.notTLS) {
      try client.receive(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
    }
  }

  @Test func `A client's own certificate`() throws {
    var asking = folder.configuration(Identity("chat", names: ["chat.example"], issuer: authority))
    asking.clientCertificates = .required(caFile: "\(folder.path)/ca.pem")
    var configuration = configuration
    configuration.certificate = folder.files(Identity("backend", issuer: authority))
    let (_, server) = try connect(
      configuration, host: "chat.example", to: try TLSServerContext(asking))
    #expect(server.peerCertificateSubject == "CN=backend,O=Sluice")
  }

  @Test func `Configuration errors`() {
    var configuration = configuration
    configuration.trust = .file("\(folder.path)/missing")
    #expect(throws: TLSConfigurationError.self) { try TLSClientContext(configuration) }
  }
}
