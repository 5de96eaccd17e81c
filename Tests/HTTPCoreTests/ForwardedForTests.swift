import HTTPCore
import Testing

/// Trusts 10/8 and fd00::/8.
private func client(
  _ fields: HeaderFields, peer: String = "10.0.0.1", reading: ForwardedFor.Fields = .either,
  hopsMax: Int = 16
) throws -> String? {
  let trusted = [try IPNetwork(parsing: "10.0.0.0/8"), try IPNetwork(parsing: "fd00::/8")]
  let forwardedFor = ForwardedFor(trusted: trusted, fields: reading, hopsMax: hopsMax)
  let address: IPAddress = try #require(IPAddress(peer))
  return forwardedFor.client(of: address, fields)?.description
}

/// The peer, whose address means that nothing better is known.
private let peer = "10.0.0.1"

@Suite("Client addresses: whom to believe")
struct ForwardedForTrustTests {
  @Test func anUntrustedPeerIsTheClient() throws {
    let fields: HeaderFields = ["X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"]
    #expect(try client(fields, peer: "198.51.100.1") == "198.51.100.1")
    #expect(try client(fields, peer: "::1") == "::1")
    #expect(try client(fields, peer: "::ffff:10.0.0.1") == "192.0.2.1")
    #expect(try client(fields, peer: "fd00::1") == "192.0.2.1")
  }

  @Test func withoutFieldsItIsThePeer() throws {
    #expect(try client([:]) == peer)
    #expect(try client(["X-Forwarded-For": "", "Forwarded": ""]) == peer)
  }

  @Test func nobodyIsTrusted() throws {
    let nobody = ForwardedFor(trusted: [])
    let fields: HeaderFields = ["X-Forwarded-For": "192.0.2.1"]
    #expect(nobody.client(of: IPAddress(peer), fields) == IPAddress(peer))
    #expect(nobody.client(of: nil, fields) == nil)
  }

  @Test func unixPeers() throws {
    let unix = ForwardedFor(trusted: [], trustsUnixPeers: true)
    #expect(unix.client(of: nil, ["X-Forwarded-For": "192.0.2.1"])?.description == "192.0.2.1")
    #expect(unix.client(of: nil, ["Forwarded": "for=unknown"]) == nil)
    #expect(unix.client(of: nil, [:]) == nil)
    let disagree: HeaderFields = ["X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.2"]
    #expect(unix.client(of: nil, disagree) == nil)
  }

  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
    ("203.0.113.9, 192.0.2.1, 10.0.0.2,10.0.0.3", "192.0.2.1"),
    ("10.9.9.9, 192.0.2.1", "192.0.2.1"), ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("2001:db8::1, fd00::2", "2001:db8::1"), ("garbage, 192.0.2.1", "192.0.2.1"),
    ("garbage, 10.0.0.2", "10.0.0.2"), ("192.0.2.1, garbage", peer),
    ("192.0.2.1, garbage, 10.0.0.2", "10.0.0.2"), ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
    ("192.0.2.1,, 10.0.0.2 ,", "192.0.2.1"), (",", peer),
  ])
  func walksFromTheRight(_ value: String, _ expected: String) throws {
    #expect(try client(["X-Forwarded-For": value]) == expected)
    let elements = value.split(separator: ",", omittingEmptySubsequences: false).map { entry in
      let node = entry.filter { $0 != " " }
      return node.isEmpty ? "" : node.contains(":") ? "for=\"[\(node)]\"" : "for=\(node)"
    }
    #expect(try client(["Forwarded": elements.joined(separator: ", ")]) == expected)
  }

  @Test func linesAreOneList() throws {
    let fields: HeaderFields = [
      "X-Forwarded-For": "203.0.113.9, 192.0.2.1", "A": "b",
      "x-forwarded-for": "10.0.0.3, 10.0.0.2",
    ]
    #expect(try client(fields) == "192.0.2.1")
    #expect(try client(["X-Forwarded-For": "192.0.2.1", "x-forwarded-for": "x"]) == peer)
  }

  @Test func hopLimit() throws {
    let chain = "192.0.2.1, 10.0.0.4, 10.0.0.3, 10.0.0.2"
    #expect(try client(["X-Forwarded-For": chain], hopsMax: 4) == "192.0.2.1")
    #expect(try client(["X-Forwarded-For": chain], hopsMax: 3) == "10.0.0.4")
    #expect(try client(["X-Forwarded-For": chain], hopsMax: 0) == peer)
    let commas = "192.0.2.1" + String(repeating: ",", count: 5000)
    #expect(try client(["X-Forwarded-For": commas]) == peer)
  }

  /// A client sends the field that its proxy doesn't write.
  @Test func bothFields() throws {
    let spoofed: HeaderFields = ["Forwarded": "for=203.0.113.9", "X-Forwarded-For": "192.0.2.1"]
    #expect(try client(spoofed) == peer)
    #expect(try client(spoofed, reading: .xForwardedFor) == "192.0.2.1")
    #expect(try client(spoofed, reading: .forwarded) == "203.0.113.9")
    let same: HeaderFields = [
      "Forwarded": "for=192.0.2.1, for=10.0.0.2", "X-Forwarded-For": "203.0.113.9, 192.0.2.1",
    ]
    #expect(try client(same) == "192.0.2.1")
    #expect(try client(["Forwarded": "x", "X-Forwarded-For": "192.0.2.1"]) == peer)
    #expect(try client(["Forwarded": "for=192.0.2.1", "X-Forwarded-For": ""]) == peer)
  }

  @Test func theOtherFieldIsIgnored() throws {
    #expect(try client(["Forwarded": "for=192.0.2.1"], reading: .xForwardedFor) == peer)
    #expect(try client(["X-Forwarded-For": "192.0.2.1"], reading: .forwarded) == peer)
  }
}

@Suite("Client addresses: X-Forwarded-For")
struct XForwardedForTests {
  @Test(arguments: [
    ("192.0.2.1:80", "192.0.2.1"), ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"), ("2001:DB8::1", "2001:db8::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"), (" 192.0.2.1\t", "192.0.2.1"),
    ("\"\\, 192.0.2.1", "192.0.2.1"), ("\", 192.0.2.1", "192.0.2.1"),
  ])
  func nodes(_ value: String, _ expected: String) throws {
    #expect(try client(["X-Forwarded-For": value]) == expected)
  }

  @Test(arguments: [
    "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:a", "192.0.2.1:_a", "192.0.2.01", "[192.0.2.1]",
    "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]443", "[2001:db8::1]:", "[]", "[", "]", ":80",
    "2001:db8::1%1", "\"192.0.2.1\"", "for=192.0.2.1", "example.com", "_a", "unknown",
    "192.0.2.1;", "192.0.2.1 192.0.2.2",
  ])
  func unusable(_ value: String) throws {
    #expect(try client(["X-Forwarded-For": value]) == peer)
  }
}

@Suite("RFC 7239 §4, §6: Forwarded")
struct ForwardedTests {
  @Test(arguments: [
    ("for=192.0.2.43", "192.0.2.43"), ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
    ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
    ("for=192.0.2.43, for=10.0.0.2", "192.0.2.43"), ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
    ("for=\"192.0.2.43:_port\"", "192.0.2.43"), ("for=\"192.0.2.43\"", "192.0.2.43"),
    ("for=\"\\1\\92.0.2.43\"", "192.0.2.43"), ("proto=https;FOR=192.0.2.43", "192.0.2.43"),
    (";for=192.0.2.43;;", "192.0.2.43"), ("for=192.0.2.43 ; proto=http", "192.0.2.43"),
    ("by=\"a,b;for=1.2.3.4\";for=192.0.2.43", "192.0.2.43"),
    ("for=192.0.2.43;by=\"a\\\"\\\\\", for=10.0.0.2;by=\"\\\\\\\",\"", "192.0.2.43"),
    ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"), (" for=192.0.2.43\t", "192.0.2.43"),
  ])
  func elements(_ value: String, _ expected: String) throws {
    #expect(try client(["Forwarded": value]) == expected)
  }

  @Test(arguments: [
    "for=unknown", "for=_hidden", "for=\"_SEVKISEK\"", "for=\"unknown:80\"", "for", "for=", "=a",
    "192.0.2.1", "for=192.0.2.1:80", "for=[2001:db8::1]", "for=\"2001:db8::1\"",
    "for=\"[2001:db8::1\"", "for=\"[192.0.2.1]\"", "for =192.0.2.1", "for= 192.0.2.1",
    "for=192.0.2.1;for=192.0.2.1", "for=192.0.2.1;FOR=192.0.2.2", "for=192.0.2.1;a",
    "for=192.0.2.1;a=", "for=192.0.2.1;a=\"", "for=192.0.2.1;a=\"b", "for=192.0.2.1;a=\"b\\",
    "for=192.0.2.1;a=\"b\"c", "for=192.0.2.1 a=b", "for=\"\"", "for=\"192.0.2.1:\"",
    "for=\"192.0.2.1:_\"", "for=\"192.0.2.1:_a b\"", "for=\"192.0.2.1:65536\"", "proto=http",
    "for=\"192.0.2.1 \"", "for=\"192.0.2.1\\\"", "for=192.0.2.1/a", "\"for\"=192.0.2.1",
    "for=example.com", "\u{e9}=1;for=192.0.2.1",
  ])
  func unusable(_ value: String) throws {
    #expect(try client(["Forwarded": value]) == peer)
  }

  /// Whatever the client has sent, the element that the proxy appended is read.
  @Test(arguments: [
    "", "\"", "for=\"", "for=\"\\", "\\", "\\\"", "a=\"b\\\"", "for=1.2.3.4;a=\"", "\"\"\"",
    ";=,\"",
    "for=1.2.3.4, \"", "\u{e9}",
  ])
  func whatStandsToTheLeftChangesNothing(_ sent: String) throws {
    for appended in ["for=192.0.2.1", "for=\"[2001:db8::1]:80\";by=\"a,b\\\"\\\\\""] {
      let expected = try client(["Forwarded": appended])
      #expect(expected != peer)
      #expect(try client(["Forwarded": "\(sent), \(appended)"]) == expected)
      #expect(try client(["Forwarded": "\(sent),\(appended)"]) == expected)
    }
  }
}
