import HTTPCore
import Testing

@Suite("RFC 3986 §2.1: percent-encoding")
struct PercentEncodingTests {
  @Test(arguments: [
    ("", ""), ("abc", "abc"), ("a%20b", "a b"), ("%2F%2f", "//"), ("%C3%A9", "\u{e9}"),
    ("%2541", "%41"), ("a+b", "a+b"), ("%00", "\u{0}"), ("\u{e9}", "\u{e9}"),
  ])
  func decodes(_ text: String, _ decoded: String) {
    #expect(PercentEncoding.decode(text) == Array(decoded.utf8))
  }

  @Test(arguments: ["%", "a%", "%4", "%zz", "%4g", "%g4", "%%41", "%+1", "% 1", "%\u{e9}"])
  func refuses(_ text: String) {
    #expect(PercentEncoding.decode(text) == nil)
  }

  @Test func bytesNeedNotBeText() {
    #expect(PercentEncoding.decode("%ff%80") == [0xFF, 0x80])
  }
}

@Suite("Query parameters")
struct QueryParametersTests {
  @Test(
    arguments: [
      ("", []), ("a=b", ["a=b"]), ("a=b&c=d", ["a=b", "c=d"]), ("a", ["a="]), ("a=", ["a="]),
      ("=b", ["=b"]), ("&&a=b&", ["a=b"]), ("a=b=c", ["a=b=c"]), ("a+b=c+d", ["a b=c d"]),
      ("a=%2B%26%3D", ["a=+&="]), ("%C3%A9=%00", ["\u{e9}=\u{0}"]), ("a=1&a=2", ["a=1", "a=2"]),
      ("a;b=c", ["a;b=c"]),
    ] as [(String, [String])])
  func pairs(_ query: String, _ pairs: [String]) throws {
    let parameters = try QueryParameters(query)
    #expect(parameters.pairs.map { "\($0.name)=\($0.value)" } == pairs)
  }

  @Test(arguments: ["a=%", "%zz=a", "a=%ff", "a=%C3", "a=1&b=%4"])
  func malformed(_ query: String) {
    #expect(throws: HTTPError(status: .badRequest, reason: "malformed query parameter")) {
      try QueryParameters(query)
    }
  }

  @Test func lookup() throws {
    let parameters = try QueryParameters("a=1&b=2&a=3")
    #expect(parameters["a"] == "1")
    #expect(parameters["A"] == nil)
    #expect(parameters.values("a") == ["1", "3"])
    #expect(try QueryParameters(nil).pairs.isEmpty)
  }

  @Test func limit() throws {
    #expect(try QueryParameters("a&b&c", parametersMax: 3).pairs.count == 3)
    #expect(throws: HTTPError.self) { try QueryParameters("a&b&c&d", parametersMax: 3) }
  }
}

@Suite("RFC 6265 §5.4: Cookie")
struct CookiesTests {
  @Test(
    arguments: [
      ("a=b", ["a=b"]), ("a=b; c=d", ["a=b", "c=d"]), ("a=b;c=d ;", ["a=b", "c=d"]),
      ("a=\"b c\"", ["a=b c"]), ("a=\"b", ["a=\"b"]), ("a=\"", ["a=\""]), ("a=\"\"", ["a="]),
      ("a=b=c", ["a=b=c"]), ("a", []), ("=b", []), ("a=", ["a="]), ("a=%20", ["a=%20"]), ("", []),
      (" a = b ", ["a=b"]), ("a=1; a=2", ["a=1", "a=2"]), (";;", []),
    ] as [(String, [String])])
  func pairs(_ value: String, _ pairs: [String]) {
    let cookies = Cookies(["Cookie": value])
    #expect(cookies.pairs.map { "\($0.name)=\($0.value)" } == pairs)
  }

  @Test func lookup() {
    let cookies = Cookies(["Cookie": "a=1; b=2; a=3", "cookie": "c=4"])
    #expect(cookies["a"] == "1")
    #expect(cookies["A"] == nil)
    #expect(cookies["c"] == "4")
  }
}
