internal import CLinux
internal import Glibc

/// A listening stream socket, not yet attended to.
///
/// TCP listeners are bound with SO_REUSEPORT, so that each worker has one of its
/// own, a slot: ``requireUnused(_:)`` first, then ``init(on:backlog:)`` with what is wanted
/// for the first slot, and with the first one's ``address`` for the others. Accepted
/// sockets inherit ``SocketOptions``. IPv6 listeners take IPv6 only: 0.0.0.0 and [::] can be
/// listened on side by side.
///
/// A Unix socket has no SO_REUSEPORT; workers share one, which each of them inherits
/// (``init(inheriting:isShared:)``). Its path is guarded by a lock file,
/// `PATH.lock`, that is held as long as the listener: whoever holds the lock may
/// remove a path that a dead process left behind, and nobody takes the path of a
/// live one.
package struct Listener: ~Copyable {
  package let address: SocketAddress
  /// Whether other processes accept from the same socket. A connection then wakes one
  /// of them, not all (EPOLLEXCLUSIVE).
  package let isShared: Bool
  let socket: FileDescriptor
  private let unixPath: UnixSocketPath?

  /// Whether a process had this Unix socket before that died without removing it.
  package let replacedStalePath: Bool

  /// For a child to inherit, or to be sent; it stays this value's.
  package var descriptorNumber: Int32 { socket.rawValue }

  /// Of the lock file of a Unix socket's path, for this process's next program
  /// (``ExecImage``) to take over with the socket; nil when the path is not ours.
  package var pathLockNumber: Int32? {
    switch unixPath {
    case .some(let path): path.lock.rawValue
    case .none: nil
    }
  }

  /// Binds a socket, and listens.
  ///
  /// - Parameters:
  ///   - wanted: Where; port 0 is replaced with a free one.
  ///   - backlog: How many connections may be queued; net.core.somaxconn limits it too.
  ///   - unixMode: Which of the permissions that the umask allows a Unix socket's file
  ///     has, from its beginning: 0o600 lets only our user connect. All, unless given.
  ///   - takesOver: A Unix socket's path is taken also when processes still listen there
  ///     whose parent held the lock and is dead.
  /// - Throws: Which call failed, and what can be done about it.
  package init(
    on wanted: SocketAddress, backlog: Int32 = 4096, unixMode: UInt32 = 0o777,
    takesOver: Bool = false
  ) throws(ListenerError) {
    var pathGuard: UnixSocketPath? = nil
    var wasStale = false
    if case .unix(let wantedPath) = wanted {
      let claimed = try UnixSocketPath(claiming: wantedPath, takesOver: takesOver)
      wasStale = claimed.wasStale
      pathGuard = consume claimed
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
    // The file that bind makes gets the mode of its socket.
    if wanted.family == AF_UNIX, fchmod(raw, unixMode) != 0 {
      throw ListenerError(wanted, .last("fchmod"))
    }
    let bound = unsafe wanted.withSockaddr { unsafe Glibc.bind(raw, $0, $1) }
    guard bound == 0 else { throw ListenerError(wanted, .last("bind")) }
    if !(pathGuard?.allows(atMost: unixMode) ?? true) {
      throw ListenerError(wanted, SystemError("fchmod", code: EPERM))
    }
    guard Glibc.listen(raw, backlog) == 0 else { throw ListenerError(wanted, .last("listen")) }

    address = SocketAddress(boundTo: raw) ?? wanted
    isShared = false
    replacedStalePath = wasStale
    socket = descriptor
    unixPath = pathGuard
  }

  /// Takes over a listening socket that this process was started with, or was sent.
  ///
  /// - Parameters:
  ///   - descriptor: The socket.
  ///   - isShared: Whether other processes accept from it too.
  ///   - pathLock: The lock file of a Unix socket's path, which is removed with this value
  ///     then. Without it the path stays its binder's.
  /// - Throws: EINVAL or EAGAIN for another file, or one that somebody else has locked; ENOTSOCK for what is no socket, EINVAL for one that doesn't listen, EPROTOTYPE
  ///   for one that is not a stream over TCP or a Unix socket with a path.
  package init(
    inheriting descriptor: consuming FileDescriptor, isShared: Bool = false,
    pathLock: consuming FileDescriptor? = nil
  ) throws(SystemError) {
    let raw = descriptor.rawValue
    guard try SocketOptions.value(SOL_SOCKET, SO_TYPE, of: raw) == sluice_socket_type,
      let address = SocketAddress(boundTo: raw)
    else { throw SystemError("getsockopt", code: EPROTOTYPE) }
    guard try SocketOptions.value(SOL_SOCKET, SO_ACCEPTCONN, of: raw) != 0 else {
      throw SystemError("getsockopt", code: EINVAL)
    }
    try descriptor.makeNonblocking()
    var pathGuard: UnixSocketPath? = nil
    if let pathLock, case .unix(let path) = address {
      pathGuard = try UnixSocketPath(inheriting: path, lock: pathLock)
    }
    self.address = address
    self.isShared = isShared
    replacedStalePath = false
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
