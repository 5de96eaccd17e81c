import HTTPCore
import Testing

private func post(_ fields: String, version: String = "1.1") -> String {
  "POST / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n\r\n"
}

@Suite("RFC 9112 §6: message body length")
struct BodyFramingTests {
  @Test(arguments: [
    ("A: b", BodyFraming.none), ("Content-Length: 0", .none), ("Content-Length: 1", .length(1)),
    ("content-length: 0005", .length(5)), ("Content-Length: 1048576", .length(1 << 20)),
    ("Transfer-Encoding: chunked", .chunked), ("TRANSFER-ENCODING:\tChunked ", .chunked),
  ])
  func framing(_ field: String, _ framing: BodyFraming) throws {
    #expect(try parse(post(field)).bodyFraming == framing)
  }

  @Test(arguments: [
    "Content-Length:", "Content-Length: -1", "Content-Length: +1", "Content-Length: 0x1",
    "Content-Length: 1 1", "Content-Length: 1,1", "Content-Length: 1, 2", "Content-Length: 1;",
    "Content-Length: 1.0", "Content-Length: \u{0661}", "Content-Length: 1e9", "Content-Length: a",
    "Content-Length: 99999999999999999999a", "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\ncontent-length: 6", "Content-Length : 5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: chunked\r\nContent-Length: 0", "Transfer-Encoding: x\r\nContent-Length: 5",
    "Transfer-Encoding:", "Transfer-Encoding: ,", "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked,",
    "Transfer-Encoding : chunked", "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding\u{0}: chunked", "Transfer-Encoding: chunked\r\n x",
  ])
  func smuggling(_ field: String) {
    #expect(failure(post(field))?.status == .badRequest)
  }

  @Test(arguments: ["gzip, chunked", "gzip", "identity", "xchunked", "chunked;a=b", "\"chunked\""])
  func otherCodings(_ coding: String) {
    #expect(failure(post("Transfer-Encoding: \(coding)"))?.status == .notImplemented)
  }

  @Test(arguments: ["chunked", "gzip"])
  func noCodingsOnHTTP10(_ coding: String) {
    let text = post("Transfer-Encoding: \(coding)", version: "1.0")
    #expect(failure(text)?.status == .badRequest)
  }

  @Test(arguments: [
    "1048577", "9223372036854775807", "9223372036854775808", "18446744073709551617",
    "00000000000000000000000000000009999999",
  ])
  func tooLong(_ length: String) {
    #expect(failure(post("Content-Length: \(length)"))?.status == .contentTooLarge)
  }
}

/// What a body came to: its content and what was taken, or the error's status.
private struct BodyOutcome: Equatable, Sendable {
  var content: [UInt8] = []
  var consumed = 0
  var isComplete = false
  var error: HTTPError?
}

private func decode(
  _ pieces: [ArraySlice<UInt8>], _ framing: BodyFraming, _ limits: HTTPLimits
) -> BodyOutcome {
  var decoder = BodyDecoder(framing: framing, limits: limits)
  var outcome = BodyOutcome(isComplete: decoder.isComplete)
  for piece in pieces {
    var rest = piece
    while !rest.isEmpty, !outcome.isComplete {
      do throws(HTTPError) {
        let step = try decoder.decode(rest.span)
        #expect(step.consumed > 0)
        #expect(step.content.upperBound <= step.consumed)
        #expect(step.isComplete == decoder.isComplete)
        outcome.content += rest.dropFirst(step.content.lowerBound).prefix(step.content.count)
        outcome.consumed += step.consumed
        outcome.isComplete = step.isComplete
        rest = rest.dropFirst(step.consumed)
      } catch {
        outcome.error = error
        outcome.consumed = 0
        return outcome
      }
    }
  }
  return outcome
}

/// The outcome of `text`, the same for every cut.
private func decode(
  _ text: String, _ framing: BodyFraming = .chunked, _ limits: HTTPLimits = HTTPLimits()
) -> BodyOutcome {
  let bytes = Array(text.utf8)
  let whole = decode([bytes[...]], framing, limits)
  for pieces in cuts(of: bytes) {
    let other = decode(pieces, framing, limits)
    #expect(other == whole)
  }
  return whole
}

private func content(_ outcome: BodyOutcome) -> String? {
  outcome.isComplete ? String(decoding: outcome.content, as: UTF8.self) : nil
}

@Suite("RFC 9112 §6.2: Content-Length body")
struct LengthBodyTests {
  @Test func takesThatManyBytes() {
    let outcome = decode("hello next", .length(5))
    #expect(content(outcome) == "hello")
    #expect(outcome.consumed == 5)
  }

  @Test func isIncompleteUntilThen() {
    #expect(!decode("hell", .length(5)).isComplete)
  }

  @Test(arguments: [BodyFraming.none, .length(0)])
  func noBody(_ framing: BodyFraming) throws {
    var decoder = BodyDecoder(framing: framing, limits: HTTPLimits())
    #expect(decoder.isComplete)
    let next = Array("next".utf8)
    let step = try decoder.decode(next.span)
    #expect(step.consumed == 0)
    #expect(step.isComplete)
  }

  @Test func limit() {
    let limits = HTTPLimits(bodyBytesMax: 5)
    #expect(content(decode("hello", .length(5), limits)) == "hello")
    #expect(decode("hello!", .length(6), limits).error?.status == .contentTooLarge)
  }
}

@Suite("RFC 9112 §7.1: chunked body")
struct ChunkedBodyTests {
  @Test(arguments: [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("000\r\n\r\n", ""),
    ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"), ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("0000000000000002\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    ("1;a\r\nb\r\n0;c=d\r\n\r\n", "b"), ("1 ; a=\"b;c\"\r\nb\r\n0\t;c\r\n\r\n", "b"),
    ("1;\r\nb\r\n0\r\n\r\n", "b"), ("0\r\nA: b\r\nC:\r\n\r\n", ""),
    ("1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n", "a"),
  ])
  func chunks(_ text: String, _ expected: String) {
    let outcome = decode(text + "next")
    #expect(content(outcome) == expected)
    #expect(outcome.consumed == text.utf8.count)
  }

  @Test(arguments: [
    "\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\n", "1\t\r\n", "1 1\r\n",
    "1\n", "1\r\r", "1\ra", "1;a\n", "1;a\rb", "1;\u{0}\r\n", "1,\r\n", "1\r\nab\r\n",
    "1\r\na\n", "1\r\na\r\r", "1\r\naa\r\n0\r\n\r\n", "2\r\na\r\n0\r\n\r\n", "\u{ff}\r\n",
    "0\r\n\n", "0\r\n\ra", "0\r\nA\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\nA : b\r\n\r\n",
    "0\r\n A: b\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\nA: b\rc\r\n", "0\r\nA: \u{0}\r\n\r\n",
    "00000000000000000\r\n\r\n",
  ])
  func malformed(_ text: String) {
    #expect(decode(text).error?.status == .badRequest)
  }

  @Test(arguments: [
    "100001\r\n", "7fffffffffffffff\r\n", "8000000000000000\r\n", "ffffffffffffffff\r\n",
    "FFFFFFFFF\r\n",
  ])
  func tooLong(_ text: String) {
    #expect(decode(text).error?.status == .contentTooLarge)
  }

  @Test func isIncompleteUntilTheEnd() {
    let text = "2;x\r\nab\r\n0\r\nA: b\r\n\r\n"
    let bytes = Array(text.utf8)
    for count in bytes.indices {
      let outcome = decode([bytes[..<count]], .chunked, HTTPLimits())
      #expect(!outcome.isComplete)
      #expect(outcome.error == nil)
    }
  }

  @Test func contentLimit() {
    let limits = HTTPLimits(bodyBytesMax: 5)
    #expect(content(decode("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", .chunked, limits)) == "abcde")
    let over = decode("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", .chunked, limits)
    #expect(over.error?.status == .contentTooLarge)
    #expect(over.content == Array("abc".utf8))
    #expect(decode("6\r\n", .chunked, limits).error?.status == .contentTooLarge)
    let largest = HTTPLimits(bodyBytesMax: .max)
    #expect(decode("7fffffffffffffff\r\n", .chunked, largest).error == nil)
    #expect(decode("8000000000000000\r\n", .chunked, largest).error?.status == .contentTooLarge)
    let second = "1\r\na\r\n7fffffffffffffff\r\n"
    #expect(decode(second, .chunked, largest).error?.status == .contentTooLarge)
  }

  @Test func extensionLimit() {
    let limits = HTTPLimits(chunkExtensionBytesMax: 6)
    #expect(content(decode("1;ab\r\nx\r\n0;ab\r\n\r\n", .chunked, limits)) == "x")
    #expect(content(decode("1 ;a\r\nx\r\n0\t;a\r\n\r\n", .chunked, limits)) == "x")
    let over = decode("1;ab\r\nx\r\n0;abc\r\n\r\n", .chunked, limits)
    #expect(over.error?.status == .contentTooLarge)
  }

  @Test func trailerLimits() {
    let limits = HTTPLimits(headBytesMax: 14, headerFieldsMax: 2)
    #expect(content(decode("0\r\nA: b\r\nA: b\r\n\r\n", .chunked, limits)) == "")
    #expect(content(decode("0\r\nA: bbbbbbb\r\n\r\n", .chunked, limits)) == "")
    let fields = decode("0\r\nA:\r\nA:\r\nA:\r\n\r\n", .chunked, limits)
    #expect(fields.error?.status == .requestHeaderFieldsTooLarge)
    let bytes = decode("0\r\nA: bbbbbbbb\r\n\r\n", .chunked, limits)
    #expect(bytes.error?.status == .requestHeaderFieldsTooLarge)
  }
}
