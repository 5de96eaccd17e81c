import HTTPCore
import Testing
import WebSocketCore

private func request() -> ClientUpgradeRequest {
  ClientUpgradeRequest(
    host: "server.example.com", target: "/chat?a=b", key: "dGhlIHNhbXBsZSBub25jZQ==")
}

@Suite("RFC 6455 §4.1: the client's request")
struct ClientRequestTests {
  @Test func theLeast() throws {
    #expect(
      String(decoding: try ClientHandshake.request(request()), as: UTF8.self) == """
        GET /chat?a=b HTTP/1.1\r
        Host: server.example.com\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        Sec-WebSocket-Version: 13\r
        \r

        """)
  }

  @Test(arguments: WebSocketVersion.allCases)
  func theServerReadsIt(_ version: WebSocketVersion) throws {
    var request = request()
    request.version = version
    request.origin = "http://example.com"
    request.subprotocols = ["a", "b"]
    request.extensions = [ExtensionOffer(name: "x", parameters: [.init(name: "y", value: "1")])]
    request.cookies = [("c", "1"), ("d", "2 3")]
    request.headers = ["Authorization": "Bearer t"]

    let bytes = try ClientHandshake.request(request)
    var parser = RequestHeadParser(limits: HTTPLimits())
    let head = try #require(try parser.parse(bytes.span).head)
    let upgrade = try #require(try ServerHandshake.evaluate(head))
    #expect(upgrade.version == version)
    #expect(upgrade.key == request.key)
    #expect(upgrade.origin == "http://example.com")
    #expect(upgrade.subprotocols == ["a", "b"])
    #expect(upgrade.extensions == request.extensions)
    #expect(head.headers["Cookie"] == "c=1; d=2 3")
    #expect(Cookies(head.headers)["d"] == "2 3")
    #expect(head.headers["authorization"] == "Bearer t")

    let answer = ServerHandshake.accept(upgrade, subprotocol: "b", extensions: ["x; y=1"])
    var responses = ResponseHeadParser(limits: HTTPLimits())
    let response = try #require(try responses.parse(answer.span).head)
    let accepted = try ClientHandshake.validate(response, to: request)
    #expect(accepted.subprotocol == "b")
    #expect(accepted.extensions == request.extensions)
  }

  @Test func whatCannotBeWritten() {
    func error(_ change: (inout ClientUpgradeRequest) -> Void) -> ClientHandshakeError? {
      var changed = request()
      change(&changed)
      do throws(ClientHandshakeError) {
        _ = try ClientHandshake.request(changed)
        return nil
      } catch {
        return error
      }
    }
    #expect(error { $0.host = "a\r\nb" } == .invalidHost)
    #expect(error { $0.host = "" } == .invalidHost)
    for target in ["", "a", "/ HTTP/1.1\r\n", "/a b", "/#", "/\u{e9}", "http://a/"] {
      #expect(error { $0.target = target } == .invalidTarget)
    }
    #expect(error { $0.key = "short" } == .invalidKey)
    #expect(error { $0.origin = "a\r\nb" } == .invalidOrigin)
    #expect(error { $0.origin = "a\u{7f}b" } == .invalidOrigin)
    #expect(error { $0.origin = "" } == .invalidOrigin)
    #expect(error { $0.subprotocols = ["a b"] } == .invalidSubprotocol("a b"))
    #expect(error { $0.subprotocols = ["a", "a"] } == .invalidSubprotocol("a"))
    #expect(error { $0.cookies = [("a=", "b")] } == .invalidCookie(name: "a="))
    #expect(error { $0.cookies = [("a", "b;c")] } == .invalidCookie(name: "a"))
    #expect(error { $0.headers = ["host": "b"] } == .reservedField("host"))
    #expect(error { $0.headers = ["Content-Length": "1"] } == .reservedField("Content-Length"))
    #expect(error { $0.headers = ["Origin": "a"] } == nil)
    #expect(
      error {
        $0.origin = "b"
        $0.headers = ["Origin": "a"]
      } == .reservedField("Origin"))
    #expect(
      error {
        $0.cookies = [("a", "b")]
        $0.headers = ["Cookie": "a"]
      } == .reservedField("Cookie"))
  }
}

@Suite("RFC 6455 §4.1: checking the server's response")
struct ClientValidationTests {
  /// What `validate` says about the usual response, with fields replaced, removed (nil) or added.
  private func validate(
    _ fields: KeyValuePairs<String, String?>, status: HTTPStatus = .switchingProtocols,
    version: HTTPVersion = .http11
  ) throws(ClientHandshakeError) -> AcceptedUpgrade {
    let usual = [
      ("Upgrade", "websocket"), ("Connection", "Upgrade"),
      ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]
    var headers = HeaderFields()
    for (name, value) in usual where !fields.contains(where: { $0.key == name }) {
      headers.append(name, value)
    }
    for (name, value) in fields {
      if let value { headers.append(name, value) }
    }
    var request = request()
    request.subprotocols = ["a", "b"]
    request.extensions = [ExtensionOffer(name: "x")]
    return try ClientHandshake.validate(
      ResponseHead(status: status, headers: headers, version: version), to: request)
  }

  private func failure(
    _ fields: KeyValuePairs<String, String?>, status: HTTPStatus = .switchingProtocols,
    version: HTTPVersion = .http11
  ) -> ClientHandshakeError? {
    do throws(ClientHandshakeError) {
      _ = try validate(fields, status: status, version: version)
      return nil
    } catch {
      return error
    }
  }

  @Test func accepts() throws {
    let least = try validate([:])
    #expect(least.subprotocol == nil)
    #expect(least.extensions.isEmpty)
    let chosen = try validate([
      "Upgrade": "WebSocket", "Connection": "keep-alive, upgrade",
      "Sec-WebSocket-Protocol": "b", "Sec-WebSocket-Extensions": "x; y=1",
    ])
    #expect(chosen.subprotocol == "b")
    #expect(chosen.extensions.map(\.description) == ["x; y=1"])
  }

  @Test func otherStatuses() {
    #expect(failure([:], status: .ok) == .refused(.ok))
    #expect(failure([:], status: .forbidden) == .refused(.forbidden))
    #expect(
      failure(["Location": "/b"], status: .found) == .redirect(.found, location: "/b"))
    #expect(failure([:], status: .found) == .refused(.found))
    #expect(
      failure(["WWW-Authenticate": "Basic"], status: .unauthorized)
        == .unauthorized(challenge: "Basic"))
    #expect(failure([:], status: .unauthorized) == .unauthorized(challenge: nil))
    #expect(
      failure(["Sec-WebSocket-Version": "8, 7"], status: .upgradeRequired)
        == .unsupportedVersion(supported: ["8", "7"]))
    #expect(failure([:], status: .upgradeRequired) == .refused(.upgradeRequired))
    #expect(failure([:], version: .http10) == .wrongHTTPVersion)
  }

  @Test(arguments: [nil, "", "h2c", "websocket, h2c", "websocket, websocket", "websocketx"])
  func wrongUpgrade(_ value: String?) {
    #expect(failure(["Upgrade": value]) == .wrongUpgrade)
  }

  @Test(arguments: [nil, "", "keep-alive", "Upgraded"])
  func wrongConnection(_ value: String?) {
    #expect(failure(["Connection": value]) == .wrongConnection)
  }

  @Test(arguments: [
    nil, "", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "dGhlIHNhbXBsZSBub25jZQ==",
  ])
  func wrongAccept(_ value: String?) {
    #expect(failure(["Sec-WebSocket-Accept": value]) == .wrongAccept)
  }

  @Test func oneAcceptOnly() {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    let twice: KeyValuePairs<String, String?> = [
      "Sec-WebSocket-Accept": accept, "sec-websocket-accept": accept,
    ]
    #expect(failure(twice) == .wrongAccept)
  }

  @Test(arguments: ["c", "A", "", "a, b", "a,"])
  func wrongSubprotocol(_ value: String) {
    #expect(failure(["Sec-WebSocket-Protocol": value]) == .unexpectedSubprotocol(value))
  }

  @Test func oneSubprotocolOnly() {
    let twice: KeyValuePairs<String, String?> = [
      "Sec-WebSocket-Protocol": "a", "sec-websocket-protocol": "b",
    ]
    #expect(failure(twice) == .unexpectedSubprotocol("a, b"))
  }

  @Test func wrongExtensions() {
    #expect(failure(["Sec-WebSocket-Extensions": "x, z"]) == .unexpectedExtension("z"))
    #expect(failure(["Sec-WebSocket-Extensions": "x;"]) == .malformedExtensions)
    #expect(failure(["Sec-WebSocket-Extensions": ""]) == .malformedExtensions)
  }
}
