internal import Glibc

/// A file descriptor with one owner, closed when the owner goes.
package struct FileDescriptor: ~Copyable {
  /// For system calls while this value lives; it must not be closed or kept.
  package let rawValue: Int32

  /// Takes over `rawValue`, which must be open and nobody else's.
  package init(owning rawValue: Int32) {
    precondition(rawValue >= 0)
    self.rawValue = rawValue
  }

  /// Takes over a descriptor that this process was started with, under the number that it
  /// was told. Programs that it starts itself don't get it (FD_CLOEXEC).
  ///
  /// It must be called for each number once: a second owner would close it under the first.
  ///
  /// - Throws: EBADF when there is none of this number, and for standard streams.
  package init(inheriting rawValue: Int32) throws(SystemError) {
    // Standard streams are closed by nobody: what were opened next would take their place.
    guard rawValue > STDERR_FILENO else { throw SystemError("fcntl", code: EBADF) }
    guard fcntl(rawValue, F_SETFD, FD_CLOEXEC) == 0 else { throw .last("fcntl") }
    self.rawValue = rawValue
  }

  /// Another descriptor of the same open file.
  package init(duplicating rawValue: Int32) throws(SystemError) {
    let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
    guard copy >= 0 else { throw .last("fcntl") }
    self.rawValue = copy
  }

  /// For what came from elsewhere: calls don't block, and exec closes it.
  func makeNonblocking() throws(SystemError) {
    let flags = fcntl(rawValue, F_GETFL)
    guard flags >= 0, fcntl(rawValue, F_SETFL, flags | O_NONBLOCK) == 0,
      fcntl(rawValue, F_SETFD, FD_CLOEXEC) == 0
    else { throw .last("fcntl") }
  }

  /// Waits until there is something to read, or the end; false when so long nothing has come.
  package func isReadable(within milliseconds: Int32) -> Bool {
    waitUntilReady(rawValue, for: POLLIN, atMost: milliseconds)
  }

  deinit {
    // EINTR included: Linux has released the descriptor whatever close returns.
    _ = Glibc.close(rawValue)
  }

  /// Gives the descriptor up without closing it.
  package consuming func release() -> Int32 {
    let rawValue = self.rawValue
    discard self
    return rawValue
  }
}
