import Testing

@testable import SystemIO

@Suite("Listen addresses")
struct SocketAddressTests {
  @Test(
    "are read and printed",
    arguments: [
      ("127.0.0.1:8080", "127.0.0.1:8080"), ("0.0.0.0:0", "0.0.0.0:0"),
      ("255.255.255.255:65535", "255.255.255.255:65535"), ("10.1.2.3:00080", "10.1.2.3:80"),
      ("localhost:80", "127.0.0.1:80"), ("[::1]:8080", "[::1]:8080"), ("[::]:0", "[::]:0"),
      ("[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"),
      ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1"), ("unix:/run/s.sock", "unix:/run/s.sock"),
      ("unix:relative", "unix:relative"), ("unix:a:b", "unix:a:b"), ("unix:unix:", "unix:unix:"),
      ("unix:/tmp/ä b", "unix:/tmp/ä b"),
      ("unix:" + String(repeating: "x", count: 107), "unix:" + String(repeating: "x", count: 107)),
    ])
  func valid(text: String, printed: String) throws {
    let address = try SocketAddress(parsing: text)
    #expect("\(address)" == printed)
    #expect(try SocketAddress(parsing: printed) == address)
  }

  @Test("mean what they say")
  func parts() throws {
    #expect(try SocketAddress(parsing: "127.0.0.1:258") == .ipv4(0x7F00_0001, port: 258))
    #expect(
      try SocketAddress(parsing: "[::1]:9")
        == .ipv6([UInt8](repeating: 0, count: 15) + [1], port: 9))
    #expect(try SocketAddress(parsing: "unix:/a") == .unix(path: "/a"))
  }

  @Test(
    "that make no sense are refused, and it is said why",
    arguments: [
      ("", "port is missing"), ("127.0.0.1", "port is missing"), ("8080", "port is missing"),
      ("127.0.0.1:", "port is not a number"), ("127.0.0.1:http", "port is not a number"),
      ("127.0.0.1:65536", "port is not a number"), ("127.0.0.1:-1", "port is not a number"),
      ("127.0.0.1:+80", "port is not a number"), ("127.0.0.1: 80", "port is not a number"),
      ("127.0.0.1:80 ", "port is not a number"), ("127.0.0.1:٨٠", "port is not a number"),
      ("127.0.0.1:99999999999999999999", "port is not a number"),
      (":8080", "not an IPv4 address"), ("example.org:80", "not an IPv4 address"),
      ("LOCALHOST:80", "not an IPv4 address"), ("1.2.3:80", "not an IPv4 address"),
      ("1.2.3.256:80", "not an IPv4 address"), ("1.2.3.4.5:80", "not an IPv4 address"),
      (" 127.0.0.1:80", "not an IPv4 address"), ("*:80", "not an IPv4 address"),
      ("127.0.0.1\u{0}.example:80", "not an IPv4 address"),
      ("::1:80", "in brackets"), ("[::1:80", "in brackets"), ("::1]:80", "in brackets"),
      ("[::1]", "port is not a number"), ("[]:80", "not an IPv6 address"),
      ("[127.0.0.1]:80", "not an IPv6 address"), ("[::1%lo]:80", "not an IPv6 address"),
      ("[::g]:80", "not an IPv6 address"), ("[::1\u{0}x]:80", "not an IPv6 address"),
      ("unix:", "1 to 107 bytes"), ("unix:" + String(repeating: "x", count: 108), "1 to 107 bytes"),
      ("unix:" + String(repeating: "ä", count: 54), "1 to 107 bytes"),
      ("unix:/a\u{0}b", "1 to 107 bytes"), ("UNIX:/a", "port is not a number"),
    ])
  func invalid(text: String, problem: String) {
    do throws(SocketAddressError) {
      Issue.record("read as \(try SocketAddress(parsing: text))")
    } catch {
      #expect(error.description.contains(problem), "\(error)")
      #expect(error.description.contains("127.0.0.1:8080, [::1]:8080 or unix:PATH"))
    }
  }

  @Test("system errors name the call and its cause")
  func systemErrors() {
    #expect("\(SystemError("bind", code: 98))" == "bind: Address already in use")
    #expect(SystemError("bind", code: 98) == SystemError("bind", code: 98))
    #expect(SystemError("bind", code: 98) != SystemError("listen", code: 98))
    #expect(SystemError("bind", code: 98) != SystemError("bind", code: 97))
  }
}
