import Testing

@testable import GatewayWorker

@Suite("Which web pages may connect (RFC 6455 §10.2, RFC 6454)")
struct OriginPolicyTests {
  /// What a hostile page, or somebody who plays with one, might say to be taken for
  /// `https://chat.example.org`.
  static let tricky = [
    "", " ", "null", "NULL", "undefined", "*", ".", "/", "//", "https:", "https://", "https:///",
    // Suffixes and prefixes.
    "https://chat.example.org.evil.example", "https://evilchat.example.org",
    "https://evil-chat.example.org", "https://evil.example/chat.example.org",
    "https://chat.example.orgevil.example", "https://chat.example.or", "https://hat.example.org",
    "https://example.org", "https://sub.chat.example.org", "https://chat.example.org-evil.example",
    "https://chatXexample.org", "https://chat-example.org", "https://chat.example.com",
    // User information.
    "https://chat.example.org@evil.example", "https://chat.example.org:443@evil.example",
    "https://evil.example@chat.example.org", "https://@chat.example.org",
    "https://user:password@chat.example.org",
    // Ports.
    "https://chat.example.org:8443", "https://chat.example.org:80", "https://chat.example.org:0",
    "https://chat.example.org:", "https://chat.example.org:443:443", "https://chat.example.org:x",
    "https://chat.example.org:-443", "https://chat.example.org:+443",
    "https://chat.example.org: 443", "https://chat.example.org:65979",
    "https://chat.example.org:٤٤٣", "https://chat.example.org:18446744073709552059",
    // Dots at the end, other names of the same.
    "https://chat.example.org.", "https://chat.example.org..", "https://.chat.example.org",
    "https://chat..example.org", "https://chat.example.org%2e", "https://chat%2Eexample.org",
    // Paths, queries, fragments, backslashes.
    "https://chat.example.org/", "https://chat.example.org/path", "https://chat.example.org?",
    "https://chat.example.org#", "https://chat.example.org\\evil.example",
    "https:\\\\chat.example.org", "https:/chat.example.org", "https:///chat.example.org",
    "https:chat.example.org", "//chat.example.org", "chat.example.org", "://chat.example.org",
    // White space and what is not seen.
    " https://chat.example.org", "https://chat.example.org ", "https://chat.example.org\t",
    "https://chat.example.org\u{0}", "https://chat.example.org\u{0}.evil.example",
    "https://chat.example.org\r\n", "https:// chat.example.org", "https://chat.example.org\u{AD}",
    "https://chat.example.org\u{200B}", "\u{FEFF}https://chat.example.org",
    // Several.
    "https://chat.example.org, https://evil.example",
    "https://evil.example https://chat.example.org",
    "https://chat.example.org https://chat.example.org",
    // Characters that look alike, or become the same in lower case or by normalization.
    "https://ch\u{430}t.example.org", "https://chat.exampl\u{435}.org",
    "https://chat\u{3002}example\u{3002}org", "https://chat\u{FF0E}example.org",
    "https://\u{FF43}hat.example.org", "https://xn--cht-5cd.example.org",
    "https://chat.example.org\u{301}", "https\u{FF1A}//chat.example.org",
    // Other schemes.
    "wss://chat.example.org", "ws://chat.example.org", "http://chat.example.org:80",
    "ftp://chat.example.org", "file://", "file:///", "file://chat.example.org",
    "javascript://chat.example.org", "data:text/html,https://chat.example.org",
    "blob:https://chat.example.org", "view-source:https://chat.example.org",
    "chrome-extension://chat.example.org", "capacitor://chat.example.org",
    "httpss://chat.example.org", "xhttps://chat.example.org", "h\u{74}tp\u{17F}://chat.example.org",
    // Addresses.
    "https://[::1]", "https://[::1]:443", "https://127.0.0.1", "https://localhost",
    "https://[chat.example.org]", "https://[chat.example.org", "https://chat.example.org]",
    "https://[::ffff:chat.example.org]",
  ]

  @Test("none of the tricks gets by a list", arguments: tricky)
  func trickyAgainstList(origin: String) throws {
    let policy = try OriginPolicy(allowing: ["https://chat.example.org"])
    #expect(!policy.allows(origin: origin, host: "chat.example.org"))
  }

  @Test("none of the tricks gets by the rule of the same host", arguments: tricky)
  func trickyAgainstSameHost(origin: String) throws {
    let policy = try OriginPolicy(allowing: [])
    // A page of plain HTTP on the default port is the same host behind a proxy: see `sameHost`.
    if origin == "http://chat.example.org:80" { return }
    #expect(!policy.allows(origin: origin, host: "chat.example.org"))
  }

  @Test(
    "characters that become ASCII in lower case are not ASCII",
    arguments: [
      "https://tal\u{212A}.example.org", "\u{212A}://talk.example.org",
      "https://TAL\u{212A}.example.org",
    ])
  func kelvin(origin: String) throws {
    #expect("\u{212A}".lowercased() == "k")
    for allowed in [[], ["https://talk.example.org"]] {
      #expect(
        !(try OriginPolicy(allowing: allowed).allows(origin: origin, host: "talk.example.org")))
    }
    #expect(throws: OriginError.self) { try OriginPolicy(allowing: [origin]) }
  }

  @Test(
    "a listed origin is one in whatever case, its default port said or not",
    arguments: [
      ("https://chat.example.org", "https://chat.example.org", true),
      ("https://chat.example.org", "HTTPS://Chat.Example.ORG", true),
      ("HTTPS://CHAT.example.org", "https://chat.example.org", true),
      ("https://chat.example.org:443", "https://chat.example.org", true),
      ("https://chat.example.org", "https://chat.example.org:443", true),
      ("http://localhost:3000", "http://localhost:3000", true),
      ("http://localhost:3000", "http://localhost", false),
      ("http://localhost:3000", "https://localhost:3000", false),
      ("http://localhost", "http://localhost:80", true),
      ("http://localhost", "http://localhost:443", false),
      ("https://[2001:db8::1]:8443", "https://[2001:DB8::1]:8443", true),
      ("https://[2001:db8::1]:8443", "https://[2001:db8::1]", false),
      ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", true),
      ("https://a_b.example", "https://a_b.example", true),
      ("capacitor://localhost", "capacitor://localhost", true),
      ("capacitor://localhost", "ionic://localhost", false),
    ])
  func listed(allowed: String, origin: String, expected: Bool) throws {
    let policy = try OriginPolicy(allowing: ["https://other.example", allowed])
    #expect(policy.allows(origin: origin, host: "gateway.example") == expected)
    // Being of the same host is not enough when there is a list.
    #expect(!policy.allows(origin: "https://gateway.example", host: "gateway.example"))
  }

  /// Browsers leave default ports out of Origin and Host, programs and proxies may spell them out.
  /// So `http://example.org` and Host `example.org:80` are the same host and port. It is safe: no
  /// page of another host or port gets in by it. What is not compared is the scheme, since behind a
  /// proxy that does TLS ours is not the page's: pages of port 80 and of port 443 that both leave
  /// it out are taken for each other's. Who cannot trust the plain page of its own host lists the
  /// origins.
  @Test(
    "by default, a page's host and port are those that the request is for",
    arguments: [
      ("http://example.org", "example.org", true), ("https://example.org", "example.org", true),
      ("http://example.org", "Example.ORG", true), ("http://Example.org", "example.org", true),
      ("http://example.org:8080", "example.org:8080", true),
      ("https://example.org:8080", "example.org:8080", true),
      ("http://example.org:8080", "example.org", false),
      ("http://example.org", "example.org:8080", false),
      ("http://example.org:8080", "example.org:8081", false),
      // Default ports.
      ("http://example.org", "example.org:80", true),
      ("http://example.org:80", "example.org", true),
      ("https://example.org", "example.org:443", true),
      ("https://example.org:443", "example.org", true),
      ("https://example.org", "example.org:80", false),
      ("http://example.org", "example.org:443", false),
      ("https://example.org:80", "example.org", false),
      ("http://example.org:443", "example.org", false),
      // Other spellings are other hosts.
      ("http://example.org.", "example.org", false), ("http://example.org", "example.org.", false),
      ("http://localhost", "127.0.0.1", false), ("http://127.0.0.1", "localhost", false),
      ("http://127.1", "127.0.0.1", false), ("http://[::1]", "127.0.0.1", false),
      ("http://[::1]:80", "[0:0:0:0:0:0:0:1]:80", false),
      ("http://www.example.org", "example.org", false),
      ("http://[::1]:8080", "[::1]:8080", true), ("http://[::1]", "[::1]:80", true),
      ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
      // Hosts that are none.
      ("http://example.org", "", false), ("http://example.org", "example.org:", false),
      ("http://example.org", "user@example.org", false),
      ("http://example.org", "example.org/", false), ("http://", "", false),
      ("null", "null", false),
      // Pages of apps are not loaded from any host.
      ("capacitor://localhost", "localhost", false), ("tauri://localhost", "localhost", false),
      ("chrome-extension://abcdef", "abcdef", false), ("ws://example.org", "example.org", false),
    ])
  func sameHost(origin: String, host: String, expected: Bool) {
    #expect(OriginPolicy.sameHost.allows(origin: origin, host: host) == expected)
  }

  @Test("an origin without a host to compare it with is refused")
  func noHost() {
    #expect(!OriginPolicy.sameHost.allows(origin: "http://example.org", host: nil))
  }

  @Test("a request without an origin does not come from a page")
  func noOrigin() throws {
    for allowed in [[], ["https://chat.example.org"], ["*"]] {
      let policy = try OriginPolicy(allowing: allowed)
      #expect(policy.allows(origin: nil, host: "chat.example.org"))
      #expect(policy.allows(origin: nil, host: nil))
    }
  }

  @Test("a star among the origins allows all, even what is no origin")
  func any() throws {
    let policy = try OriginPolicy(allowing: ["https://chat.example.org", "*"])
    #expect(policy == .any)
    for origin in Self.tricky { #expect(policy.allows(origin: origin, host: nil)) }
  }

  @Test(
    "what no browser sends cannot be listed",
    arguments: [
      "", "null", "chat.example.org", "https://", "https://chat.example.org/",
      "https://*.example.org",
      "https://chat.example.org/path", "https://user@chat.example.org", "//chat.example.org",
      "https://bücher.example", "https://chat.example.org ", "https://chat.example.org:",
      "https://chat.example.org:99999", "https://a,https://b", "1https://chat.example.org",
    ])
  func notListable(origin: String) {
    #expect(throws: OriginError.self) {
      try OriginPolicy(allowing: ["https://chat.example.org", origin])
    }
  }
}
