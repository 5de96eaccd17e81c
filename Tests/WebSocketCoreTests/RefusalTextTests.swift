import HTTPCore
import Testing
import WebSocketCore

@Suite("What a server says when it refuses")
struct RefusalTextTests {
  /// The error, and whether it came before the end of the connection.
  private struct Refusal: Equatable {
    var text: String
    var isWhole: Bool
  }

  private func read(_ pieces: [[UInt8]]) -> Refusal? {
    var reader = OpeningResponseReader(
      ClientUpgradeRequest(host: "a", target: "/", key: "dGhlIHNhbXBsZSBub25jZQ=="))
    for piece in pieces {
      var position = 0
      do throws(OpeningError) {
        let answer = try reader.read(piece.span, from: &position)
        #expect(answer == nil && position == piece.count)
      } catch {
        return Refusal(text: "\(error)", isWhole: true)
      }
    }
    return reader.refusal.map { Refusal(text: "\($0)", isWhole: false) }
  }

  @Test(arguments: [
    ("Content-Type: text/plain\r\nContent-Length: 18\r\n\r\norigin not allowed", true),
    (
      "content-type: Text/Plain; charset=utf-8\r\nContent-Length: 18\r\n\r\norigin not allowed",
      true
    ),
    ("Content-Type: text/plain\r\nContent-Length: 30\r\n\r\n origin \r\n\tnot allowed\n", false),
    ("Content-Type: text/plain\r\n\r\norigin not allowed\r\n", false),
    (
      "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "7\r\norigin \r\nb;x=y\r\nnot allowed\r\n0\r\n\r\n", true
    ),
    (
      "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "12\r\norigin not allowed\r\nno chunk", true
    ),
  ])
  func shown(answer: String, isWhole: Bool) {
    let bytes = Array(("HTTP/1.1 403 Forbidden\r\n" + answer).utf8)
    let expected = Refusal(
      text: "the server refused: 403 Forbidden: origin not allowed", isWhole: isWhole)
    #expect(read([bytes]) == expected)
    #expect(read(bytes.map { [$0] }) == expected)
  }

  @Test func json() {
    let answer = """
      HTTP/1.1 400 \r
      Content-Type: application/json\r
      Content-Length: 20\r
      \r
      {
        "error": "no"
      }

      """
    #expect(
      read([Array(answer.utf8)])?.text
        == #"the server refused: 400 Bad Request: { "error": "no" }"#)
  }

  @Test(arguments: [
    "Content-Type: text/html\r\nContent-Length: 4\r\n\r\n<br>",
    "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
    "Content-Type: text/plain\r\nContent-Length: -1\r\n\r\n",
    "Content-Type:\r\nContent-Length: 4\r\n\r\ntext",
    "Content-Length: 4\r\n\r\ntext",
    "\r\n",
  ])
  func notShown(answer: String) {
    #expect(
      read([Array(("HTTP/1.1 403 Forbidden\r\n" + answer).utf8)])
        == Refusal(text: "the server refused: 403 Forbidden", isWhole: true))
  }

  @Test func bounded() {
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n"
    let long = read([Array((head + String(repeating: "x", count: 10_000)).utf8)])
    #expect(
      long
        == Refusal(
          text: "the server refused: 403 Forbidden: " + String(repeating: "x", count: 200) + "…",
          isWhole: true))
    let tooMuch = head.replacing("\r\n\r\n", with: "\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(
      read([Array((tooMuch + "ffffffffffffffff\r\n").utf8)])
        == Refusal(text: "the server refused: 403 Forbidden", isWhole: true))
  }
}
