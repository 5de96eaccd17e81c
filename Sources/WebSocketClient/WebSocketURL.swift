internal import HTTPCore
internal import WebSocketCore

/// Where a client connects to (RFC 6455 §3), and `ws+unix:` for Unix sockets.
///
///     ws://example.org/chat?room=1     port 80
///     wss://example.org:8443/chat      port 443 unless given
///     ws+unix:/run/sluice.sock:/chat   what follows the second colon is asked for
///
/// `http` and `https` stand for `ws` and `wss`, and a text without a scheme is `ws`.
package struct WebSocketURL: Hashable, Sendable {
  package enum Endpoint: Hashable, Sendable {
    /// A name or an IPv4 address, or an IPv6 address without brackets.
    case host(String, port: UInt16)
    case unixSocket(path: String)
  }

  package let endpoint: Endpoint
  package let usesTLS: Bool
  /// The Host field: a port only when it is not the scheme's.
  package let authority: String
  /// Path and query, in origin form.
  package let target: String
  /// `user:password` from the URL, decoded, for Basic authentication (RFC 7617). The
  /// colon is there even without a password.
  package let userInformation: String?

  // With a combining mark behind it, a delimiter is part of another Character. So
  // delimiters are looked for among the scalars.
  package init(parsing text: String) throws(WebSocketURLError) {
    func fail(_ problem: String) -> WebSocketURLError { WebSocketURLError(text, problem) }

    let (scheme, rest) = Self.splitScheme(text)
    if scheme == "ws+unix" {
      self = try Self(unixSocket: rest, of: text)
      return
    }
    switch scheme {
    case "ws", "http": usesTLS = false
    case "wss", "https": usesTLS = true
    default:
      throw fail("the scheme '\(scheme)' is none of ws, wss and ws+unix")
    }

    let end =
      rest.unicodeScalars.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    target = try Self.target(rest[end...], of: text)
    var host = String(rest[..<end])
    if let at = host.unicodeScalars.lastIndex(of: "@") {
      userInformation = try Self.userInformation(host[..<at], of: text)
      host = String(host[host.unicodeScalars.index(after: at)...])
    } else {
      userInformation = nil
    }
    guard host.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw fail("write the host's name in its ASCII form (xn--…)")
    }
    guard Authority.isValid(host) else {
      throw fail(host.isEmpty ? "the host is missing" : "'\(host)' is not a host and a port")
    }
    var port = usesTLS ? UInt16(443) : 80
    var name = host
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      name = String(host[..<colon])
      let digits = host[host.index(after: colon)...]
      if !digits.isEmpty {
        guard let number = UInt16(digits), number > 0 else {
          throw fail("'\(digits)' is not a port from 1 to 65535")
        }
        port = number
      }
    }
    authority = port == (usesTLS ? 443 : 80) ? name : "\(name):\(port)"
    guard name.utf8.count <= 255 else { throw fail("no host has a name of over 255 bytes") }
    if name.hasPrefix("[") { name = String(name.dropFirst().dropLast()) }
    endpoint = .host(name, port: port)
  }

  /// `PATH` or `PATH:/target`. A `//` in front of the path is no part of it.
  private init(unixSocket rest: Substring, of text: String) throws(WebSocketURLError) {
    var address = rest.unicodeScalars
    if address.starts(with: "//".unicodeScalars) { address.removeFirst(2) }
    let colon = address.firstIndex(of: ":") ?? address.endIndex
    let path = String(address[..<colon])
    // sun_path holds 108 bytes with its terminator (unix(7)).
    guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else {
      throw WebSocketURLError(text, "a socket's path has 1 to 107 bytes")
    }
    endpoint = .unixSocket(path: path)
    usesTLS = false
    authority = "localhost"
    userInformation = nil
    target = try Self.target(Substring(address[colon...].dropFirst()), of: text)
  }

  /// Everything before `://`, or `ws+unix:`; `ws` where there is neither.
  private static func splitScheme(_ text: String) -> (String, Substring) {
    let end = text.utf8.firstIndex { !$0.isTokenByte } ?? text.endIndex
    let scheme = text[..<end].lowercased()
    let rest = text[end...].unicodeScalars
    if rest.starts(with: "://".unicodeScalars) { return (scheme, Substring(rest.dropFirst(3))) }
    if scheme == "ws+unix" && rest.first == ":" { return (scheme, Substring(rest.dropFirst())) }
    return ("ws", text[...])
  }

  private static func userInformation(
    _ text: Substring, of url: String
  ) throws(WebSocketURLError) -> String? {
    if text.isEmpty { return nil }
    guard let bytes = PercentEncoding.decode(text),
      let decoded = String(validating: bytes, as: UTF8.self)
    else { throw WebSocketURLError(url, "the user information is not percent-encoded UTF-8") }
    return text.utf8.contains(UInt8(ascii: ":")) ? decoded : decoded + ":"
  }

  /// Origin form. What a target can't hold as it is, such as a space or an umlaut, is
  /// percent-encoded.
  private static func target(
    _ text: Substring, of url: String
  ) throws(WebSocketURLError) -> String {
    if text.utf8.contains(UInt8(ascii: "#")) {
      throw WebSocketURLError(url, "a WebSocket URL has no fragment; write %23 for '#'")
    }
    var target = text.utf8.first == UInt8(ascii: "/") ? "" : "/"
    for byte in text.utf8 {
      if 0x21...0x7E ~= byte {
        target.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        target += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return target
  }

  /// The value of an Authorization field for ``userInformation``.
  package var basicAuthorization: String? {
    userInformation.map { "Basic " + Base64.encode(Array($0.utf8)) }
  }
}

extension WebSocketURL: CustomStringConvertible {
  /// Without the user information.
  package var description: String {
    switch endpoint {
    case .host: "\(usesTLS ? "wss" : "ws")://\(authority)\(target)"
    case .unixSocket(let path): "ws+unix:\(path):\(target)"
    }
  }
}

/// Why a text is no URL to connect to.
package struct WebSocketURLError: Error, Equatable, CustomStringConvertible {
  package let text: String
  package let problem: String

  init(_ text: String, _ problem: String) {
    self.text = text
    self.problem = problem
  }

  package var description: String {
    "'\(text)': \(problem); URLs are ws://HOST[:PORT]/PATH, wss://… and ws+unix:SOCKET:/PATH"
  }
}
