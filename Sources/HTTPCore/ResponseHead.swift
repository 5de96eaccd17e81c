/// The head of a response: written by a server, read by a client (RFC 9112 §4).
package struct ResponseHead: Sendable {
  package var status: HTTPStatus
  package var headers: HeaderFields
  /// What a parsed head said. A server writes `.http11` whatever the request's version
  /// (RFC 9110 §2.5).
  package var version: HTTPVersion

  package init(
    status: HTTPStatus, headers: HeaderFields = HeaderFields(), version: HTTPVersion = .http11
  ) {
    self.status = status
    self.headers = headers
    self.version = version
  }

  /// Writes status line, field lines and the empty line. Adds no field of its own: no Date, no
  /// Content-Length.
  package func append(to output: inout [UInt8]) {
    output.append(contentsOf: (version == .http11 ? "HTTP/1.1 " : "HTTP/1.0 ").utf8)
    output.append(contentsOf: "\(status.rawValue) ".utf8)
    output.append(contentsOf: status.reasonPhrase.utf8)
    output.append(contentsOf: "\r\n".utf8)
    headers.append(to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  package func serialized() -> [UInt8] {
    var output: [UInt8] = []
    append(to: &output)
    return output
  }
}
