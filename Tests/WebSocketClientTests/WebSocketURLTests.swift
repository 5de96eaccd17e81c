import Testing
import WebSocketClient
import WebSocketCore

@Suite("WebSocket URLs")
struct WebSocketURLTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let text: String
    let endpoint: WebSocketURL.Endpoint
    var usesTLS = false
    let authority: String
    var target = "/"

    init(
      _ text: String, _ host: String, _ port: UInt16, tls: Bool = false, _ authority: String,
      _ target: String = "/"
    ) {
      self.text = text
      endpoint = .host(host, port: port)
      usesTLS = tls
      self.authority = authority
      self.target = target
    }

    init(_ text: String, socket: String, _ target: String = "/") {
      self.text = text
      endpoint = .unixSocket(path: socket)
      authority = "localhost"
      self.target = target
    }

    var testDescription: String { text }
  }

  @Test(arguments: [
    Form("ws://example.org", "example.org", 80, "example.org"),
    Form("ws://example.org/", "example.org", 80, "example.org"),
    Form("ws://example.org:80/a", "example.org", 80, "example.org", "/a"),
    Form("ws://example.org:443/a", "example.org", 443, "example.org:443", "/a"),
    Form("ws://example.org:/a", "example.org", 80, "example.org", "/a"),
    Form("ws://example.org:00081", "example.org", 81, "example.org:81"),
    Form("wss://example.org", "example.org", 443, tls: true, "example.org"),
    Form("wss://example.org:443", "example.org", 443, tls: true, "example.org"),
    Form("wss://example.org:80", "example.org", 80, tls: true, "example.org:80"),
    Form("http://example.org", "example.org", 80, "example.org"),
    Form("https://example.org", "example.org", 443, tls: true, "example.org"),
    Form("WSS://Example.ORG/A", "Example.ORG", 443, tls: true, "Example.ORG", "/A"),
    Form("example.org", "example.org", 80, "example.org"),
    Form("localhost:8080/chat?room=1", "localhost", 8080, "localhost:8080", "/chat?room=1"),
    Form("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1:8080"),
    Form("ws://[::1]/", "::1", 80, "[::1]"),
    Form("ws://[::1]:8080?a=b", "::1", 8080, "[::1]:8080", "/?a=b"),
    Form("[::1]:8080", "::1", 8080, "[::1]:8080"),
    Form("ws://h?a/b?c", "h", 80, "h", "/?a/b?c"),
    Form("ws://h/a://b", "h", 80, "h", "/a://b"),
    Form("ws://h//a", "h", 80, "h", "//a"),
    Form("ws://h/%20%zz", "h", 80, "h", "/%20%zz"),
    Form("ws://h/a b", "h", 80, "h", "/a%20b"),
    Form("ws://h/ü\u{7F}\r\n\u{0}", "h", 80, "h", "/%C3%BC%7F%0D%0A%00"),
    Form("ws://h/\u{301}", "h", 80, "h", "/%CC%81"),
    Form("ws://h?\u{301}", "h", 80, "h", "/?%CC%81"),
    Form("ws://a@b/c@d", "b", 80, "b", "/c@d"),
    Form("ws+unix:/run/a.sock", socket: "/run/a.sock"),
    Form("ws+unix:/run/a.sock:/chat?x", socket: "/run/a.sock", "/chat?x"),
    Form("ws+unix:///run/a.sock:/chat", socket: "/run/a.sock", "/chat"),
    Form("WS+UNIX:a.sock:chat", socket: "a.sock", "/chat"),
    Form("ws+unix:a:?b:c", socket: "a", "/?b:c"),
    Form("ws+unix:a::", socket: "a", "/:"),
    Form("ws+unix:/tmp/ü sock:\u{301}", socket: "/tmp/ü sock", "/%CC%81"),
    Form(
      "ws+unix:" + String(repeating: "a", count: 107), socket: String(repeating: "a", count: 107)),
  ])
  func forms(form: Form) throws {
    let url = try WebSocketURL(parsing: form.text)
    #expect(url.endpoint == form.endpoint)
    #expect(url.usesTLS == form.usesTLS)
    #expect(url.authority == form.authority)
    #expect(url.target == form.target)
    #expect(try WebSocketURL(parsing: url.description).endpoint == form.endpoint)
  }

  @Test(
    arguments: [
      ("", "the host is missing"),
      ("ws://", "the host is missing"),
      ("ws:///a", "the host is missing"),
      ("ws://?a", "the host is missing"),
      ("ws://a@", "the host is missing"),
      ("ftp://a", "the scheme 'ftp' is none of ws, wss and ws+unix"),
      ("wss+unix://a", "the scheme 'wss+unix' is none of ws, wss and ws+unix"),
      ("://a", "the scheme '' is none of ws, wss and ws+unix"),
      ("ws://:80", "':80' is not a host and a port"),
      ("ws://h:0", "'0' is not a port from 1 to 65535"),
      ("ws://h:65536", "'h:65536' is not a host and a port"),
      ("ws://h:-1", "'h:-1' is not a host and a port"),
      ("ws://h:1:2", "'h:1:2' is not a host and a port"),
      ("ws://::1", "'::1' is not a host and a port"),
      ("ws://[::1", "'[::1' is not a host and a port"),
      ("ws://[::1]x", "'[::1]x' is not a host and a port"),
      ("ws://a b", "'a b' is not a host and a port"),
      ("ws://a\r\nb", "'a\r\nb' is not a host and a port"),
      ("ws://a%2", "'a%2' is not a host and a port"),
      ("ws://grüße.example", "write the host's name in its ASCII form (xn--…)"),
      ("ws://h/a#b", "a WebSocket URL has no fragment; write %23 for '#'"),
      ("ws://h#", "a WebSocket URL has no fragment; write %23 for '#'"),
      ("ws://h/#\u{301}", "a WebSocket URL has no fragment; write %23 for '#'"),
      ("ws+unix:a:/#\u{301}", "a WebSocket URL has no fragment; write %23 for '#'"),
      ("ws://%zz@h", "the user information is not percent-encoded UTF-8"),
      ("ws://%ff@h", "the user information is not percent-encoded UTF-8"),
      ("ws+unix:", "a socket's path has 1 to 107 bytes"),
      ("ws+unix:///", nil),
      ("ws+unix::/a", "a socket's path has 1 to 107 bytes"),
      ("ws+unix:a\u{0}b", "a socket's path has 1 to 107 bytes"),
      ("ws+unix:" + String(repeating: "a", count: 108), "a socket's path has 1 to 107 bytes"),
      ("ws://" + String(repeating: "a", count: 256), "no host has a name of over 255 bytes"),
      ("ws://" + String(repeating: "a", count: 255), nil),
    ] as [(String, String?)])
  func errors(text: String, problem: String?) {
    do throws(WebSocketURLError) {
      _ = try WebSocketURL(parsing: text)
      #expect(problem == nil)
    } catch {
      #expect(error.problem == problem)
      #expect(error.text == text)
      #expect(error.description.hasPrefix("'\(text)': "))
    }
  }

  @Test(
    arguments: [
      ("ws://h", nil, nil),
      ("ws://@h", nil, nil),
      ("ws://user:secret@h", "user:secret", "Basic dXNlcjpzZWNyZXQ="),
      ("ws://user@h", "user:", "Basic dXNlcjo="),
      ("ws://user%3A@h", "user::", "Basic dXNlcjo6"),
      ("ws://:@h", ":", "Basic Og=="),
      ("ws://a@b:c@h", "a@b:c", "Basic YUBiOmM="),
      ("user:p%40ss@h", "user:p@ss", "Basic dXNlcjpwQHNz"),
      ("ws://gr%C3%BC%C3%9Fe:ü@h", "grüße:ü", "Basic Z3LDvMOfZTrDvA=="),
    ] as [(String, String?, String?)])
  func userInformation(text: String, decoded: String?, field: String?) throws {
    let url = try WebSocketURL(parsing: text)
    #expect(url.userInformation == decoded)
    #expect(url.basicAuthorization == field)
    #expect(url.endpoint == .host("h", port: 80))
    // Neither where the URL is shown nor in what is asked for.
    #expect(url.description == "ws://h/" && url.authority == "h")
  }

  /// Whatever the text, it doesn't trap; and what is accepted can be asked for.
  @Test func randomTexts() throws {
    let parts = [
      "ws", "wss", "ws+unix", "http", "ftp", ":", "://", "/", "//", "?", "#", "@", "[", "]", "::1",
      "example.org", "127.0.0.1", ":80", ":443", ":65535", ":65536", "%", "%41", "%ff", " ", "\r\n",
      "\r", "\u{0}", "\u{301}", "ü", "\u{1F3F3}\u{FE0F}\u{200D}\u{1F308}", "\u{7F}", "a", "0", ".",
      "+", "\\", "'", "\u{212A}", String(repeating: "x", count: 120),
    ]
    var generator = SeededGenerator(state: 4)
    var accepted = 0
    for _ in 0..<20_000 {
      var text = Bool.random(using: &generator) ? "ws://" : ""
      for _ in 0..<Int.random(in: 0...8, using: &generator) {
        text += parts.randomElement(using: &generator)!
      }
      guard let url = try? WebSocketURL(parsing: text) else { continue }
      accepted += 1
      check(url, from: text)
    }
    #expect(accepted > 1000)
  }

  private func check(_ url: WebSocketURL, from text: String) {
    do throws(ClientHandshakeError) {
      _ = try ClientHandshake.request(
        ClientUpgradeRequest(
          host: url.authority, target: url.target, key: "AAAAAAAAAAAAAAAAAAAAAA=="))
    } catch {
      Issue.record("\(text.debugDescription) makes no request: \(error)")
    }
    switch url.endpoint {
    case .host(let host, let port):
      #expect((1...255).contains(host.utf8.count) && !host.utf8.contains(0) && port > 0)
    case .unixSocket(let path):
      #expect((1...107).contains(path.utf8.count) && !path.utf8.contains(0) && !url.usesTLS)
      // Two slashes in front would be taken away again.
      if path.utf8.starts(with: "//".utf8) { return }
    }
    guard let again = try? WebSocketURL(parsing: url.description) else {
      Issue.record("\(url) of \(text.debugDescription) is no URL")
      return
    }
    #expect(again.endpoint == url.endpoint && again.usesTLS == url.usesTLS)
    #expect(again.authority == url.authority && again.target == url.target)
  }
}
