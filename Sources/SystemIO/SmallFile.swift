internal import Glibc

/// A file that is read whole, as configuration is.
package enum SmallFile {
  /// - Returns: Nil when there are more than `bytesMax` bytes. A pipe is read to its end.
  package static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8]? {
    // A C string would end at a zero byte, and name another file.
    if path.utf8.contains(0) { throw SystemError("open", code: EINVAL) }
    // SAFETY: Swift passes the path as a C string.
    let rawValue = retryingInterrupts { unsafe open(path, O_RDONLY | O_CLOEXEC) }
    if rawValue < 0 { throw .last("open") }
    let file = FileDescriptor(owning: rawValue)
    var bytes: [UInt8] = []
    while bytes.count <= bytesMax {
      // One more than allowed tells whether there are more.
      let capacity = min(bytesMax + 1 - bytes.count, 64 * 1024)
      var failure: SystemError?
      let descriptor = file.rawValue
      // SAFETY: the buffer has room for so many bytes; `count` of them have been written.
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        let result = retryingInterrupts {
          unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        }
        if result < 0 { failure = .last("read") }
        count = max(0, result)
      }
      if let failure { throw failure }
      if piece.isEmpty { return bytes }
      bytes += piece
    }
    return nil
  }
}

package enum OwnMemory {
  /// What this process has resident, shared pages included (proc_pid_statm(5)); 0 where that
  /// can't be read.
  package static func residentBytes() -> UInt64 {
    guard let bytes = try? SmallFile.read("/proc/self/statm", bytesMax: 256) else { return 0 }
    let fields = bytes.split(separator: UInt8(ascii: " "))
    guard fields.count > 1, let pages = UInt64(String(decoding: fields[1], as: UTF8.self)) else {
      return 0
    }
    return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }
}
