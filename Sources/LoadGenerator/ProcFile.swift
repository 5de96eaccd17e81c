internal import Glibc
internal import SystemIO

/// Files and folders under /proc.
enum ProcFile {
  /// The whole text of a file, of which more than 1 MiB is left out.
  static func read(_ path: String) throws(SystemError) -> String {
    // SAFETY: Swift passes the path as a C string.
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError("open", code: errno) }
    let file = FileDescriptor(owning: number)
    var content: [UInt8] = []
    while content.count < contentBytesMax {
      var failure: Int32 = 0
      let piece = [UInt8](capacity: 4096) { output in
        unsafe output.withUnsafeMutableBufferPointer { buffer, initializedCount in
          // SAFETY: the kernel writes at most the buffer's size.
          let count = unsafe Glibc.read(file.rawValue, buffer.baseAddress!, buffer.count)
          if count < 0 { failure = errno }
          initializedCount = max(0, count)
        }
      }
      if failure == EINTR { continue }
      if failure != 0 { throw SystemError("read", code: failure) }
      if piece.isEmpty { break }
      content += piece
    }
    return String(decoding: content, as: UTF8.self)
  }

  /// The entries of a folder whose names are numbers.
  static func numbers(in path: String) throws(SystemError) -> [Int32] {
    // SAFETY: Swift passes the path as a C string; the folder is closed once, below.
    guard let folder = unsafe opendir(path) else {
      throw SystemError("opendir", code: errno)
    }
    defer { unsafe closedir(folder) }
    var numbers: [Int32] = []
    while let entry = unsafe readdir(folder) {
      // SAFETY: the name is terminated, and lies where the entry says, which may be shorter
      // than its type.
      let name = unsafe String(
        cString: UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(
          to: CChar.self))
      if let number = Int32(name) { numbers.append(number) }
    }
    return numbers
  }

  private static let contentBytesMax = 1 << 20
  private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name)!
}
