internal import CLinux
internal import Glibc

/// Random numbers of the kernel's, many at a time.
package enum RandomNumbers {
  /// Fills `words`: unpredictable, fit for keys (getrandom(2)).
  package static func fill(_ words: inout MutableSpan<UInt32>) {
    // SAFETY: `offset` and `count` stay within the span.
    unsafe words.withUnsafeMutableBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let count = unsafe getrandom(bytes.baseAddress! + offset, bytes.count - offset, 0)
        precondition(count >= 0 || errno == EINTR, "the kernel has no random numbers")
        offset += max(0, count)
      }
    }
  }
}
