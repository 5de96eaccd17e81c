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
