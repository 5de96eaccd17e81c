/// Where a request's body ends (RFC 9112 §6).
package enum BodyFraming: Equatable, Sendable {
  /// There is no body.
  case none
  /// So many bytes.
  case length(Int)
  /// The chunked transfer coding, and nothing around it.
  case chunked
}

extension BodyFraming {
  /// The framing of a request (RFC 9112 §6.3), without the leniencies that request smuggling lives
  /// on.
  ///
  /// 400: both Transfer-Encoding and Content-Length, either one twice, a list or anything but
  /// digits as length, chunked not alone and last, transfer codings on HTTP/1.0. 501: another
  /// coding. 413: more than `limits.bodyBytesMax`.
  init(
    request headers: HeaderFields, version: HTTPVersion, limits: HTTPLimits
  ) throws(HTTPError) {
    let codings = headers.values("Transfer-Encoding")
    let lengths = headers.values("Content-Length")
    guard let coding = codings.first else {
      guard let length = lengths.first else {
        self = .none
        return
      }
      guard lengths.count == 1 else { throw .badRequest("more than one Content-Length") }
      let bytes = try Self.contentLength(length, limits: limits)
      self = bytes == 0 ? .none : .length(bytes)
      return
    }

    guard lengths.isEmpty else {
      throw .badRequest("both Transfer-Encoding and Content-Length")
    }
    guard version == .http11 else { throw .badRequest("Transfer-Encoding on HTTP/1.0") }
    guard codings.count == 1 else { throw .badRequest("more than one Transfer-Encoding") }
    guard coding.utf8.equalsIgnoringASCIICase("chunked".utf8) else {
      throw Self.unsupportedCoding(headers)
    }
    self = .chunked
  }

  private static func contentLength(_ text: String, limits: HTTPLimits) throws(HTTPError) -> Int {
    guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit) else {
      throw .badRequest("malformed Content-Length")
    }
    // All digits, so nil is an overflow.
    guard let length = Int(text), length <= limits.bodyBytesMax else {
      throw HTTPError(status: .contentTooLarge, reason: "body over the limit")
    }
    return length
  }

  /// `gzip, chunked` is well-formed and not implemented; any other place or number of chunked, and
  /// an empty list, is malformed.
  private static func unsupportedCoding(_ headers: HeaderFields) -> HTTPError {
    var codings = headers.listElements("Transfer-Encoding")
    let isChunked: (String) -> Bool = { $0.utf8.equalsIgnoringASCIICase("chunked".utf8) }
    if codings.count > 1, codings.last.map(isChunked) == true {
      codings.removeLast()
    }
    guard !codings.isEmpty, !codings.contains(where: isChunked) else {
      return .badRequest("malformed Transfer-Encoding")
    }
    return HTTPError(status: .notImplemented, reason: "transfer coding not implemented")
  }
}
