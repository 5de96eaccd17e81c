package import HTTPCore

/// A request for a WebSocket connection, checked: what a handler decides on.
package struct UpgradeRequest: Sendable {
  package let head: RequestHead
  package let version: WebSocketVersion
  /// `Sec-WebSocket-Key`: 24 characters of base64.
  package let key: String
  /// The subprotocols that the client offers, in its order of preference, without duplicates.
  package let subprotocols: [String]
  /// The extensions that the client offers, in its order. Names may repeat: alternatives.
  package let extensions: [ExtensionOffer]
  /// The origin as the client wrote it, or nil when it said none, as programs do. Of a version 8
  /// request it is `Sec-WebSocket-Origin`, or else `Origin`, so that no origin goes unseen.
  package let origin: String?
}

/// Why an upgrade request was refused, and what to answer.
package struct HandshakeRejection: Error, Sendable {
  package let status: HTTPStatus
  /// A few words of ours, safe to show.
  package let reason: String
  /// Fields that the response must have. The server adds its own, `Connection: close` among them:
  /// what the client sent after its request is not to be read as HTTP.
  package let headers: HeaderFields

  package init(status: HTTPStatus, reason: String, headers: HeaderFields = HeaderFields()) {
    self.status = status
    self.reason = reason
    self.headers = headers
  }

  static func badRequest(_ reason: String) -> HandshakeRejection {
    HandshakeRejection(status: .badRequest, reason: reason)
  }

  /// For a client that asks for another version (RFC 6455 §4.4), or for a handler that speaks
  /// nothing but WebSocket and got an ordinary request (RFC 9110 §15.5.22).
  package static func upgradeRequired(_ reason: String) -> HandshakeRejection {
    HandshakeRejection(
      status: .upgradeRequired, reason: reason,
      headers: [
        "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": WebSocketVersion.supportedList,
      ])
  }
}

/// The server's half of the opening handshake (RFC 6455 §4.2).
package enum ServerHandshake {
  /// Reads an upgrade request, or returns nil for an ordinary HTTP request.
  ///
  /// Ordinary is what has no `websocket` in Upgrade (one to h2c is not taken up), and every
  /// HTTP/1.0 request: a server ignores Upgrade there (RFC 9110 §7.8).
  ///
  /// Throws 405 for another method than GET; 426 with the versions that we speak for another
  /// version; 400 for the rest: no `upgrade` in Connection, a body, no version or more than one
  /// (a missing field is no version mismatch: RFC 6455 §4.2.1, not §4.4), no key or not 16 bytes of
  /// base64, more than one origin, malformed or duplicate subprotocols, malformed extensions.
  /// Who may connect, and to what, is the caller's to decide.
  package static func evaluate(
    _ head: RequestHead
  ) throws(HandshakeRejection) -> UpgradeRequest? {
    guard head.version == .http11, head.headers.containsToken("Upgrade", "websocket") else {
      return nil
    }
    guard head.method == .get else {
      throw HandshakeRejection(
        status: .methodNotAllowed, reason: "a WebSocket handshake is a GET",
        headers: ["Allow": "GET"])
    }
    guard head.headers.containsToken("Connection", "upgrade") else {
      throw .badRequest("no upgrade in Connection")
    }
    guard head.bodyFraming == .none else { throw .badRequest("a WebSocket handshake has no body") }
    let version = try version(head.headers)
    return UpgradeRequest(
      head: head, version: version, key: try key(head.headers),
      subprotocols: try subprotocols(head.headers), extensions: try extensions(head.headers),
      origin: try origin(head.headers, version))
  }

  /// The 101 response (RFC 6455 §4.2.2): its bytes, after which come frames.
  ///
  /// `subprotocol` is one of those offered (traps otherwise), or nil. `extensions` are accepted
  /// offers in the form of the field, each allowed by an offer. `headers` are further fields, such
  /// as Set-Cookie.
  package static func accept(
    _ request: UpgradeRequest, subprotocol: String?, extensions: [String] = [],
    headers: HeaderFields = HeaderFields()
  ) -> [UInt8] {
    var fields: HeaderFields = [
      "Upgrade": "websocket", "Connection": "Upgrade",
      "Sec-WebSocket-Accept": HandshakeKey.accept(for: request.key),
    ]
    if let subprotocol {
      precondition(request.subprotocols.contains(subprotocol), "a subprotocol that was offered")
      fields.append("Sec-WebSocket-Protocol", subprotocol)
    }
    if !extensions.isEmpty {
      fields.append("Sec-WebSocket-Extensions", extensions.joined(separator: ", "))
    }
    fields.append(contentsOf: headers)
    return ResponseHead(status: .switchingProtocols, headers: fields).serialized()
  }

  private static func version(
    _ headers: HeaderFields
  ) throws(HandshakeRejection) -> WebSocketVersion {
    let values = headers.values("Sec-WebSocket-Version")
    guard values.count == 1 else {
      throw HandshakeRejection(
        status: .badRequest, reason: "not one Sec-WebSocket-Version",
        headers: ["Sec-WebSocket-Version": WebSocketVersion.supportedList])
    }
    for version in WebSocketVersion.allCases where values == ["\(version.rawValue)"] {
      return version
    }
    throw .upgradeRequired("WebSocket version not supported")
  }

  private static func key(_ headers: HeaderFields) throws(HandshakeRejection) -> String {
    let values = headers.values("Sec-WebSocket-Key")
    guard values.count == 1, HandshakeKey.isValid(values[0]) else {
      throw .badRequest("missing or invalid Sec-WebSocket-Key")
    }
    return values[0]
  }

  /// A list of tokens, of one at least when the field is there (RFC 6455 §4.1 item 10).
  private static func subprotocols(_ headers: HeaderFields) throws(HandshakeRejection) -> [String] {
    let offered = headers.listElements("Sec-WebSocket-Protocol")
    guard offered.allSatisfy(\.utf8.isToken),
      !offered.isEmpty || !headers.contains("Sec-WebSocket-Protocol")
    else { throw .badRequest("invalid Sec-WebSocket-Protocol") }
    guard Set(offered).count == offered.count else {
      throw .badRequest("duplicate subprotocol")
    }
    return offered
  }

  private static func extensions(
    _ headers: HeaderFields
  ) throws(HandshakeRejection) -> [ExtensionOffer] {
    do {
      return try ExtensionOffer.parse(headers.values("Sec-WebSocket-Extensions"))
    } catch {
      throw .badRequest("invalid Sec-WebSocket-Extensions")
    }
  }

  private static func origin(
    _ headers: HeaderFields, _ version: WebSocketVersion
  ) throws(HandshakeRejection) -> String? {
    let origins = headers.values(version.originFieldName)
    let fallback = headers.values(WebSocketVersion.rfc6455.originFieldName)
    guard origins.count <= 1, fallback.count <= 1 else { throw .badRequest("more than one origin") }
    return origins.first ?? fallback.first
  }
}
