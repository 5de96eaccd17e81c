internal import CLinux
internal import Glibc

/// A listening stream socket, not yet attended to.
///
/// TCP listeners are bound with SO_REUSEPORT, so that each worker has one of its
/// own. Accepted sockets inherit ``SocketOptions``. IPv6 listeners take IPv6 only: 0.0.0.0 and [::] can be listened on side by side.
///
/// A Unix socket has no SO_REUSEPORT. Its path is guarded by a lock file,
/// `PATH.lock`, that is held as long as the listener: whoever holds the lock may
/// remove a path that a dead process left behind, and nobody takes the path of a
/// live one.
package struct Listener: ~Copyable {
  package let address: SocketAddress
  let socket: FileDescriptor
  private let unixPath: UnixSocketPath?

  package init(
    on wanted: SocketAddress, backlog: Int32 = 4096
  ) throws(ListenerError) {
    var pathGuard: UnixSocketPath? = nil
    var path: String? = nil
    if case .unix(let wantedPath) = wanted {
      path = wantedPath
      pathGuard = try UnixSocketPath(claiming: wantedPath)
    }
    let raw = Glibc.socket(wanted.family, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(wanted, .last("socket")) }
    let descriptor = FileDescriptor(owning: raw)
    do throws(SystemError) {
      if wanted.family != AF_UNIX {
        try SocketOptions.enable(SOL_SOCKET, SO_REUSEADDR, on: raw)
        try SocketOptions.enable(SOL_SOCKET, SO_REUSEPORT, on: raw)
        try SocketOptions.setTCPDefaults(on: raw)
      }
      if wanted.family == AF_INET6 {
        try SocketOptions.enable(Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), on: raw)
      }
    } catch {
      throw ListenerError(wanted, error)
    }
    let bound = unsafe wanted.withSockaddr { unsafe Glibc.bind(raw, $0, $1) }
    guard bound == 0 else { throw ListenerError(wanted, .last("bind")) }
    guard Glibc.listen(raw, backlog) == 0 else { throw ListenerError(wanted, .last("listen")) }

    address = SocketAddress(boundTo: raw, unixPath: path) ?? wanted
    socket = descriptor
    unixPath = pathGuard
  }

  /// Throws when another process listens on this address.
  ///
  /// SO_REUSEPORT would let the two share it, and a second gateway that was
  /// started by mistake would take half of the connections without a word.
  package static func requireUnused(_ address: SocketAddress) throws(ListenerError) {
    if address.family == AF_UNIX { return }  // the lock file tells
    let raw = Glibc.socket(address.family, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(address, .last("socket")) }
    let probe = FileDescriptor(owning: raw)
    do throws(SystemError) {
      // Connections of an earlier process that are still closing do not count.
      try SocketOptions.enable(SOL_SOCKET, SO_REUSEADDR, on: raw)
      if address.family == AF_INET6 {
        try SocketOptions.enable(Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), on: raw)
      }
    } catch {
      throw ListenerError(address, error)
    }
    let bound = unsafe address.withSockaddr { unsafe Glibc.bind(probe.rawValue, $0, $1) }
    guard bound == 0 else { throw ListenerError(address, .last("bind")) }
  }
}

/// A listen address that could not be opened.
package struct ListenerError: Error, CustomStringConvertible {
  package let address: SocketAddress
  package let cause: SystemError

  init(_ address: SocketAddress, _ cause: SystemError) {
    self.address = address
    self.cause = cause
  }

  package var description: String {
    let isPath = if case .unix = address { true } else { false }
    let remedy =
      switch cause.code {
      case EADDRINUSE: ": another process listens there"
      case EACCES where isPath: ": the directory must be writable, and PATH.lock our own"
      case EACCES: ": ports below 1024 need CAP_NET_BIND_SERVICE"
      case EADDRNOTAVAIL: ": this machine has no such address"
      case ENOENT: ": the directory does not exist"
      case ENOTSOCK: ": a file that is not a socket lies there; remove it or choose another path"
      default: ""
      }
    return "cannot listen on \(address): \(cause)\(remedy)"
  }
}
