package import HTTPCore

/// Reads the answer to a client's opening handshake, as it arrives (RFC 6455 §4.1).
/// Bounded by the limits given; after it has thrown, it must not be used again.
///
/// A refusal is thrown with the beginning of what it says in words, so it may come some
/// time after its head: until then it is in ``refusal``, for when the connection ends or
/// the time is up.
package struct OpeningResponseReader: ~Copyable {
  private let request: ClientUpgradeRequest
  private var parser: ResponseHeadParser
  private var interimResponsesLeft = 8
  private var refused: (error: ClientHandshakeError, head: ResponseHead, text: RefusalText)?

  package init(_ request: ClientUpgradeRequest, limits: HTTPLimits = HTTPLimits()) {
    self.request = request
    parser = ResponseHeadParser(limits: limits)
  }

  /// Nothing of the answer has come yet, after what interim responses there were.
  package var isEmpty: Bool { parser.isEmpty }

  /// The server has refused; the text is what has come of it.
  package var refusal: OpeningError? {
    refused.map { .notAccepted($0.error, $0.head, text: $0.text.line) }
  }

  /// Takes bytes from `position` on, which it moves behind the response. Nil while that
  /// is not whole. What follows it is frames.
  package mutating func read(
    _ bytes: Span<UInt8>, from position: inout Int
  ) throws(OpeningError) -> (upgrade: AcceptedUpgrade, head: ResponseHead)? {
    while position < bytes.count {
      if refused != nil {
        try readRefusal(bytes.extracting(position..<bytes.count))
        position = bytes.count
        return nil
      }
      // An alert is what a TLS server has for a plain request (RFC 8446 §6).
      if parser.isEmpty && bytes[position] == 0x15 { throw .tls }
      let head: ResponseHead?
      do {
        let consumed: Int
        (consumed, head) = try parser.parse(bytes.extracting(position..<bytes.count))
        position += consumed
      } catch {
        throw .malformed(error)
      }
      guard let head else { return nil }
      // RFC 9110 §15.2: any number may come before the answer itself.
      if head.status.isInformational && head.status != .switchingProtocols {
        interimResponsesLeft -= 1
        if interimResponsesLeft == 0 { throw .tooManyInterimResponses }
        continue
      }
      do {
        return (try ClientHandshake.validate(head, to: request), head)
      } catch {
        guard let text = RefusalText(head) else { throw .notAccepted(error, head, text: "") }
        refused = (error, head, text)
      }
    }
    return nil
  }

  private mutating func readRefusal(_ bytes: Span<UInt8>) throws(OpeningError) {
    refused?.text.add(bytes)
    if let refusal, refused?.text.isComplete == true { throw refusal }
  }
}

/// Why the answer to an opening handshake is none that opens a connection.
package enum OpeningError: Error, Sendable, CustomStringConvertible {
  /// Not HTTP/1.1, or over a limit.
  case malformed(HTTPError)
  /// Not HTTP, but TLS.
  case tls
  /// One interim response after the other.
  case tooManyInterimResponses
  /// The server has refused, or agreed to something else. The text is the beginning of what
  /// it said about that, on one line; empty if it said nothing.
  case notAccepted(ClientHandshakeError, ResponseHead, text: String)

  /// For people. May quote the server.
  package var description: String {
    switch self {
    case .malformed(let error): "the server's answer is not usable HTTP: \(error.reason)"
    case .tls: "this port speaks TLS"
    case .tooManyInterimResponses: "the server sends one interim response after the other"
    case .notAccepted(let error, _, let text): "\(error)" + (text.isEmpty ? "" : ": \(text)")
    }
  }
}

extension ClientHandshakeError: CustomStringConvertible {
  /// For people. May quote the server.
  package var description: String {
    switch self {
    case .invalidHost: "not a host with an optional port"
    case .invalidTarget: "not a path that can be asked for"
    case .invalidKey: "not a key of 16 bytes in base64"
    case .invalidOrigin: "the origin is empty, or has control characters"
    case .invalidSubprotocol(let name):
      "the subprotocol '\(name)' is not a token (RFC 6455 §4.1), or is there twice"
    case .invalidCookie(let name): "the cookie '\(name)' has characters that no cookie has"
    case .reservedField(let name): "the handshake writes the field \(name) itself"
    case .redirect(let status, let location): "the server redirects (\(status)) to \(location)"
    case .unauthorized(let challenge):
      "the server wants authentication (401)" + (challenge.map { ": \($0)" } ?? "")
    case .unsupportedVersion(let supported):
      "the server doesn't speak this protocol version (426), but "
        + supported.joined(separator: ", ")
    case .refused(let status) where 200...299 ~= status.rawValue:
      "the server answered \(status) instead of upgrading: this is no WebSocket"
    case .refused(let status): "the server refused: \(status)"
    case .wrongHTTPVersion: "the server upgrades in another version of HTTP than 1.1"
    case .wrongUpgrade: "the server's 101 doesn't upgrade to websocket"
    case .wrongConnection: "the server's 101 has no Connection: Upgrade"
    case .wrongAccept:
      "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket"
    case .unexpectedSubprotocol(let names) where names.utf8.contains(UInt8(ascii: ",")):
      "the server chose more than one subprotocol: '\(names)'"
    case .unexpectedSubprotocol(let name):
      "the server chose the subprotocol '\(name)', which was not asked for"
    case .malformedExtensions: "the server's Sec-WebSocket-Extensions is malformed"
    case .unexpectedExtension(let name):
      "the server chose the extension '\(name)', which was not asked for"
    }
  }
}
