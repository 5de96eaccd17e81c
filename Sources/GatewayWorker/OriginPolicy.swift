/// Which web pages may open connections (RFC 6455 §10.2). A request without an
/// Origin does not come from a page, and passes.
package enum OriginPolicy: Sendable, Equatable {
  /// Pages that were loaded from the host and port that the request is for.
  case sameHost
  /// Just these.
  case listed(Set<Origin>)
  case any

  /// From the values of a repeatable option; empty is `sameHost`.
  package init(allowing origins: [String]) throws(OriginError) {
    if origins.isEmpty {
      self = .sameHost
    } else if origins.contains("*") {
      self = .any
    } else {
      var listed: Set<Origin> = []
      for text in origins {
        guard let origin = Origin(text) else { throw OriginError(text: text) }
        listed.insert(origin)
      }
      self = .listed(listed)
    }
  }

  /// Whether a request may connect.
  ///
  /// - Parameters:
  ///   - text: The request's Origin as it came, nil without one.
  ///   - host: The request's Host as it came.
  /// - Returns: False for a page that this policy does not let in.
  package func allows(origin text: String?, host: String?) -> Bool {
    guard let text else { return true }
    if case .any = self { return true }
    guard let origin = Origin(text) else { return false }
    switch self {
    case .any: return true
    case .listed(let origins): return origins.contains(origin)
    case .sameHost:
      // Behind a TLS proxy the page's scheme is not ours: only its default port
      // matters, for the Host that leaves it out as the Origin does. Pages of
      // another scheme, such as an app's own capacitor://localhost, were loaded
      // from no host.
      guard let host, origin.scheme == "http" || origin.scheme == "https" else { return false }
      return Origin("\(origin.scheme)://\(host)") == origin
    }
  }
}

/// A web origin (RFC 6454): scheme, host and port, compared as such, so that
/// `https://example.org` and `https://Example.org:443` are the same.
package struct Origin: Hashable, Sendable {
  let scheme: String
  let host: String
  /// Nil only for a scheme without a default port.
  let port: UInt16?

  /// Reads a serialized origin (RFC 6454 §6.2), in upper or lower case. Nil for
  /// anything else: `null`, a path, user information, white space.
  package init?(_ text: String) {
    // Before lower case, in which the Kelvin sign is a k.
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let text = text.lowercased()
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let scheme = text[..<colon]
    guard let first = scheme.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
      scheme.utf8.allSatisfy({ Self.isAlphanumeric($0) || "+-.".utf8.contains($0) }),
      text[colon...].hasPrefix("://")
    else { return nil }
    guard
      let (host, port) = Self.split(authority: text[colon...].dropFirst("://".count))
    else { return nil }
    self.scheme = String(scheme)
    self.host = host
    switch scheme {
    case "http": self.port = port ?? 80
    case "https": self.port = port ?? 443
    default: self.port = port
    }
  }

  private static func split(authority: Substring) -> (host: String, port: UInt16?)? {
    let host: Substring
    let rest: Substring
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[...end]
      rest = authority[end...].dropFirst()
      let digits = host.utf8.dropFirst().dropLast()
      guard !digits.isEmpty, digits.allSatisfy({ isHexDigit($0) || ":.".utf8.contains($0) }) else {
        return nil
      }
    } else {
      host = authority.prefix { $0 != ":" }
      rest = authority.dropFirst(host.count)
      guard !host.isEmpty, host.utf8.allSatisfy({ isAlphanumeric($0) || "-._".utf8.contains($0) })
      else { return nil }
    }
    if rest.isEmpty { return (String(host), nil) }
    let digits = rest.dropFirst()
    guard rest.hasPrefix(":"), !digits.isEmpty, digits.utf8.allSatisfy({ 48...57 ~= $0 }),
      let port = UInt16(digits)
    else { return nil }
    return (String(host), port)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: false
    }
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) && byte <= UInt8(ascii: "f")
  }
}

/// An allowed origin that no browser would ever send.
package struct OriginError: Error, CustomStringConvertible {
  let text: String

  package var description: String {
    "'\(text)' is not an origin; origins are scheme, host and port, as in "
      + "https://chat.example.org or http://localhost:3000, or * for all"
  }
}
