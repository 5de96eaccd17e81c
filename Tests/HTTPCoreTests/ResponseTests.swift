import HTTPCore
import Testing

/// The head of `text`, the same for every cut.
private func parseResponse(
  _ text: String, _ limits: HTTPLimits = HTTPLimits()
) throws -> ResponseHead {
  let bytes = Array(text.utf8)
  let whole = feedResponse([bytes[...]], limits)
  let head = try #require(try whole.result.get())
  for pieces in cuts(of: bytes) {
    let (consumed, result) = feedResponse(pieces, limits)
    let other = try #require(try result.get())
    #expect(other.serialized() == head.serialized())
    #expect(consumed == whole.consumed)
  }
  return head
}

private func responseFailure(
  _ text: String, _ limits: HTTPLimits = HTTPLimits()
) -> HTTPError? {
  let bytes = Array(text.utf8)
  func error(_ pieces: [ArraySlice<UInt8>]) -> HTTPError? {
    if case .failure(let error) = feedResponse(pieces, limits).result { error } else { nil }
  }
  let whole = error([bytes[...]])
  for pieces in cuts(of: bytes) {
    #expect(error(pieces) == whole)
  }
  return whole
}

@Suite("RFC 9112 §4: status line and response head")
struct ResponseHeadTests {
  @Test func writes() {
    let head = ResponseHead(status: .upgradeRequired, headers: ["A": "b", "C": ""])
    #expect(
      String(decoding: head.serialized(), as: UTF8.self)
        == "HTTP/1.1 426 Upgrade Required\r\nA: b\r\nC: \r\n\r\n")
    #expect(
      ResponseHead(status: HTTPStatus(rawValue: 299)).serialized()
        == Array("HTTP/1.1 299 \r\n\r\n".utf8))
  }

  @Test func readsWhatItWrites() throws {
    let head = ResponseHead(status: .ok, headers: ["A": "b"], version: .http10)
    let text = String(decoding: head.serialized(), as: UTF8.self)
    #expect(try parseResponse(text).serialized() == head.serialized())
  }

  @Test(
    arguments: [
      ("HTTP/1.1 101 Switching Protocols", 101), ("HTTP/1.0 200 OK", 200), ("HTTP/1.1 404 ", 404),
      ("HTTP/1.1 404", 404), ("HTTP/1.1 599 a  b\t\u{e9}", 599), ("HTTP/1.1 100  ", 100),
    ] as [(String, UInt16)])
  func statusLines(_ line: String, _ code: UInt16) throws {
    let head = try parseResponse("\(line)\r\nA: b\r\n\r\nnext")
    #expect(head.status.rawValue == code)
    #expect(head.headers["a"] == "b")
  }

  @Test(arguments: [
    "", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
    "HTTP/1.1 +20 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 999 OK", "HTTP/2.0 200 OK",
    "HTTP/1 200 OK", "http/1.1 200 OK", " HTTP/1.1 200 OK", "HTTP/1.1\t200 OK", "ICY 200 OK",
    "HTTP/1.1 200 O\u{0}", "\r\nHTTP/1.1 200 OK", "HTTP/1.1 20\u{0660} OK",
  ])
  func malformedStatusLines(_ line: String) {
    #expect(responseFailure("\(line)\r\nA: b\r\n\r\n")?.status == .badGateway)
  }

  @Test(arguments: ["A", "A : b", " A: b", ": b", "A: \u{0}", "A: b\nC: d", "A: b\rC: d"])
  func malformedFields(_ line: String) {
    #expect(responseFailure("HTTP/1.1 200 OK\r\n\(line)\r\n\r\n")?.status == .badGateway)
  }

  @Test func limits() throws {
    let text = "HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\n\r\n"
    let count = text.utf8.count
    _ = try parseResponse(text, HTTPLimits(headBytesMax: count, headerFieldsMax: 2))
    #expect(responseFailure(text, HTTPLimits(headBytesMax: count - 1))?.status == .badGateway)
    #expect(responseFailure(text, HTTPLimits(headerFieldsMax: 1))?.status == .badGateway)
  }

  @Test func readsOneHeadAfterAnother() throws {
    var parser = ResponseHeadParser(limits: HTTPLimits())
    let input = Array("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n".utf8)
    let first = try parser.parse(input.span)
    #expect(first.head?.status.isInformational == true)
    let isEmpty = parser.isEmpty
    #expect(isEmpty)
    let rest = input[first.consumed...]
    let second = try parser.parse(rest.span)
    #expect(second.head?.status == .ok)
    #expect(second.head?.headers["A"] == "b")
  }
}

@Suite("RFC 9110 §15: status codes")
struct HTTPStatusTests {
  @Test func phrases() {
    #expect(HTTPStatus.ok.description == "200 OK")
    #expect(HTTPStatus(rawValue: 299).description == "299")
    for status in [HTTPStatus.continue, .requestHeaderFieldsTooLarge, .httpVersionNotSupported] {
      #expect(!status.reasonPhrase.isEmpty)
    }
  }
}
