internal import CLinux
internal import Glibc

/// The claim on a Unix socket's path; releasing it removes the path.
struct UnixSocketPath: ~Copyable {
  private let path: String
  let lock: FileDescriptor
  /// Whether a dead process had left a socket there.
  let wasStale: Bool

  /// With `takesOver`, whoever gets the lock may take the path also of a socket that is still
  /// listened on.
  init(claiming path: String, takesOver: Bool) throws(ListenerError) {
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
    let isThere = unsafe lstat(path, &status) == 0
    if isThere {
      // Only a socket is ours to remove; a file that lies there is a mistake.
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw ListenerError(address, SystemError("remove stale socket", code: ENOTSOCK))
      }
      // And only one that nobody listens on: another program knows no lock of ours.
      let isFree = if takesOver { true } else { try Self.isStale(address) }
      guard isFree else {
        throw ListenerError(address, SystemError("bind", code: EADDRINUSE))
      }
      unsafe unlink(path)
    }
    self.path = path
    self.lock = lock
    wasStale = isThere
  }

  /// Takes over the claim of a process's earlier program.
  ///
  /// - Throws: EINVAL when `lock` is not the path's lock file, EAGAIN when somebody else
  ///   holds the lock.
  init(inheriting path: String, lock: consuming FileDescriptor) throws(SystemError) {
    let raw = lock.rawValue
    var (named, held) = (stat(), stat())
    // SAFETY: each fills one stat.
    guard unsafe lstat(path + ".lock", &named) == 0, unsafe fstat(raw, &held) == 0,
      named.st_dev == held.st_dev, named.st_ino == held.st_ino
    else { throw SystemError("stat", code: EINVAL) }
    // Nothing changes when it is held already, by this very descriptor's file.
    guard flock(raw, LOCK_EX | LOCK_NB) == 0 else { throw .last("flock") }
    self.path = path
    self.lock = lock
    wasStale = false
  }

  private static func isStale(_ address: SocketAddress) throws(ListenerError) -> Bool {
    let raw = socket(AF_UNIX, sluice_stream_socket, 0)
    guard raw >= 0 else { throw ListenerError(address, .last("socket")) }
    let probe = FileDescriptor(owning: raw)
    let connected = unsafe address.withSockaddr { unsafe connect(probe.rawValue, $0, $1) }
    return connected != 0 && errno == ECONNREFUSED
  }

  /// Whether the socket's file has no permissions but these.
  func allows(atMost mode: mode_t) -> Bool {
    var status = stat()
    // SAFETY: lstat fills one stat.
    return unsafe lstat(path, &status) == 0 && status.st_mode & 0o777 & ~mode == 0
  }

  // The lock file stays: removing it would let two processes lock two files.
  deinit {
    unsafe unlink(path)
  }
}
