internal import CLinux
internal import Glibc

/// Looks up host names, as getaddrinfo(3) does: through /etc/hosts, DNS and whatever
/// else the system is set up to ask. Blocks; not for a worker.
package enum HostResolver {
  /// The addresses of a host, best first (RFC 6724), each with this port. `host` is
  /// a name, an IPv4 address, or an IPv6 address without brackets.
  package static func addresses(
    of host: String, port: UInt16
  ) throws(HostResolverError) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = sluice_socket_type
    var list: UnsafeMutablePointer<addrinfo>? = nil
    // SAFETY: getaddrinfo makes a list, which is copied from, and freed at the end.
    let code = unsafe getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else {
      // SAFETY: a static string of the C library's.
      throw HostResolverError(host: host, reason: unsafe String(cString: gai_strerror(code)))
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var entry = unsafe list
    while let info = unsafe entry {
      if let address = unsafe SocketAddress(info.pointee.ai_addr, port: port) {
        addresses.append(address)
      }
      unsafe entry = info.pointee.ai_next
    }
    return addresses
  }
}

/// A host that has no address, or whose address cannot be found out now.
package struct HostResolverError: Error, Equatable, CustomStringConvertible {
  package let host: String
  package let reason: String

  /// Such as `example.invalid: Name or service not known`.
  package var description: String { "\(host): \(reason)" }
}

extension SocketAddress {
  /// SAFETY: `address` is a socket address of the size that its family has.
  @unsafe fileprivate init?(_ address: UnsafePointer<sockaddr>, port: UInt16) {
    switch unsafe Int32(address.pointee.sa_family) {
    case AF_INET:
      let ipv4 = unsafe UnsafeRawPointer(address).load(as: sockaddr_in.self)
      self = .ipv4(UInt32(bigEndian: ipv4.sin_addr.s_addr), port: port)
    case AF_INET6:
      let ipv6 = unsafe UnsafeRawPointer(address).load(as: sockaddr_in6.self)
      // SAFETY: an in6_addr is 16 plain bytes.
      self = .ipv6(unsafe withUnsafeBytes(of: ipv6.sin6_addr) { unsafe Array($0) }, port: port)
    default:
      return nil
    }
  }
}
