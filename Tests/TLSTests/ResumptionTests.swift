import COpenSSL
import TLS
import TestCertificates
import Testing

@Suite struct ResumptionTests {
  let folder = Folder()
  let configuration: TLSConfiguration

  static let versions = [TLS1_2_VERSION, TLS1_3_VERSION]

  init() {
    configuration = folder.configuration(Identity("localhost", names: ["localhost"]))
  }

  /// Connects, and takes what the client would resume.
  private func connect(
    _ context: TLSServerContext, _ version: Int32, _ session: ClientSession? = nil,
    identity: Identity? = nil
  ) throws -> (resumed: Bool, session: ClientSession, server: Server) {
    let client = Client(
      .init(
        minimumVersion: version, maximumVersion: version, identity: identity, session: session))
    let server = Server(context)
    try exchange(client, server)
    client.write([1])
    try exchange(client, server)
    #expect(server.takeReceived() == [1])
    #expect(client.wasResumed == server.wasResumed)
    return (server.wasResumed, client.session, server)
  }

  @Test(arguments: versions)
  func `A client resumes, again and again`(version: Int32) throws {
    let context = try TLSServerContext(configuration)
    var (resumed, session, _) = try connect(context, version)
    #expect(!resumed && session.isResumable)
    for _ in 0..<3 {
      (resumed, session, _) = try connect(context, version, session)
      #expect(resumed && session.isResumable)
    }
  }

  @Test(arguments: versions)
  func `On another server with the same keys`(version: Int32) throws {
    let keys = [TicketKey.random()]
    let (_, session, _) = try connect(
      try TLSServerContext(configuration, ticketKeys: keys), version)
    let same = try TLSServerContext(configuration, ticketKeys: keys)
    #expect(try connect(same, version, session).resumed)
    let other = try TLSServerContext(configuration)
    #expect(try !connect(other, version, session).resumed)
  }

  @Test(arguments: versions)
  func `Keys are rotated`(version: Int32) throws {
    let (old, new, newest) = (TicketKey.random(), TicketKey.random(), TicketKey.random())
    let context = try TLSServerContext(configuration, ticketKeys: [old])
    let first = try connect(context, version).session

    context.setTicketKeys([new, old])
    let second = try connect(context, version, first)
    #expect(second.resumed, "the previous key still opens")

    context.setTicketKeys([newest, new])
    #expect(try !connect(context, version, first).resumed, "its key is gone")
    #expect(
      try connect(context, version, second.session).resumed,
      "the ticket was renewed with the key that was current")
  }

  @Test(arguments: versions)
  func `A damaged ticket is a full handshake`(version: Int32) throws {
    var bytes = [UInt8](repeating: 1, count: TicketKey.byteCount)
    let context = try TLSServerContext(configuration, ticketKeys: [TicketKey(bytes: bytes)])
    let session = try connect(context, version).session
    // The same name, another key.
    bytes[79] = 2
    context.setTicketKeys([TicketKey(bytes: bytes)])
    #expect(try !connect(context, version, session).resumed)
  }

  @Test(arguments: versions)
  func `Not where other authorities are trusted`(version: Int32) throws {
    let keys = [TicketKey.random()]
    let authorities = (0..<2).map { Identity("CA \($0)", isAuthority: true) }
    let files = authorities.map { folder.write("ca-\($0.name).pem", $0.certificatePEM) }
    let contexts = try files.map { file in
      var configuration = configuration
      configuration.clientCertificates = .required(caFile: file)
      return try TLSServerContext(configuration, ticketKeys: keys)
    }
    let identity = Identity("backend", issuer: authorities[0])
    let session = try connect(contexts[0], version, identity: identity).session
    let again = try connect(contexts[0], version, session, identity: identity)
    #expect(again.resumed)
    #expect(again.server.peerCertificateSubject == "CN=backend,O=Sluice")
    #expect(throws: TLSError.self) {
      try connect(contexts[1], version, session, identity: identity)
    }
  }

  @Test(arguments: versions)
  func `Not to avoid showing a certificate`(version: Int32) throws {
    let keys = [TicketKey.random()]
    let file = folder.write("ca.pem", Identity("CA", isAuthority: true).certificatePEM)
    var configuration = configuration
    configuration.clientCertificates = .requested(caFile: file)
    let requesting = try TLSServerContext(configuration, ticketKeys: keys)
    configuration.clientCertificates = .required(caFile: file)
    let requiring = try TLSServerContext(configuration, ticketKeys: keys)
    let session = try connect(requesting, version).session
    #expect(try connect(requesting, version, session).resumed)
    #expect(throws: TLSError.peerCertificate("none was sent")) {
      try connect(requiring, version, session)
    }
  }

  @Test(arguments: versions)
  func `A replaced context serves the sessions that it made`(version: Int32) throws {
    let keys = [TicketKey.random()]
    var context: TLSServerContext? = try TLSServerContext(configuration, ticketKeys: keys)
    let engine = TLSEngine()
    let options = Client.Options(
      minimumVersion: version, maximumVersion: version, serverName: "localhost")
    let (client, server) = (Client(options), Server(context!, engine: engine))
    try exchange(client, server)
    // Accepted, but nothing was said yet.
    let (lateClient, lateServer) = (Client(options), Server(context!, engine: engine))

    let renewed = folder.configuration(Identity("renewed", names: ["localhost"]))
    context = try TLSServerContext(renewed, ticketKeys: keys)
    let (newClient, newServer) = (Client(options), Server(context!, engine: engine))
    context = nil
    for (client, server) in [
      (client, server), (lateClient, lateServer), (newClient, newServer),
    ] {
      try exchange(client, server)
      client.write([5])
      try exchange(client, server)
      #expect(server.takeReceived() == [5])
      try server.write([6])
      try exchange(client, server)
      #expect(client.takeReceived() == [6])
    }
    #expect(client.serverCommonName == "localhost")
    #expect(lateClient.serverCommonName == "localhost")
    #expect(newClient.serverCommonName == "renewed")
  }
}
