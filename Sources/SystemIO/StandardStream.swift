internal import Glibc

/// Whole lines on a standard stream, past the C library's buffers: a reader at
/// the other end of a pipe sees each at once.
package enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes `line` and a newline. A stream that nobody reads any more is not an error.
  package func print(_ line: String) {
    write(Array(line.utf8) + [UInt8(ascii: "\n")])
  }

  /// Writes `bytes`. Returns false when nobody reads the stream any more, or it is full.
  @discardableResult
  package func write(_ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      var written = 0
      while written < bytes.count {
        // SAFETY: the rest of the buffer, which outlives the call.
        let count = retryingInterrupts {
          unsafe Glibc.write(rawValue, bytes.baseAddress! + written, bytes.count - written)
        }
        if count <= 0 { return false }
        written += count
      }
      return true
    }
  }
}
