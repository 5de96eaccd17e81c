/// Reads request heads from a byte stream, in whatever pieces they come (RFC 9112).
///
/// Strict: what two implementations could read differently is refused. Feed it the connection's
/// bytes until it returns a head; it is then ready for the next one, which begins after the body.
/// Time is linear in the bytes; memory is at most `limits.headBytesMax`, and none while `isEmpty`.
///
/// After it has thrown, its state means nothing and it must not be used again: answer the error's
/// status and close.
package struct RequestHeadParser: ~Copyable {
  private var scanner: HeadScanner
  private var line: RequestLine?
  private let limits: HTTPLimits

  package init(limits: HTTPLimits) {
    scanner = HeadScanner(.request, limits: limits)
    self.limits = limits
  }

  /// Nothing of a head has come yet. One empty line before a head is skipped (RFC 9112 §2.2) and
  /// counts as nothing.
  package var isEmpty: Bool { scanner.isEmpty }

  /// Takes bytes up to the end of a head at most.
  ///
  /// Returns how many bytes of `input` were taken, which is all of them unless there is a head,
  /// and the head once it is complete. What follows it (a body, the next request, frames) is the
  /// caller's. Throws 400, 413, 414, 417, 431, 501 or 505, at the first byte that shows the fault
  /// or, for what concerns the head as a whole, at its end.
  package mutating func parse(
    _ input: Span<UInt8>
  ) throws(HTTPError) -> (consumed: Int, head: RequestHead?) {
    var offset = 0
    while let event = try scanner.next(input, &offset) {
      switch event {
      case .startLine(let range):
        line = try RequestLine(scanner.bytes[range])
      case .end:
        let headers = scanner.takeFields()
        guard let line = line.take() else { throw .badRequest("no request line") }
        return (offset, try RequestHead(line: line, headers: headers, limits: limits))
      }
    }
    return (offset, nil)
  }
}
