internal import Glibc

/// Whole lines on a standard stream, past the C library's buffers: a reader at
/// the other end of a pipe sees each at once.
package enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes `line` and a newline. A stream that nobody reads any more is not an error.
  package func print(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        // SAFETY: the rest of the buffer, which outlives the call.
        let count = retryingInterrupts {
          unsafe write(rawValue, bytes.baseAddress! + written, bytes.count - written)
        }
        if count <= 0 { return }
        written += count
      }
    }
  }
}
