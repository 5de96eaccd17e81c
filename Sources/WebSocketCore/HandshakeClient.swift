package import HTTPCore

/// What a client asks for in its opening handshake (RFC 6455 §4.1).
package struct ClientUpgradeRequest: Sendable {
  /// Host and optional port: the Host field.
  package var host: String
  /// Path and query: the request target, in origin form.
  package var target: String
  /// `Sec-WebSocket-Key`: see `ClientHandshake.key(from:)`.
  package var key: String
  package var version = WebSocketVersion.rfc6455
  /// Written as `Origin`, or `Sec-WebSocket-Origin` in version 8. Browsers have one, programs
  /// usually none.
  package var origin: String?
  /// In order of preference, without duplicates.
  package var subprotocols: [String] = []
  /// Offers, in order of preference.
  package var extensions: [ExtensionOffer] = []
  /// Written as one Cookie field.
  package var cookies: [(name: String, value: String)] = []
  /// Further fields, such as Authorization. Not those that the handshake writes itself.
  package var headers = HeaderFields()

  package init(host: String, target: String, key: String) {
    self.host = host
    self.target = target
    self.key = key
  }
}

/// What the client and the server have agreed on.
package struct AcceptedUpgrade: Equatable, Sendable {
  /// One of those asked for; nil when the server has chosen none, which RFC 6455 leaves open to it.
  package let subprotocol: String?
  /// Whose names were all offered. Whether their parameters fit the offer is for each extension.
  package let extensions: [ExtensionOffer]
}

/// Why a client's opening handshake came to nothing.
package enum ClientHandshakeError: Error, Equatable, Sendable {
  // The request cannot be written.

  /// Not a host with an optional port.
  case invalidHost
  /// Not an origin-form target: begins with `/`, visible ASCII, no `#`.
  case invalidTarget
  /// Not 24 characters of base64 for 16 bytes.
  case invalidKey
  /// Control characters in it, or empty.
  case invalidOrigin
  /// Not a token, or asked for twice.
  case invalidSubprotocol(String)
  /// Not a token, or a value with a character that would end it.
  case invalidCookie(name: String)
  /// The handshake writes this field itself.
  case reservedField(String)

  // The server has not agreed (RFC 6455 §4.1, the client's checks of the response).

  /// 3xx, and where to. The caller may follow, with limits of its own.
  case redirect(HTTPStatus, location: String)
  /// 401, and how to authenticate.
  case unauthorized(challenge: String?)
  /// 426 to our version, and those that the server speaks.
  case unsupportedVersion(supported: [String])
  /// Another status than 101.
  case refused(HTTPStatus)

  // The server's 101 is not a WebSocket server's: fail the connection.

  /// Not HTTP/1.1.
  case wrongHTTPVersion
  /// Upgrade is not `websocket`.
  case wrongUpgrade
  /// Connection does not contain `upgrade`.
  case wrongConnection
  /// `Sec-WebSocket-Accept` missing, repeated, or not made from our key.
  case wrongAccept
  /// More than one, or one that was not asked for.
  case unexpectedSubprotocol(String)
  /// Not the grammar of RFC 6455 §9.1.
  case malformedExtensions
  /// One that was not offered.
  case unexpectedExtension(String)
}

/// The client's half of the opening handshake (RFC 6455 §4.1).
package enum ClientHandshake {
  /// A `Sec-WebSocket-Key` from 16 random bytes. Each connection needs new ones.
  package static func key(from random: [16 of UInt8]) -> String {
    Base64.encode(random.indices.map { random[$0] })
  }

  /// The bytes of the request. Throws one of the first group of errors.
  package static func request(
    _ request: ClientUpgradeRequest
  ) throws(ClientHandshakeError) -> [UInt8] {
    try check(request)
    var fields: HeaderFields = [
      "Host": request.host, "Upgrade": "websocket", "Connection": "Upgrade",
      "Sec-WebSocket-Key": request.key,
      "Sec-WebSocket-Version": "\(request.version.rawValue)",
    ]
    if let origin = request.origin {
      fields.append(request.version.originFieldName, origin)
    }
    if !request.subprotocols.isEmpty {
      fields.append("Sec-WebSocket-Protocol", request.subprotocols.joined(separator: ", "))
    }
    if !request.extensions.isEmpty {
      let offers = request.extensions.map(\.description)
      fields.append("Sec-WebSocket-Extensions", offers.joined(separator: ", "))
    }
    if !request.cookies.isEmpty {
      let cookies = request.cookies.map { "\($0.name)=\($0.value)" }
      fields.append("Cookie", cookies.joined(separator: "; "))
    }
    fields.append(contentsOf: request.headers)

    var bytes = Array("GET \(request.target) HTTP/1.1\r\n".utf8)
    fields.append(to: &bytes)
    bytes.append(contentsOf: "\r\n".utf8)
    return bytes
  }

  /// Checks the response to that request. Throws one of the second or the third group of errors;
  /// an informational response other than 101 is not for here.
  package static func validate(
    _ response: ResponseHead, to request: ClientUpgradeRequest
  ) throws(ClientHandshakeError) -> AcceptedUpgrade {
    guard response.status == .switchingProtocols else { throw refusal(response) }
    guard response.version == .http11 else { throw .wrongHTTPVersion }
    let upgrade = response.headers.listElements("Upgrade")
    guard upgrade.count == 1, response.headers.containsToken("Upgrade", "websocket") else {
      throw .wrongUpgrade
    }
    guard response.headers.containsToken("Connection", "upgrade") else { throw .wrongConnection }
    let accept = HandshakeKey.accept(for: request.key)
    guard response.headers.values("Sec-WebSocket-Accept") == [accept] else { throw .wrongAccept }
    return AcceptedUpgrade(
      subprotocol: try subprotocol(response, request), extensions: try extensions(response, request)
    )
  }

  private static func refusal(_ response: ResponseHead) -> ClientHandshakeError {
    switch response.status.rawValue {
    case 300...399:
      response.headers["Location"].map { .redirect(response.status, location: $0) }
        ?? .refused(response.status)
    case 401:
      .unauthorized(challenge: response.headers["WWW-Authenticate"])
    case 426 where response.headers.contains("Sec-WebSocket-Version"):
      .unsupportedVersion(supported: response.headers.listElements("Sec-WebSocket-Version"))
    default:
      .refused(response.status)
    }
  }

  private static func subprotocol(
    _ response: ResponseHead, _ request: ClientUpgradeRequest
  ) throws(ClientHandshakeError) -> String? {
    let chosen = response.headers.values("Sec-WebSocket-Protocol")
    guard let first = chosen.first else { return nil }
    guard chosen.count == 1, request.subprotocols.contains(first) else {
      throw .unexpectedSubprotocol(chosen.joined(separator: ", "))
    }
    return first
  }

  private static func extensions(
    _ response: ResponseHead, _ request: ClientUpgradeRequest
  ) throws(ClientHandshakeError) -> [ExtensionOffer] {
    let accepted: [ExtensionOffer]
    do {
      accepted = try ExtensionOffer.parse(response.headers.values("Sec-WebSocket-Extensions"))
    } catch {
      throw .malformedExtensions
    }
    let offered = Set(request.extensions.map(\.name))
    for answer in accepted where !offered.contains(answer.name) {
      throw .unexpectedExtension(answer.name)
    }
    return accepted
  }

  private static func check(_ request: ClientUpgradeRequest) throws(ClientHandshakeError) {
    guard Authority.isValid(request.host) else { throw .invalidHost }
    guard request.target.utf8.first == UInt8(ascii: "/"),
      request.target.utf8.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") })
    else { throw .invalidTarget }
    guard HandshakeKey.isValid(request.key) else { throw .invalidKey }
    if let origin = request.origin,
      origin.isEmpty || !origin.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
    {
      throw .invalidOrigin
    }
    var seen: Set<String> = []
    for subprotocol in request.subprotocols {
      guard subprotocol.utf8.isToken, seen.insert(subprotocol).inserted else {
        throw .invalidSubprotocol(subprotocol)
      }
    }
    for (name, value) in request.cookies {
      // RFC 6265 §4.1.1, but for spaces and commas, which real cookies have.
      let isValue = value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") }
      guard name.utf8.isToken, isValue else { throw .invalidCookie(name: name) }
    }
    for (name, _) in request.headers where isReserved(name, request) {
      throw .reservedField(name)
    }
  }

  /// The fields of the handshake itself, those that would give it a body, and those that the
  /// request has in another place.
  private static func isReserved(_ name: String, _ request: ClientUpgradeRequest) -> Bool {
    var reserved = [
      "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
      "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Sec-WebSocket-Accept",
      "Content-Length", "Transfer-Encoding",
    ]
    if request.origin != nil { reserved.append(request.version.originFieldName) }
    if !request.cookies.isEmpty { reserved.append("Cookie") }
    return reserved.contains { name.utf8.equalsIgnoringASCIICase($0.utf8) }
  }
}
