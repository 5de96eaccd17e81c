/// A request method (RFC 9110 §9). Methods are case-sensitive: `get` is `.other("get")`.
package enum HTTPMethod: Equatable, Sendable {
  case get, head, post, put, delete, connect, options, trace, patch
  /// Any other token.
  case other(String)

  /// The caller has checked that `name` is a token.
  package init(name: String) {
    self =
      switch name {
      case "GET": .get
      case "HEAD": .head
      case "POST": .post
      case "PUT": .put
      case "DELETE": .delete
      case "CONNECT": .connect
      case "OPTIONS": .options
      case "TRACE": .trace
      case "PATCH": .patch
      default: .other(name)
      }
  }

  /// The token on the wire.
  package var name: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .connect: "CONNECT"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    case .other(let name): name
    }
  }
}

/// The versions this module speaks (RFC 9112 §2.3). Any other is answered 505.
package enum HTTPVersion: Equatable, Sendable {
  case http10, http11
}

extension HTTPVersion {
  /// Reads `HTTP/1.0` or `HTTP/1.1`.
  ///
  /// `.unsupported` is a well-formed name of another version, `.malformed` anything else
  /// (the name is case-sensitive and has one digit on each side).
  static func read(_ bytes: ArraySlice<UInt8>) throws(ReadError) -> HTTPVersion {
    guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8) else { throw .malformed }
    let major = bytes[bytes.startIndex + 5]
    let minor = bytes[bytes.startIndex + 7]
    guard major.isDigit, bytes[bytes.startIndex + 6] == UInt8(ascii: "."), minor.isDigit else {
      throw .malformed
    }
    switch (major, minor) {
    case (UInt8(ascii: "1"), UInt8(ascii: "1")): return .http11
    case (UInt8(ascii: "1"), UInt8(ascii: "0")): return .http10
    default: throw .unsupported
    }
  }

  enum ReadError: Error {
    case malformed, unsupported
  }
}
