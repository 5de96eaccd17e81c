import HTTPCore
import Testing
import WebSocketCore

private let key = "dGhlIHNhbXBsZSBub25jZQ=="

/// A handshake request; `fields` replaces fields of the usual ones, or removes them (nil), or adds.
private func head(
  _ fields: KeyValuePairs<String, String?> = [:], line: String = "GET /chat HTTP/1.1"
) throws -> RequestHead {
  let usual = [
    ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13"),
  ]
  var text = line + "\r\n"
  for (name, value) in usual where !fields.contains(where: { $0.key == name }) {
    text += "\(name): \(value)\r\n"
  }
  for (name, value) in fields {
    if let value { text += "\(name): \(value)\r\n" }
  }
  let bytes = Array((text + "\r\n").utf8)
  var parser = RequestHeadParser(limits: HTTPLimits())
  return try #require(try parser.parse(bytes.span).head)
}

private func evaluate(
  _ fields: KeyValuePairs<String, String?> = [:], line: String = "GET /chat HTTP/1.1"
) throws -> UpgradeRequest? {
  try ServerHandshake.evaluate(try head(fields, line: line))
}

private func rejection(
  _ fields: KeyValuePairs<String, String?>, line: String = "GET /chat HTTP/1.1"
) throws -> HandshakeRejection? {
  #expect(throws: HandshakeRejection.self) { try evaluate(fields, line: line) }
  do {
    _ = try evaluate(fields, line: line)
    return nil
  } catch let error as HandshakeRejection {
    return error
  }
}

@Suite("RFC 6455 §4.2.1: reading the client's handshake")
struct ServerHandshakeTests {
  @Test func accepts() throws {
    let request = try #require(try evaluate(["Origin": "http://example.com"]))
    #expect(request.head.path == "/chat")
    #expect(request.version == .rfc6455)
    #expect(request.key == key)
    #expect(request.origin == "http://example.com")
    #expect(request.subprotocols.isEmpty)
    #expect(request.extensions.isEmpty)
  }

  @Test(arguments: [
    nil, "", "h2c", "websockets", "websocket/13", "web socket", "\"websocket\"", "h2c, HTTP/2.0",
  ])
  func anOrdinaryRequest(_ upgrade: String?) throws {
    #expect(try evaluate(["Upgrade": upgrade]) == nil)
  }

  @Test func upgradeIsIgnoredOnHTTP10() throws {
    #expect(try evaluate(line: "GET / HTTP/1.0") == nil)
  }

  @Test(arguments: ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", ", websocket ,"])
  func upgradeNames(_ upgrade: String) throws {
    #expect(try evaluate(["Upgrade": upgrade]) != nil)
  }

  @Test(arguments: ["Upgrade", "upgrade", "keep-alive, Upgrade", "close,UPGRADE"])
  func connection(_ connection: String) throws {
    #expect(try evaluate(["Connection": connection]) != nil)
  }

  @Test(arguments: [nil, "", "keep-alive", "Upgrades", "\"Upgrade\""])
  func noUpgradeInConnection(_ connection: String?) throws {
    #expect(try rejection(["Connection": connection])?.status == .badRequest)
  }

  @Test(arguments: ["POST", "HEAD", "PUT", "OPTIONS", "get"])
  func otherMethods(_ method: String) throws {
    let rejection = try rejection([:], line: "\(method) / HTTP/1.1")
    #expect(rejection?.status == .methodNotAllowed)
    #expect(rejection?.headers["Allow"] == "GET")
  }

  @Test func noBody() throws {
    #expect(try rejection(["Content-Length": "1"])?.status == .badRequest)
    #expect(try rejection(["Transfer-Encoding": "chunked"])?.status == .badRequest)
    #expect(try evaluate(["Content-Length": "0"]) != nil)
  }

  @Test(arguments: [
    nil, "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
    "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQA=", "dGhlIHNhbXBsZSBub25j",
    "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBs SBub25jZQ==", "SGVsbG8sIHdvcmxkIQ==",
    "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
  ])
  func invalidKeys(_ value: String?) throws {
    #expect(try rejection(["Sec-WebSocket-Key": value])?.status == .badRequest)
  }

  @Test func oneKeyOnly() throws {
    let fields: KeyValuePairs<String, String?> = [
      "Sec-WebSocket-Key": key, "sec-websocket-key": key,
    ]
    #expect(try rejection(fields)?.status == .badRequest)
  }
}

@Suite("RFC 6455 §4.4: versions")
struct HandshakeVersionTests {
  @Test func hybi8() throws {
    let request = try #require(
      try evaluate([
        "Sec-WebSocket-Version": "8", "Sec-WebSocket-Origin": "http://a", "Origin": "http://b",
      ]))
    #expect(request.version == .hybi8)
    #expect(request.origin == "http://a")
  }

  @Test func anOriginIsNotOverlooked() throws {
    let request = try evaluate(["Sec-WebSocket-Version": "8", "Origin": "http://b"])
    #expect(request?.origin == "http://b")
  }

  @Test func theOldFieldMeansNothingIn13() throws {
    #expect(try evaluate(["Sec-WebSocket-Origin": "http://a"])?.origin == nil)
  }

  @Test func oneOriginOnly() throws {
    #expect(try rejection(["Origin": "http://a", "origin": "http://b"])?.status == .badRequest)
    let old: KeyValuePairs<String, String?> = [
      "Sec-WebSocket-Version": "8", "Sec-WebSocket-Origin": "a", "sec-websocket-origin": "b",
    ]
    #expect(try rejection(old)?.status == .badRequest)
  }

  @Test(arguments: ["", "0", "7", "9", "14", "25", "013", "13, 8", "+13", "a", "256", "13.0"])
  func otherVersions(_ version: String) throws {
    let rejection = try rejection(["Sec-WebSocket-Version": version])
    #expect(rejection?.status == .upgradeRequired)
    #expect(
      rejection?.headers.description
        == "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13, 8")
  }

  @Test func aMissingOrRepeatedVersion() throws {
    let missing = try rejection(["Sec-WebSocket-Version": nil])
    #expect(missing?.status == .badRequest)
    #expect(missing?.headers["Sec-WebSocket-Version"] == "13, 8")
    let repeated = try rejection(["Sec-WebSocket-Version": "13", "sec-websocket-version": "13"])
    #expect(repeated?.status == .badRequest)
  }
}

@Suite("RFC 6455 §4.2.1, §11.3.4: subprotocols")
struct HandshakeSubprotocolTests {
  @Test(arguments: [
    ("chat", ["chat"]), ("chat, superchat", ["chat", "superchat"]), ("b,a ,, c", ["b", "a", "c"]),
    ("graphql-ws", ["graphql-ws"]), ("chat, Chat", ["chat", "Chat"]),
  ])
  func offers(_ value: String, _ subprotocols: [String]) throws {
    #expect(try evaluate(["Sec-WebSocket-Protocol": value])?.subprotocols == subprotocols)
  }

  @Test func offersOverLines() throws {
    let request = try evaluate(["Sec-WebSocket-Protocol": "b", "sec-websocket-protocol": "a"])
    #expect(request?.subprotocols == ["b", "a"])
  }

  @Test(arguments: ["", ",", "a b", "a/b", "\"a\"", "a;b", "a, a", "a, b, a", "\u{e9}"])
  func refused(_ value: String) throws {
    #expect(try rejection(["Sec-WebSocket-Protocol": value])?.status == .badRequest)
  }
}

@Suite("RFC 6455 §9.1: extensions")
struct HandshakeExtensionTests {
  @Test(arguments: [
    ("a", ["a"]), ("a, b", ["a", "b"]), (" a\t,,b ", ["a", "b"]), ("a;b", ["a; b"]),
    ("a ; b = c ; d", ["a; b=c; d"]), ("a; b=\"c\"", ["a; b=c"]), ("a; b=\"\\c\\d\"", ["a; b=cd"]),
    (
      "permessage-deflate; client_max_window_bits, permessage-deflate",
      ["permessage-deflate; client_max_window_bits", "permessage-deflate"]
    ),
    ("a; b=10; b=11", ["a; b=10; b=11"]),
  ])
  func offers(_ value: String, _ extensions: [String]) throws {
    let request = try evaluate(["Sec-WebSocket-Extensions": value])
    #expect(request?.extensions.map(\.description) == extensions)
    #expect(try ExtensionOffer.parse([value]).map(\.description) == extensions)
  }

  @Test func offersOverLines() throws {
    let request = try evaluate([
      "Sec-WebSocket-Extensions": "a; b", "sec-websocket-extensions": "c",
    ])
    #expect(
      request?.extensions == [
        ExtensionOffer(name: "a", parameters: [.init(name: "b")]), ExtensionOffer(name: "c"),
      ])
  }

  @Test(arguments: [
    "", ",", ";", "a;", "a;;b", "a; =b", "a; b=", "a; b=;", "a=b", "a b", "a; b c", "a; b=c d",
    "a; b=\"", "a; b=\"c", "a; b=\"\"", "a; b=\"c d\"", "a; b=\"c,d\"", "a; b=\"c\\\"", "a; b=\"\\",
    "a; b=\"c\"d", "\"a\"", "a; \"b\"", "a, ;", "a/b", "\u{e9}", "a; b=\u{e9}",
  ])
  func refused(_ value: String) throws {
    #expect(try rejection(["Sec-WebSocket-Extensions": value])?.status == .badRequest)
    #expect(throws: ExtensionOffer.Malformed.self) { try ExtensionOffer.parse([value]) }
  }
}

@Suite("RFC 6455 §4.2.2: sending the server's handshake")
struct ServerAcceptTests {
  @Test func theExample() throws {
    let request = try #require(try evaluate(["Sec-WebSocket-Protocol": "chat, superchat"]))
    let bytes = ServerHandshake.accept(request, subprotocol: "chat")
    #expect(
      String(decoding: bytes, as: UTF8.self) == """
        HTTP/1.1 101 Switching Protocols\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
        Sec-WebSocket-Protocol: chat\r
        \r

        """)
  }

  @Test func extensionsAndOtherFields() throws {
    let request = try #require(try evaluate())
    let bytes = ServerHandshake.accept(
      request, subprotocol: nil, extensions: ["a; b=c", "d"], headers: ["Set-Cookie": "e\r\nf"])
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("Sec-WebSocket-Extensions: a; b=c, d\r\nSet-Cookie: e  f\r\n\r\n"))
    #expect(!text.contains("Sec-WebSocket-Protocol"))
  }

  @Test func aSubprotocolThatWasNotOffered() async {
    await #expect(processExitsWith: .failure) {
      let text = """
        GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
        """
      let bytes = Array(text.utf8)
      var parser = RequestHeadParser(limits: HTTPLimits())
      guard let head = try parser.parse(bytes.span).head,
        let request = try ServerHandshake.evaluate(head)
      else { return }
      _ = ServerHandshake.accept(request, subprotocol: "chat")
    }
  }
}
