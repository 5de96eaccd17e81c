internal import Glibc

/// Whole lines on a standard stream, past the C library's buffers: a reader at
/// the other end of a pipe sees each at once.
package enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Opens /dev/null for a standard stream that is closed, so that no socket takes its number.
  package static func openMissing() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
      // SAFETY: a C string. The lowest free number is taken, which is this one.
      _ = unsafe open("/dev/null", O_RDWR)
    }
  }

  /// Writes `line` and a newline. A stream that nobody reads any more is not an error.
  package func print(_ line: String) {
    write(Array(line.utf8) + [UInt8(ascii: "\n")])
  }

  /// Whether a person sees it at once.
  package var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Writes `bytes`, all of them in one call where the stream takes them so. Waits while the
  /// stream is full, also when somebody has made it non-blocking, as processes that share it can.
  /// Returns false when nobody reads it any more, or there is no room left on the disk.
  package func writeFully(_ bytes: ArraySlice<UInt8>) -> Bool {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      var written = 0
      while written < bytes.count {
        // SAFETY: the rest of the buffer, which outlives the call.
        let count = retryingInterrupts {
          unsafe Glibc.write(rawValue, bytes.baseAddress! + written, bytes.count - written)
        }
        if count > 0 {
          written += count
        } else if count < 0 && errno == EAGAIN {
          waitUntilReady(rawValue, for: POLLOUT, atMost: -1)
        } else {
          return false
        }
      }
      return true
    }
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
