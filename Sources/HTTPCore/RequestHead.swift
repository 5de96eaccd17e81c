/// The head of a request, checked: what a handler may believe (RFC 9112 §3, §5, §6).
package struct RequestHead: Sendable {
  package let method: HTTPMethod
  /// The request target as received: visible ASCII without `#`.
  package let target: String
  /// The target's path, still percent-encoded: begins with `/`, or is `*` (OPTIONS for the server
  /// as a whole), or is empty (CONNECT). Dot segments and repeated slashes are left as they are.
  package let path: String
  /// What follows the first `?` of the target, raw, or nil when there is none.
  package let query: String?
  package let version: HTTPVersion
  package let headers: HeaderFields
  /// How to read the body; `Content-Length: 0` is `.none`.
  package let bodyFraming: BodyFraming
  /// Whether the client wants to use the connection further (RFC 9112 §9.3).
  package let keepAlive: Bool
  /// Whether the client holds its body back until it has seen 100 (RFC 9110 §10.1.1). False when
  /// there is no body, and on HTTP/1.0.
  package let expectsContinue: Bool
  /// Host and optional port, valid, as written: from an absolute target or a CONNECT, which
  /// overrule the Host field (RFC 9112 §3.2.2), else from Host. nil on HTTP/1.0 only.
  package let host: String?
}

extension RequestHead {
  /// Checks what concerns the head as a whole. The rules that fail are 400, but for a transfer
  /// coding that we don't know (501), a body over the limit (413), an unknown expectation (417).
  init(line: RequestLine, headers: HeaderFields, limits: HTTPLimits) throws(HTTPError) {
    method = line.method
    target = line.target.received
    path = line.target.path
    query = line.target.query
    version = line.version
    host = try Self.host(line, headers)
    bodyFraming = try BodyFraming(request: headers, version: line.version, limits: limits)
    expectsContinue =
      try Self.hasContinueExpectation(headers, line.version) && bodyFraming != .none
    keepAlive =
      !headers.containsToken("Connection", "close")
      && (line.version == .http11 || headers.containsToken("Connection", "keep-alive"))
    self.headers = headers
  }

  /// RFC 9112 §3.2: exactly one valid Host, which HTTP/1.0 may leave out.
  ///
  /// An empty one is refused too: an http URI has a host (RFC 9110 §4.2.1).
  private static func host(
    _ line: RequestLine, _ headers: HeaderFields
  ) throws(HTTPError) -> String? {
    let values = headers.values("Host")
    guard values.count <= 1 else { throw .badRequest("more than one Host") }
    guard let value = values.first else {
      guard line.version == .http10 else { throw .badRequest("no Host") }
      return line.target.authority
    }
    guard Authority.isValid(Array(value.utf8)[...]) else { throw .badRequest("invalid Host") }
    return line.target.authority ?? value
  }

  private static func hasContinueExpectation(
    _ headers: HeaderFields, _ version: HTTPVersion
  ) throws(HTTPError) -> Bool {
    guard version == .http11 else { return false }
    let expectations = headers.listElements("Expect")
    guard expectations.allSatisfy({ $0.utf8.equalsIgnoringASCIICase("100-continue".utf8) }) else {
      throw HTTPError(status: .expectationFailed, reason: "unknown expectation")
    }
    return !expectations.isEmpty
  }
}
