internal import CLinux
internal import Glibc

/// The claim on a Unix socket's path; releasing it removes the path.
struct UnixSocketPath: ~Copyable {
  private let path: String
  private let lock: FileDescriptor

  init(claiming path: String) throws(ListenerError) {
    let address = SocketAddress.unix(path: path)
    // SAFETY: here and below, Swift passes the string as a terminated C string.
    let raw = unsafe open(path + ".lock", O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard raw >= 0 else { throw ListenerError(address, .last("open lock file")) }
    let lock = FileDescriptor(owning: raw)
    guard flock(raw, LOCK_EX | LOCK_NB) == 0 else {
      throw ListenerError(
        address, SystemError("lock", code: errno == EWOULDBLOCK ? EADDRINUSE : errno))
    }
    var status = stat()
    // SAFETY: lstat fills one stat.
    if unsafe lstat(path, &status) == 0 {
      // Only a socket is ours to remove; a file that lies there is a mistake.
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw ListenerError(address, SystemError("remove stale socket", code: ENOTSOCK))
      }
      // And only one that nobody listens on: another program knows no lock of ours.
      guard try Self.isStale(address) else {
        throw ListenerError(address, SystemError("bind", code: EADDRINUSE))
      }
      unsafe unlink(path)
    }
    self.path = path
    self.lock = lock
  }

  private static func isStale(_ address: SocketAddress) throws(ListenerError) -> Bool {
    let raw = socket(AF_UNIX, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(address, .last("socket")) }
    let probe = FileDescriptor(owning: raw)
    let connected = unsafe address.withSockaddr { unsafe connect(probe.rawValue, $0, $1) }
    return connected != 0 && errno == ECONNREFUSED
  }

  // The lock file stays: removing it would let two processes lock two files.
  deinit {
    unsafe unlink(path)
  }
}
