internal import CLinux
internal import Glibc

/// A system call that failed: which one, and with what errno.
package struct SystemError: Error, Equatable, CustomStringConvertible {
  package let call: StaticString
  package let code: Int32

  package init(_ call: StaticString, code: Int32) {
    self.call = call
    self.code = code
  }

  /// For the call that has just failed in this thread.
  static func last(_ call: StaticString) -> SystemError {
    SystemError(call, code: errno)
  }

  /// A connection that did not come about in time.
  package static var timedOut: SystemError { SystemError("connect", code: ETIMEDOUT) }

  package static func == (left: SystemError, right: SystemError) -> Bool {
    left.code == right.code && left.call.description == right.call.description
  }

  /// Such as `bind: Address already in use`.
  package var description: String { "\(call): \(reason)" }

  /// Such as `Address already in use`.
  package var reason: String {
    // SAFETY: the size passed is the buffer's; the result is terminated.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard unsafe sluice_strerror(code, buffer.baseAddress!, UInt(buffer.count)) == 0 else {
        return "error \(code)"
      }
      return unsafe String(cString: buffer.baseAddress!)
    }
  }
}

/// Repeats a system call that a signal has interrupted.
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result == -1 && errno == EINTR { continue }
    return result
  }
}
