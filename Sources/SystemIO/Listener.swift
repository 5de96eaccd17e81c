internal import CLinux
internal import Glibc

/// A listening stream socket, not yet attended to.
///
/// TCP listeners are bound with SO_REUSEPORT, so that each worker has one of its
/// own. Accepted sockets inherit TCP_NODELAY, and TCP_NOTSENT_LOWAT: the kernel
/// would otherwise take megabytes for a peer that doesn't read, and a limit on
/// what is queued for it would bound only the smaller part. IPv6 listeners take
/// IPv6 only: 0.0.0.0 and [::] can be listened on side by side.
///
/// A Unix socket has no SO_REUSEPORT. Its path is guarded by a lock file,
/// `PATH.lock`, that is held as long as the listener: whoever holds the lock may
/// remove a path that a dead process left behind, and nobody takes the path of a
/// live one.
package struct Listener: ~Copyable {
  package let address: SocketAddress
  let socket: FileDescriptor

  /// What the kernel takes beyond what the peer's window has room for.
  private static let unsentBytesMax: Int32 = 128 * 1024
  private let unixPath: UnixSocketPath?

  package init(
    on wanted: SocketAddress, backlog: Int32 = 4096
  ) throws(ListenerError) {
    let family: Int32
    var pathGuard: UnixSocketPath? = nil
    var path: String? = nil
    switch wanted {
    case .ipv4: family = AF_INET
    case .ipv6: family = AF_INET6
    case .unix(let wantedPath):
      family = AF_UNIX
      path = wantedPath
      pathGuard = try UnixSocketPath(claiming: wantedPath)
    }
    let raw = Glibc.socket(family, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(wanted, .last("socket")) }
    let descriptor = FileDescriptor(owning: raw)

    if family != AF_UNIX {
      try Self.enable(SOL_SOCKET, SO_REUSEADDR, on: raw, wanted)
      try Self.enable(SOL_SOCKET, SO_REUSEPORT, on: raw, wanted)
      try Self.enable(Int32(IPPROTO_TCP), TCP_NODELAY, on: raw, wanted)
      try Self.set(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Self.unsentBytesMax, on: raw, wanted)
    }
    if family == AF_INET6 {
      try Self.enable(Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), on: raw, wanted)
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
    let family: Int32
    switch address {
    case .ipv4: family = AF_INET
    case .ipv6: family = AF_INET6
    case .unix: return  // the lock file tells
    }
    let raw = Glibc.socket(family, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(address, .last("socket")) }
    let probe = FileDescriptor(owning: raw)
    // Connections of an earlier process that are still closing do not count.
    try enable(SOL_SOCKET, SO_REUSEADDR, on: probe.rawValue, address)
    if family == AF_INET6 {
      try enable(Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), on: probe.rawValue, address)
    }
    let bound = unsafe address.withSockaddr { unsafe Glibc.bind(probe.rawValue, $0, $1) }
    guard bound == 0 else { throw ListenerError(address, .last("bind")) }
  }

  private static func enable(
    _ level: Int32, _ option: Int32, on descriptor: Int32, _ address: SocketAddress
  ) throws(ListenerError) {
    try set(level, option, 1, on: descriptor, address)
  }

  private static func set(
    _ level: Int32, _ option: Int32, _ value: Int32, on descriptor: Int32,
    _ address: SocketAddress
  ) throws(ListenerError) {
    var value = value
    // SAFETY: the kernel reads one Int32.
    let result = unsafe setsockopt(
      descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    guard result == 0 else { throw ListenerError(address, .last("setsockopt")) }
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
