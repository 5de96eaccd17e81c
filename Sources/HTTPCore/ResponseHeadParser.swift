/// Reads response heads from a byte stream: the client's half (RFC 9112 §4).
///
/// As strict, as linear and as bounded as `RequestHeadParser`, with 502 as the status of every
/// error. After it has thrown, it must not be used again.
package struct ResponseHeadParser: ~Copyable {
  private var scanner: HeadScanner
  private var statusLine: (version: HTTPVersion, status: HTTPStatus)?

  package init(limits: HTTPLimits) {
    scanner = HeadScanner(.response, limits: limits)
  }

  /// Nothing of a head has come yet.
  package var isEmpty: Bool { scanner.isEmpty }

  /// Takes bytes up to the end of a head at most, and returns how many, and the head once it is
  /// complete. It is then ready for the next head: after a 1xx other than 101 another one follows.
  package mutating func parse(
    _ input: Span<UInt8>
  ) throws(HTTPError) -> (consumed: Int, head: ResponseHead?) {
    var offset = 0
    while let event = try scanner.next(input, &offset) {
      switch event {
      case .startLine(let range):
        statusLine = try Self.statusLine(scanner.bytes[range])
      case .end:
        let headers = scanner.takeFields()
        guard let (version, status) = statusLine.take() else {
          throw Self.malformed("no status line")
        }
        return (offset, ResponseHead(status: status, headers: headers, version: version))
      }
    }
    return (offset, nil)
  }

  /// `HTTP-version SP status-code SP [ reason-phrase ]`.
  ///
  /// The phrase is dropped; the space before an absent one may be missing, as servers do. A code
  /// outside 100…599 has no meaning and is refused.
  private static func statusLine(
    _ line: ArraySlice<UInt8>
  ) throws(HTTPError) -> (version: HTTPVersion, status: HTTPStatus) {
    let parts = line.split(separator: .space, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2 else { throw malformed("malformed status line") }
    let version: HTTPVersion
    do {
      version = try HTTPVersion.read(parts[0])
    } catch {
      switch error {
      case .malformed: throw malformed("malformed HTTP version")
      case .unsupported: throw malformed("HTTP version not supported")
      }
    }
    guard parts[1].count == 3, parts[1].allSatisfy(\.isDigit) else {
      throw malformed("malformed status code")
    }
    // Three digits: no overflow.
    let code = parts[1].reduce(UInt16(0)) { $0 * 10 + UInt16($1 - UInt8(ascii: "0")) }
    guard 100...599 ~= code else { throw malformed("status code out of range") }
    return (version, HTTPStatus(rawValue: code))
  }

  private static func malformed(_ reason: String) -> HTTPError {
    HTTPError(status: .badGateway, reason: reason)
  }
}
