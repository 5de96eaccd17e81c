import HTTPCore
import Testing
import WebSocketCore

@Suite("RFC 6455 §4.1: reading the server's answer")
struct OpeningResponseReaderTests {
  private static let accepted = """
    HTTP/1.1 101 Switching Protocols\r
    Upgrade: websocket\r
    Connection: Upgrade\r
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
    Sec-WebSocket-Protocol: chat\r
    \r\n
    """
  private static let interim = """
    HTTP/1.1 103 Early Hints\r
    Link: </style.css>\r
    \r\n
    """
  /// What follows the head: it looks like one more, and is none of the reader's business.
  private static let behind = "HTTP/1.1 200 OK\r\n\r\n"

  /// What reading some pieces has come to.
  private struct Reading {
    var upgrade: AcceptedUpgrade?
    var head: ResponseHead?
    /// Of all bytes, those that were taken.
    var taken = 0
    var isEmpty = true
    var error: String?
  }

  private func read(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> Reading {
    var request = ClientUpgradeRequest(
      host: "a", target: "/", key: "dGhlIHNhbXBsZSBub25jZQ==")
    request.subprotocols = ["chat"]
    var reader = OpeningResponseReader(request, limits: limits)
    var reading = Reading()
    for piece in pieces {
      var position = 0
      do throws(OpeningError) {
        let answer = try reader.read(piece.span, from: &position)
        reading.taken += position
        reading.isEmpty = reader.isEmpty
        if let answer {
          (reading.upgrade, reading.head) = (answer.upgrade, answer.head)
          return reading
        }
        if position != piece.count { Issue.record("\(position) of \(piece.count) bytes taken") }
      } catch {
        reading.error = "\(error)"
        return reading
      }
    }
    return reading
  }

  private func read(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Reading {
    read([Array(text.utf8)], limits: limits)
  }

  @Test(arguments: ["", interim, interim + interim])
  func cutAnywhere(before: String) {
    let head = Array((before + Self.accepted).utf8)
    let all = head + Array(Self.behind.utf8)
    for cuts in ReaderVerifier.waysToCut(all.count) {
      var pieces: [[UInt8]] = []
      var start = 0
      for end in cuts + [all.count] {
        pieces.append(Array(all[start..<end]))
        start = end
      }
      let reading = read(pieces)
      #expect(reading.taken == head.count, "cut at \(cuts)")
      #expect(reading.upgrade?.subprotocol == "chat")
      #expect(reading.head?.status == .switchingProtocols)
      #expect(reading.head?.headers["connection"] == "Upgrade")
    }
  }

  @Test func incomplete() {
    let head = Array(Self.accepted.utf8)
    #expect(read([]).isEmpty)
    #expect(read([[]]).isEmpty)
    for count in 1..<head.count {
      let reading = read([Array(head[..<count])])
      #expect(reading.upgrade == nil && reading.error == nil && !reading.isEmpty)
    }
    // An interim response is no beginning of the answer.
    #expect(read(Self.interim).isEmpty)
    #expect(!read(Self.interim + "H").isEmpty)
  }

  @Test func beginsWithinTheInput() throws {
    let request = ClientUpgradeRequest(host: "a", target: "/", key: "dGhlIHNhbXBsZSBub25jZQ==")
    var reader = OpeningResponseReader(request)
    let bytes = Array(
      ("\r\nxx" + Self.accepted + "yy").replacing("Sec-WebSocket-P", with: "X-P").utf8)
    var position = 4
    let answer = try reader.read(bytes.span, from: &position)
    #expect(answer != nil)
    #expect(position == bytes.count - 2)
  }

  @Test func interimResponses() {
    let seven = String(repeating: Self.interim, count: 7)
    #expect(read(seven + Self.accepted).upgrade != nil)
    let reading = read(seven + "HTTP/1.1 100 Continue\r\n\r\n" + Self.accepted)
    #expect(reading.error == "the server sends one interim response after the other")
  }

  @Test(arguments: [
    ("HTTP/2 101 \r\n\r\n", "the server's answer is not usable HTTP: malformed HTTP version"),
    ("HTTP/1.1 99 \r\n\r\n", "the server's answer is not usable HTTP: malformed status code"),
    ("HTTP/1.1 600 \r\n\r\n", "the server's answer is not usable HTTP: status code out of range"),
    ("hello\r\n\r\n", "the server's answer is not usable HTTP: malformed status line"),
    ("\u{1}hello", "the server's answer is not usable HTTP: control character"),
    ("HTTP/1.1 101 \r\n\r\n", "the server's 101 doesn't upgrade to websocket"),
    (
      "HTTP/1.1 301 \r\nLocation: wss://b/\r\n\r\n",
      "the server redirects (301 Moved Permanently) to wss://b/"
    ),
    (
      "HTTP/1.1 401 \r\nWWW-Authenticate: Basic realm=x\r\n\r\n",
      "the server wants authentication (401): Basic realm=x"
    ),
    ("HTTP/1.1 401 \r\n\r\n", "the server wants authentication (401)"),
    (
      "HTTP/1.1 426 \r\nSec-WebSocket-Version: 8, 7\r\n\r\n",
      "the server doesn't speak this protocol version (426), but 8, 7"
    ),
    ("HTTP/1.1 503 \r\n\r\n", "the server refused: 503 Service Unavailable"),
    (
      accepted.replacing("1.1", with: "1.0"),
      "the server upgrades in another version of HTTP than 1.1"
    ),
    (
      accepted.replacing("Connection: Upgrade", with: "Connection: close"),
      "the server's 101 has no Connection: Upgrade"
    ),
    (
      accepted.replacing("s3pP", with: "S3pP"),
      "the server's Sec-WebSocket-Accept is missing or wrong: it doesn't speak WebSocket"
    ),
    (
      accepted.replacing(": chat", with: ": talk"),
      "the server chose the subprotocol 'talk', which was not asked for"
    ),
    (
      accepted.replacing("Sec-WebSocket-Protocol: chat", with: "Sec-WebSocket-Extensions: x"),
      "the server chose the extension 'x', which was not asked for"
    ),
    (
      accepted.replacing("Sec-WebSocket-Protocol: chat", with: "Sec-WebSocket-Extensions: ;"),
      "the server's Sec-WebSocket-Extensions is malformed"
    ),
  ])
  func refused(answer: String, description: String) {
    #expect(read(answer).error == description)
    #expect(read(answer.utf8.map { [$0] }).error == description)
  }

  @Test func limits() {
    let count = Self.accepted.utf8.count
    #expect(read(Self.accepted, limits: HTTPLimits(headBytesMax: count)).upgrade != nil)
    let tooLong = read(Self.accepted, limits: HTTPLimits(headBytesMax: count - 1))
    #expect(tooLong.error?.hasPrefix("the server's answer is not usable HTTP: ") == true)
    #expect(read(Self.accepted, limits: HTTPLimits(headerFieldsMax: 4)).upgrade != nil)
    #expect(read(Self.accepted, limits: HTTPLimits(headerFieldsMax: 3)).error != nil)
    // Each interim response has the limits to itself.
    let several = Self.interim + Self.interim + Self.accepted
    #expect(read(several, limits: HTTPLimits(headBytesMax: count)).upgrade != nil)
    // What never ends is refused before it is kept.
    let endless = String(repeating: "a", count: 100_000)
    #expect(read(endless).error != nil)
    #expect(read("HTTP/1.1 101 " + endless).error != nil)
  }
}
