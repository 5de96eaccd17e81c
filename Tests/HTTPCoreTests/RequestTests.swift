import HTTPCore
import Testing

/// The head of `text`, the same for every cut, with nothing after it taken.
func parse(_ text: String, _ limits: HTTPLimits = HTTPLimits()) throws -> RequestHead {
  let bytes = Array(text.utf8)
  let whole = feed([bytes[...]], limits)
  let head = try #require(try whole.result.get(), "incomplete: \(text.debugDescription)")
  for pieces in cuts(of: bytes) {
    let (consumed, result) = feed(pieces, limits)
    let other = try #require(try result.get())
    #expect(summary(other) == summary(head))
    #expect(consumed == whole.consumed)
  }
  return head
}

/// The error of `text`, the same for every cut.
func failure(_ bytes: [UInt8], _ limits: HTTPLimits = HTTPLimits()) -> HTTPError? {
  func error(_ pieces: [ArraySlice<UInt8>]) -> HTTPError? {
    if case .failure(let error) = feed(pieces, limits).result { error } else { nil }
  }
  let whole = error([bytes[...]])
  for pieces in cuts(of: bytes) {
    #expect(error(pieces) == whole)
  }
  return whole
}

func failure(_ text: String, _ limits: HTTPLimits = HTTPLimits()) -> HTTPError? {
  failure(Array(text.utf8), limits)
}

private func get(_ fields: String...) -> String {
  "GET / HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

@Suite("RFC 9112 §2: messages and lines")
struct MessageFormatTests {
  @Test func readsARequest() throws {
    let head = try parse("GET /chat?room=1 HTTP/1.1\r\nHost: example.com:80\r\nA:b\r\n\r\nnext")
    #expect(head.method == .get)
    #expect(head.target == "/chat?room=1")
    #expect(head.path == "/chat")
    #expect(head.query == "room=1")
    #expect(head.version == .http11)
    #expect(head.host == "example.com:80")
    #expect(head.bodyFraming == .none)
    #expect(head.keepAlive)
    #expect(!head.expectsContinue)
    #expect(head.headers.map(\.name) == ["Host", "A"])
    #expect(head.headers.map(\.value) == ["example.com:80", "b"])
  }

  @Test func takesNothingAfterTheHead() {
    let bytes = Array((get() + "GET").utf8)
    #expect(feed([bytes[...]], HTTPLimits()).consumed == bytes.count - 3)
  }

  @Test func readsOneHeadAfterAnother() throws {
    var parser = RequestHeadParser(limits: HTTPLimits())
    let wasEmpty = parser.isEmpty
    #expect(wasEmpty)
    let input = Array((get("N: 1") + get("N: 2")).utf8)
    let first = try parser.parse(input.span)
    #expect(first.head?.headers["n"] == "1")
    let isEmptyBetween = parser.isEmpty
    #expect(isEmptyBetween)
    let rest = input[first.consumed...]
    let second = try parser.parse(rest.span)
    #expect(second.head?.headers["n"] == "2")
  }

  @Test func skipsOneEmptyLineBeforeTheRequestLine() throws {
    _ = try parse("\r\n" + get())
    #expect(failure("\r\n\r\n" + get())?.status == .badRequest)
  }

  @Test func anEmptyLineIsNothing() throws {
    var parser = RequestHeadParser(limits: HTTPLimits())
    _ = try parser.parse(Array("\r\n".utf8).span)
    let isEmptyAfterLine = parser.isEmpty
    #expect(isEmptyAfterLine)
    _ = try parser.parse(Array("G".utf8).span)
    let isEmptyAfterByte = parser.isEmpty
    #expect(!isEmptyAfterByte)
  }

  @Test func anIncompleteHeadIsNoHead() throws {
    let bytes = Array(get("A: b").utf8)
    for count in bytes.indices {
      let (consumed, result) = feed([bytes[..<count]], HTTPLimits())
      #expect(try result.get() == nil)
      #expect(consumed == count)
    }
  }

  @Test(arguments: [
    "\n" + get(), "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
    "GET / HTTP/1.1\rHost: a\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\rb\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\rA: b\r\n\r\n",
  ])
  func lineEndsAreCRLFOnly(_ text: String) {
    #expect(failure(text)?.status == .badRequest)
  }
}

@Suite("RFC 9112 §3: request line")
struct RequestLineTests {
  @Test(arguments: [
    ("GET", HTTPMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put),
    ("DELETE", .delete), ("OPTIONS", .options), ("TRACE", .trace), ("PATCH", .patch),
    ("get", .other("get")), ("M-SEARCH", .other("M-SEARCH")),
  ])
  func methods(_ name: String, _ method: HTTPMethod) throws {
    #expect(try parse("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").method == method)
    #expect(method.name == name)
  }

  @Test(arguments: [
    "", "GET", "GET /", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
    " GET / HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET /a b HTTP/1.1",
    "G(T / HTTP/1.1", "G\u{e9}T / HTTP/1.1", "GET: / HTTP/1.1", " / HTTP/1.1",
    "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/1.11", "GET / HTTP/11.1", "GET / http/1.1",
    "GET / HTTP 1.1", "GET / HTTP/1,1", "GET / HTTPS/1.1", "GET / HTTP/a.b", "GET / XTTP/1.1",
    "GET /\u{0} HTTP/1.1", "GET /\u{7f} HTTP/1.1", "GET /\u{e9} HTTP/1.1", "GET /#a HTTP/1.1",
  ])
  func malformedLines(_ line: String) {
    #expect(failure("\(line)\r\nHost: a\r\n\r\n")?.status == .badRequest)
  }

  @Test(arguments: ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"])
  func otherVersions(_ version: String) {
    #expect(failure("GET / \(version)\r\nHost: a\r\n\r\n")?.status == .httpVersionNotSupported)
  }

  @Test func anHTTP2PrefaceIs505() {
    #expect(failure("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?.status == .httpVersionNotSupported)
  }

  @Test(
    arguments: [
      ("/", "/", nil, nil), ("/?", "/", "", nil), ("/a?b?c", "/a", "b?c", nil),
      ("//a/%2f..", "//a/%2f..", nil, nil), ("/a:b@c", "/a:b@c", nil, nil),
      ("http://h", "/", nil, "h"), ("HTTP://h:1/p?q", "/p", "q", "h:1"),
      ("ws://[::1]:8080/c", "/c", nil, "[::1]:8080"), ("https://h?q", "/", "q", "h"),
    ] as [(String, String, String?, String?)])
  func targets(_ target: String, _ path: String, _ query: String?, _ authority: String?) throws {
    let head = try parse("GET \(target) HTTP/1.1\r\nHost: example.com\r\n\r\n")
    #expect(head.target == target)
    #expect(head.path == path)
    #expect(head.query == query)
    #expect(head.host == authority ?? "example.com")
  }

  @Test(arguments: [
    "*", "a", "a.com:80", "?q", "ftp://h/", "http:/h", "http://", "http:///p", "http://u@h/",
    "http://h:x/", "http://h:65536/", "http://[::1/", "http://[]/", "http://h\\a/", "://h/",
  ])
  func malformedTargets(_ target: String) {
    #expect(failure("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")?.status == .badRequest)
  }

  @Test(arguments: ["*", "http://h"])
  func optionsForTheWholeServer(_ target: String) throws {
    #expect(try parse("OPTIONS \(target) HTTP/1.1\r\nHost: h\r\n\r\n").path == "*")
  }

  @Test func connectTakesAnAuthority() throws {
    let head = try parse("CONNECT b.com:443 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(head.method == .connect)
    #expect(head.path.isEmpty)
    #expect(head.host == "b.com:443")
  }

  @Test(arguments: ["/", "*", "b.com", "b.com:", "http://b.com:443/", "u@b.com:443"])
  func connectTakesNothingElse(_ target: String) {
    #expect(failure("CONNECT \(target) HTTP/1.1\r\nHost: a\r\n\r\n")?.status == .badRequest)
  }
}

@Suite("RFC 9112 §3.2: Host")
struct HostTests {
  @Test(arguments: [
    "example.com", "EXAMPLE.com.", "a:", "a:0", "a:65535", "127.0.0.1:8080", "[::1]", "[::1]:80",
    "[::ffff:1.2.3.4]", "a_b-c.d~e", "xn--bcher-kva.ch", "a%41", "a,b",
  ])
  func valid(_ host: String) throws {
    #expect(try parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").host == host)
    #expect(Authority.isValid(host))
  }

  @Test(arguments: [
    "", ":80", "a b", "a/b", "a?b", "a@b", "http://a", "a:b", "a:65536", "a:123456", "a:-1",
    "a:1:2", "::1", "[::1", "::1]", "[1]", "[::1]a", "[::g]", "[fe80::1%25lo]", "a%4", "a%zz",
    "\u{e9}.com", "a\\b", "a\"b", "<a>",
  ])
  func invalid(_ host: String) {
    #expect(failure("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")?.status == .badRequest)
    #expect(!Authority.isValid(host))
  }

  @Test(arguments: [
    "", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n",
  ])
  func exactlyOne(_ fields: String) {
    #expect(failure("GET / HTTP/1.1\r\n\(fields)\r\n")?.status == .badRequest)
  }

  @Test func anAbsoluteTargetStillNeedsHost() {
    #expect(failure("GET http://a/ HTTP/1.1\r\n\r\n")?.status == .badRequest)
  }

  @Test func optionalBefore11() throws {
    #expect(try parse("GET / HTTP/1.0\r\n\r\n").host == nil)
    #expect(try parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n").host == "a")
    #expect(failure("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")?.status == .badRequest)
  }
}

@Suite("RFC 9112 §5: field lines")
struct FieldLineTests {
  @Test(arguments: [
    ("A:b", "b"), ("A: b", "b"), ("A:\t b \t", "b"), ("A:", ""), ("A: ", ""),
    ("A: b c\td", "b c\td"),
    ("A: b:c", "b:c"), ("A: \"b\"", "\"b\""), ("A: \u{e9}", "\u{e9}"),
    ("!#$%&'*+-.^_`|~09Az: b", nil),
  ])
  func values(_ line: String, _ value: String?) throws {
    #expect(try parse(get(line)).headers["a"] == value)
  }

  @Test func obsTextIsNoError() throws {
    var bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nA: b".utf8)
    bytes.append(contentsOf: [0xFF, 0x80] + Array("\r\n\r\n".utf8))
    #expect(failure(bytes) == nil)
    let head = try #require(try feed([bytes[...]], HTTPLimits()).result.get())
    #expect(head.headers["A"] == "b\u{fffd}\u{fffd}")
  }

  @Test(arguments: [
    "A", "A : b", "A\t: b", ": b", " A: b", "\tA: b", " ", "A B: c", "A(: b", "\"A\": b",
    "\u{e9}: b",
    "A: b\u{0}", "A: \u{1}", "A: b\u{7f}", "A: b\u{b}c", "A\u{0}: b", "@: b",
  ])
  func malformed(_ line: String) {
    #expect(failure(get(line))?.status == .badRequest)
    #expect(failure(get("X: y", line))?.status == .badRequest)
  }

  @Test func foldedLinesAreRefused() {
    #expect(failure(get("A: b", " c"))?.reason == "folded field line")
    #expect(failure("GET / HTTP/1.1\r\n Host: a\r\n\r\n")?.status == .badRequest)
  }
}

@Suite("RFC 9112 §9.3 and RFC 9110 §10.1.1: Connection, Expect")
struct ConnectionTests {
  @Test(arguments: [
    ("1.1", "", true), ("1.1", "close", false), ("1.1", "Close", false),
    ("1.1", "keep-alive", true), ("1.1", "keep-alive, close", false), ("1.1", "closed", true),
    ("1.1", "Upgrade ,\tCLOSE", false), ("1.0", "", false), ("1.0", "keep-alive", true),
    ("1.0", "Keep-Alive, Upgrade", true), ("1.0", "keep-alive, close", false),
  ])
  func keepAlive(_ version: String, _ connection: String, _ keepAlive: Bool) throws {
    let head = try parse("GET / HTTP/\(version)\r\nHost: a\r\nConnection: \(connection)\r\n\r\n")
    #expect(head.keepAlive == keepAlive)
  }

  @Test func closeOnAnyLine() throws {
    #expect(try !parse(get("Connection: upgrade", "Connection: close")).keepAlive)
  }

  @Test func expectations() throws {
    #expect(try parse(get("Expect: 100-Continue", "Content-Length: 1")).expectsContinue)
    #expect(try parse(get("Expect: 100-continue", "Transfer-Encoding: chunked")).expectsContinue)
    #expect(try !parse(get("Expect: 100-continue")).expectsContinue)
    #expect(failure(get("Expect: tea", "Content-Length: 1"))?.status == .expectationFailed)
    let old = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    #expect(try !parse(old).expectsContinue)
  }
}

@Suite("Limits of a head")
struct HeadLimitTests {
  /// A head of exactly so many bytes.
  private func head(bytes: Int) -> String {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nA: "
    return start + String(repeating: "b", count: bytes - start.utf8.count - 4) + "\r\n\r\n"
  }

  @Test func headBytes() throws {
    let limits = HTTPLimits(headBytesMax: 100)
    _ = try parse(head(bytes: 100), limits)
    _ = try parse("\r\n" + head(bytes: 100), limits)
    #expect(failure(head(bytes: 101), limits)?.status == .requestHeaderFieldsTooLarge)
    #expect(failure(head(bytes: 300), limits)?.status == .requestHeaderFieldsTooLarge)
  }

  @Test func requestLineBytes() {
    let limits = HTTPLimits(headBytesMax: 30)
    func line(bytes: Int) -> String {
      "GET /" + String(repeating: "a", count: bytes - 16) + " HTTP/1.1\r\n"
    }
    #expect(failure(line(bytes: 30), limits) == nil)
    #expect(failure(line(bytes: 30) + "H", limits)?.status == .requestHeaderFieldsTooLarge)
    #expect(failure(line(bytes: 31), limits)?.status == .uriTooLong)
    #expect(failure(line(bytes: 200), limits)?.status == .uriTooLong)
  }

  @Test func fields() throws {
    func head(fields: Int) -> String {
      "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: fields - 1) + "\r\n"
    }
    let limits = HTTPLimits(headerFieldsMax: 3)
    #expect(try parse(head(fields: 3), limits).headers.count == 3)
    #expect(failure(head(fields: 4), limits)?.status == .requestHeaderFieldsTooLarge)
  }

  @Test func defaults() throws {
    func status(_ text: String) -> HTTPStatus? {
      let bytes = Array(text.utf8)
      if case .failure(let error) = feed([bytes[...]], HTTPLimits()).result { return error.status }
      return nil
    }
    #expect(status(head(bytes: 8192)) == nil)
    #expect(status(head(bytes: 8193)) == .requestHeaderFieldsTooLarge)
    #expect(status(get() + "") == nil)
    let many = String(repeating: "A: b\r\n", count: 63)
    #expect(status("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n") == nil)
    #expect(
      status("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n" + many + "\r\n")
        == .requestHeaderFieldsTooLarge)
  }
}
