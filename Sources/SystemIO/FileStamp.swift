internal import CLinux
internal import Glibc

/// What tells one state of a file from the next without reading it.
package struct FileStamp: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  private let seconds: Int
  private let nanoseconds: Int

  /// Nil when there is no such file, or it cannot be looked at.
  package init?(path: String) {
    var status = stat()
    // SAFETY: stat fills one stat; Swift passes the path as a C string.
    guard unsafe stat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}
