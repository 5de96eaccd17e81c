import COpenSSL
import TLS
import TestCertificates
import Testing

@Suite struct SelectionTests {
  let folder = Folder()
  let context: TLSServerContext

  init() throws {
    let identities = [
      Identity("default", names: ["default.example"]),
      Identity("chat", names: ["chat.example", "Talk.Example"]),
      Identity("wildcard", names: ["*.example", "*.chat.example"]),
      Identity("exact", names: ["exact.example", "chat.example"]),
      Identity("by-name.example"),
      Identity("not-by-name.example", names: ["other.example"]),
    ]
    context = try TLSServerContext(TLSConfiguration(certificates: identities.map(folder.files)))
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `The name selects the certificate`(version: Int32) throws {
    let expected: [(String?, String)] = [
      (nil, "default"),
      ("default.example", "default"),
      ("chat.example", "chat"),
      ("CHAT.example", "chat"),
      ("talk.example", "chat"),
      ("exact.example", "exact"),
      ("anything.example", "wildcard"),
      ("ANYTHING.EXAMPLE", "wildcard"),
      ("room.chat.example", "wildcard"),
      ("two.levels.example", "default"),
      ("a.room.chat.example", "default"),
      ("example", "default"),
      (".example", "default"),
      ("chat.example.", "default"),
      ("by-name.example", "by-name.example"),
      ("not-by-name.example", "wildcard"),
      ("other.example", "not-by-name.example"),
      ("elsewhere.test", "default"),
    ]
    for (name, certificate) in expected {
      let client = Client(
        .init(minimumVersion: version, maximumVersion: version, serverName: name))
      let server = Server(context)
      try exchange(client, server)
      #expect(client.serverCommonName == certificate, "\(name ?? "no name")")
      #expect(server.serverName == name)
      #expect(server.isHandshakeComplete)
    }
  }

  @Test func `A session is resumed under the name's certificate`() throws {
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      var options = Client.Options(
        minimumVersion: version, maximumVersion: version, serverName: "chat.example")
      for round in 0..<2 {
        let client = Client(options)
        let server = Server(context)
        try exchange(client, server)
        client.write([1])
        try exchange(client, server)
        #expect(server.wasResumed == (round == 1))
        #expect(client.serverCommonName == "chat")
        options.session = client.session
      }
    }
  }

  @Test func `Summaries`() {
    let summaries = context.summaries
    #expect(summaries.count == 6)
    #expect(summaries[1].names == ["chat.example", "talk.example"])
    #expect(summaries[1].subject == "CN=chat,O=Sluice")
    #expect(summaries[4].names == ["by-name.example"])
    #expect(summaries[5].names == ["other.example"])
    #expect(summaries[0].notAfter - summaries[0].notBefore == 2 * 86_400)
    #expect(context.warnings(atUnixSeconds: summaries[0].notAfter - 10).isEmpty)
  }

  static let offers: [(offered: [String], selected: String?)] = [
    ([], nil),
    (["http/1.1"], "http/1.1"),
    (["h2", "http/1.1"], "http/1.1"),
    (["http/1.1", "h2"], "http/1.1"),
  ]

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], offers)
  func `The application protocol`(
    version: Int32, offer: (offered: [String], selected: String?)
  ) throws {
    let server = Server(context)
    try exchange(
      Client(
        .init(minimumVersion: version, maximumVersion: version, protocols: offer.offered)), server)
    #expect(server.applicationProtocol == offer.selected)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [["h2"], ["http/1.0", "h3"], ["http/1.11"]])
  func `No application protocol in common`(version: Int32, offered: [String]) throws {
    let client = Client(
      .init(
        minimumVersion: version, maximumVersion: version, protocols: offered,
        serverName: "chat.example"))
    let server = Server(context)
    #expect(throws: TLSError.noApplicationProtocol) { try exchange(client, server) }
    #expect(client.error?.contains("alert no application protocol") == true)
  }
}
