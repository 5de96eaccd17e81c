internal import CLinux
internal import Glibc

/// What one thread rings to end another's wait (eventfd(2)). A ring that nobody waits for is
/// kept for the next who does; several may become one.
package final class Bell: Sendable {
  private let event: FileDescriptor

  package init() throws(SystemError) {
    let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else { throw .last("eventfd") }
    event = FileDescriptor(owning: descriptor)
  }

  package func ring() {
    var one: UInt64 = 1
    // Fails only when it has been rung already.
    // SAFETY: eight bytes are read.
    _ = unsafe write(event.rawValue, &one, 8)
  }

  package func wait() {
    wait(atMost: -1)
  }

  /// Returns once it has been rung, or after so long.
  package func wait(atMost milliseconds: Int32) {
    waitUntilReady(event.rawValue, for: POLLIN, atMost: milliseconds)
    var count: UInt64 = 0
    // SAFETY: eight bytes are written.
    _ = unsafe read(event.rawValue, &count, 8)
  }
}

/// Waits for one descriptor; -1 is for ever. False when the time is over.
@discardableResult
func waitUntilReady(_ descriptor: Int32, for events: Int32, atMost milliseconds: Int32) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
  // SAFETY: one entry.
  return retryingInterrupts { unsafe poll(&entry, 1, milliseconds) } > 0
}
