internal import Glibc

package enum Directory {
  /// The names of what lies in a directory, but for `.` and `..`, in no order; empty when it
  /// can't be read. At most `namesMax`.
  package static func names(in path: String, namesMax: Int = 10_000) -> [String] {
    guard let stream = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while names.count < namesMax, let entry = unsafe readdir(stream) {
      // SAFETY: d_name is terminated, and copied before the next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Whether this process may make files there (access(2)).
  package static func isWritable(_ path: String) -> Bool {
    // SAFETY: Swift passes the string as a terminated C string.
    unsafe access(path, W_OK | X_OK) == 0
  }
}
