/// `method SP request-target SP HTTP-version` (RFC 9112 §3), with single spaces.
struct RequestLine {
  let method: HTTPMethod
  let target: RequestTarget
  let version: HTTPVersion

  /// Throws 400, or 505 for a version that is well-formed but not 1.0 or 1.1.
  ///
  /// The version is looked at before the target: an HTTP/2 preface gets its 505.
  init(_ line: ArraySlice<UInt8>) throws(HTTPError) {
    let parts = line.split(separator: .space, maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .badRequest("malformed request line") }
    guard parts[0].isToken else { throw .badRequest("invalid method") }
    do {
      version = try HTTPVersion.read(parts[2])
    } catch {
      switch error {
      case .malformed:
        throw .badRequest("malformed HTTP version")
      case .unsupported:
        throw HTTPError(status: .httpVersionNotSupported, reason: "HTTP version not supported")
      }
    }
    method = HTTPMethod(name: String(decoding: parts[0], as: UTF8.self))
    target = try RequestTarget(parts[1], method: method)
  }
}
