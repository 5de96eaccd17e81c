/// The request target in its four forms (RFC 9112 §3.2).
struct RequestTarget {
  let received: String
  let path: String
  let query: String?
  /// Host and port of the absolute and the authority form.
  let authority: String?

  /// Throws 400. The form must fit the method: authority for CONNECT and only for it, `*` for
  /// OPTIONS only.
  init(_ bytes: ArraySlice<UInt8>, method: HTTPMethod) throws(HTTPError) {
    guard !bytes.isEmpty, bytes.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") }) else {
      throw .badRequest("invalid character in the request target")
    }
    received = String(decoding: bytes, as: UTF8.self)

    if method == .connect {
      guard Authority.isValid(bytes, requiresPort: true) else {
        throw .badRequest("CONNECT needs host and port")
      }
      (path, query, authority) = ("", nil, received)
    } else if bytes.first == UInt8(ascii: "/") {
      (path, query) = Self.split(bytes)
      authority = nil
    } else if method == .options, received == "*" {
      (path, query, authority) = ("*", nil, nil)
    } else {
      let rest = try Self.afterScheme(bytes)
      let authorityEnd =
        rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
      guard Authority.isValid(rest[..<authorityEnd]) else {
        throw .badRequest("invalid host in the request target")
      }
      authority = String(decoding: rest[..<authorityEnd], as: UTF8.self)
      let (path, query) = Self.split(rest[authorityEnd...])
      self.query = query
      if !path.isEmpty {
        self.path = path
      } else {
        // RFC 9112 §3.2.4: OPTIONS for a URI without path and query is for the server as a whole.
        self.path = method == .options && query == nil ? "*" : "/"
      }
    }
  }

  /// What follows `scheme://`, for the schemes that mean this server.
  private static func afterScheme(_ bytes: ArraySlice<UInt8>) throws(HTTPError)
    -> ArraySlice<UInt8>
  {
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      bytes[colon...].starts(with: "://".utf8),
      ["http", "https", "ws", "wss"].contains(where: {
        bytes[..<colon].equalsIgnoringASCIICase($0.utf8)
      })
    else { throw .badRequest("malformed request target") }
    return bytes[(colon + 3)...]
  }

  private static func split(_ bytes: ArraySlice<UInt8>) -> (path: String, query: String?) {
    guard let mark = bytes.firstIndex(of: UInt8(ascii: "?")) else {
      return (String(decoding: bytes, as: UTF8.self), nil)
    }
    return (
      String(decoding: bytes[..<mark], as: UTF8.self),
      String(decoding: bytes[(mark + 1)...], as: UTF8.self)
    )
  }
}
