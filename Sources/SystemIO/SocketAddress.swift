internal import Glibc

/// Where to listen, or to connect to: an IPv4 or IPv6 address with a port, or a Unix socket's path.
package enum SocketAddress: Hashable, Sendable {
  case ipv4(UInt32, port: UInt16)
  /// The 16 bytes of the address, in network order.
  case ipv6([UInt8], port: UInt16)
  case unix(path: String)

  /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (which is 127.0.0.1)
  /// or `unix:PATH`. Port 0 asks the system for a free one.
  package init(parsing text: String) throws(SocketAddressError) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      // sun_path holds 108 bytes with its terminator (unix(7)).
      guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else {
        throw SocketAddressError(text: text, problem: "a socket's path has 1 to 107 bytes")
      }
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":") else {
      throw SocketAddressError(text: text, problem: "the port is missing")
    }
    let portText = text[text.index(after: colon)...]
    guard !portText.isEmpty, portText.utf8.allSatisfy({ (48...57).contains($0) }),
      let port = UInt16(portText)
    else {
      throw SocketAddressError(text: text, problem: "the port is not a number from 0 to 65535")
    }
    var host = String(text[..<colon])
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      var address = in6_addr()
      // SAFETY: inet_pton writes one in6_addr. It would take a zero byte for the text's end.
      guard !host.utf8.contains(0), unsafe inet_pton(AF_INET6, host, &address) == 1 else {
        throw SocketAddressError(text: text, problem: "'\(host)' is not an IPv6 address")
      }
      // SAFETY: an in6_addr is 16 plain bytes.
      self = .ipv6(unsafe withUnsafeBytes(of: address) { unsafe Array($0) }, port: port)
      return
    }
    if host == "localhost" { host = "127.0.0.1" }
    var address = in_addr()
    // SAFETY: inet_pton writes one in_addr. It would take a zero byte for the text's end.
    guard !host.utf8.contains(0), unsafe inet_pton(AF_INET, host, &address) == 1 else {
      let problem =
        host.contains(":")
        ? "an IPv6 address stands in brackets, as in [::1]:8080"
        : "'\(host)' is not an IPv4 address (0.0.0.0 listens on all)"
      throw SocketAddressError(text: text, problem: problem)
    }
    self = .ipv4(UInt32(bigEndian: address.s_addr), port: port)
  }
}

/// Why a listen address cannot be used.
package struct SocketAddressError: Error, CustomStringConvertible {
  package let text: String
  package let problem: String

  package var description: String {
    "'\(text)': \(problem); addresses are 127.0.0.1:8080, [::1]:8080 or unix:PATH"
  }
}

extension SocketAddress: CustomStringConvertible {
  /// In the form that ``init(parsing:)`` reads.
  package var description: String {
    switch self {
    case .ipv4(let address, let port):
      let parts = stride(from: 24, through: 0, by: -8).map { String(address >> UInt32($0) & 0xFF) }
      return parts.joined(separator: ".") + ":\(port)"
    case .ipv6(let bytes, let port):
      // SAFETY: inet_ntop reads 16 bytes and writes a terminated string of at
      // most INET6_ADDRSTRLEN.
      let text = unsafe withUnsafeTemporaryAllocation(
        of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)
      ) { buffer in
        unsafe bytes.withUnsafeBytes { source in
          guard
            let end = unsafe inet_ntop(
              AF_INET6, source.baseAddress!, buffer.baseAddress!, socklen_t(INET6_ADDRSTRLEN))
          else { return "?" }
          return unsafe String(cString: end)
        }
      }
      return "[\(text)]:\(port)"
    case .unix(let path):
      return "unix:\(path)"
    }
  }
}

extension SocketAddress {
  /// The address family, such as AF_INET.
  var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// Calls `body` with the address as bind and connect take it.
  func withSockaddr<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    switch self {
    case .ipv4(let address, let port):
      var storage = sockaddr_in()
      storage.sin_family = sa_family_t(AF_INET)
      storage.sin_port = port.bigEndian
      storage.sin_addr.s_addr = address.bigEndian
      return unsafe Self.withBytes(of: &storage, body)
    case .ipv6(let bytes, let port):
      var storage = sockaddr_in6()
      storage.sin6_family = sa_family_t(AF_INET6)
      storage.sin6_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &storage.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
      return unsafe Self.withBytes(of: &storage, body)
    case .unix(let path):
      var storage = sockaddr_un()
      storage.sun_family = sa_family_t(AF_UNIX)
      // The path's length was checked when the address was made.
      unsafe withUnsafeMutableBytes(of: &storage.sun_path) {
        unsafe $0.copyBytes(from: path.utf8.prefix($0.count - 1))
      }
      return unsafe Self.withBytes(of: &storage, body)
    }
  }

  private static func withBytes<Storage, Result>(
    of storage: inout Storage, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    // SAFETY: every sockaddr_* begins as a sockaddr does, and `body` is told its size.
    unsafe withUnsafePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<Storage>.size))
      }
    }
  }

  /// What a socket is bound to; nil for a kind of socket that is not ours, or a Unix socket
  /// without a path.
  init?(boundTo descriptor: Int32) {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: a sockaddr_storage is as large as any, and its size is passed.
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &size)
      }
    }
    guard result == 0 else { return nil }
    // SAFETY: the kernel wrote an address of this family; a sockaddr_storage holds each.
    let address = unsafe withUnsafeBytes(of: storage) { bytes -> SocketAddress? in
      switch unsafe Int32(bytes.load(as: sa_family_t.self)) {
      case AF_INET:
        let ipv4 = unsafe bytes.load(as: sockaddr_in.self)
        return .ipv4(
          UInt32(bigEndian: ipv4.sin_addr.s_addr), port: UInt16(bigEndian: ipv4.sin_port))
      case AF_INET6:
        let ipv6 = unsafe bytes.load(as: sockaddr_in6.self)
        return .ipv6(
          unsafe withUnsafeBytes(of: ipv6.sin6_addr) { unsafe Array($0) },
          port: UInt16(bigEndian: ipv6.sin6_port))
      case AF_UNIX:
        // An abstract address begins with a zero byte; none at all has no bytes.
        let path = unsafe bytes[MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!..<Int(size)]
        let text = unsafe path.prefix { $0 != 0 }
        return unsafe text.isEmpty ? nil : .unix(path: String(decoding: text, as: UTF8.self))
      default:
        return nil
      }
    }
    guard let address else { return nil }
    self = address
  }
}
