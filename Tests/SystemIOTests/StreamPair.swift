import Glibc

@testable import SystemIO

/// Two connected stream sockets, blocking, but for no longer than ten seconds. No process
/// that is started meanwhile inherits them.
struct StreamPair: ~Copyable {
  let near: FileDescriptor
  let far: FileDescriptor

  init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    // SAFETY: two integers are written.
    guard
      unsafe socketpair(
        AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0
    else { throw .last("socketpair") }
    for end in ends {
      var patience = timeval(tv_sec: 10, tv_usec: 0)
      // SAFETY: the kernel reads one timeval.
      unsafe setsockopt(
        end, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    near = FileDescriptor(owning: ends[0])
    far = FileDescriptor(owning: ends[1])
  }

  /// Closes the far end, which another process has by now.
  consuming func keepNear() -> FileDescriptor { near }
}

/// How many descriptors of this process are of the same file.
func copies(of descriptor: Int32) -> Int {
  func identity(_ descriptor: Int32) -> ino_t? {
    var status = stat()
    // SAFETY: one stat is written.
    return unsafe fstat(descriptor, &status) == 0 ? status.st_ino : nil
  }
  let wanted = identity(descriptor)
  return (0..<1024).count { identity($0) == wanted }
}

extension Listener {
  /// Its socket once more, as another process would have it.
  func duplicate() -> FileDescriptor {
    FileDescriptor(owning: fcntl(descriptorNumber, F_DUPFD_CLOEXEC, 0))
  }
}
