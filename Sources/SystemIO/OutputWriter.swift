internal import CLinux
internal import Glibc
internal import Synchronization

/// Writes to a descriptor whose writes may block, such as standard output, in a thread of
/// its own, in order. What is queued is the caller's to bound, by ``queuedBytes``.
///
/// Notices at once when nobody reads a pipe any more. The thread ends then, or with the
/// process.
package final class OutputWriter: Sendable {
  private let shared: Shared

  /// `waker` is used when some of what was queued is written, and when that has failed.
  /// The descriptor must stay open.
  package init(descriptor: Int32, waker: Waker) throws(SystemError) {
    let added = eventfd(0, Int32(EFD_CLOEXEC))
    guard added >= 0 else { throw .last("eventfd") }
    let shared = Shared(added: FileDescriptor(owning: added))
    self.shared = shared
    _ = BackgroundThread {
      while true {
        let failure: SystemError? =
          if shared.awaitQueued(unlessBroken: descriptor) {
            Self.write(shared.takeQueued(), to: descriptor)
          } else {
            SystemError("write", code: EPIPE)
          }
        shared.finishWriting(failure)
        waker.wake()
        if failure != nil { return }
      }
    }
  }

  /// Queues bytes. After a failure they are dropped.
  package func write(_ bytes: [UInt8]) {
    shared.add(bytes)
  }

  /// Not written yet.
  package var queuedBytes: Int { shared.state.withLock { $0.queue.count + $0.bytesUnderWay } }

  /// Why nothing is written any more; EPIPE when nobody reads.
  package var failure: SystemError? { shared.state.withLock { $0.failure } }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> SystemError? {
    var written = 0
    while written < bytes.count {
      // SAFETY: the rest of the array, which outlives the call.
      let count = unsafe bytes.withUnsafeBufferPointer { bytes in
        retryingInterrupts {
          unsafe Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        }
      }
      if count >= 0 {
        written += count
      } else if errno == EAGAIN {
        // Another program that has the same pipe or terminal has made it so.
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one pollfd is read and written.
        unsafe poll(&wanted, 1, -1)
      } else {
        return .last("write")
      }
    }
    return nil
  }

  private final class Shared: Sendable {
    struct State {
      var queue: [UInt8] = []
      var bytesUnderWay = 0
      var failure: SystemError?
    }

    let state = Mutex(State())
    /// Counts the times that something was added to an empty queue.
    private let added: FileDescriptor

    init(added: consuming FileDescriptor) {
      self.added = added
    }

    func add(_ bytes: [UInt8]) {
      let isFirst = state.withLock { state in
        guard state.failure == nil, !bytes.isEmpty else { return false }
        let isFirst = state.queue.isEmpty
        if isFirst { state.queue = bytes } else { state.queue += bytes }
        return isFirst
      }
      guard isFirst else { return }
      var one: UInt64 = 1
      // SAFETY: eight bytes are read.
      _ = unsafe Glibc.write(added.rawValue, &one, 8)
    }

    /// False when nobody reads the descriptor any more.
    func awaitQueued(unlessBroken descriptor: Int32) -> Bool {
      var watched: [2 of pollfd] = [
        pollfd(fd: added.rawValue, events: Int16(POLLIN), revents: 0),
        pollfd(fd: descriptor, events: 0, revents: 0),
      ]
      // SAFETY: two are read and written; then eight bytes are written.
      unsafe withUnsafeMutableBytes(of: &watched) { bytes in
        let list = unsafe bytes.assumingMemoryBound(to: pollfd.self).baseAddress
        _ = retryingInterrupts { unsafe poll(list, 2, -1) }
      }
      guard watched[0].revents != 0 else { return false }
      var count: UInt64 = 0
      _ = retryingInterrupts { unsafe read(added.rawValue, &count, 8) }
      return true
    }

    func takeQueued() -> [UInt8] {
      state.withLock { state in
        var taken: [UInt8] = []
        swap(&taken, &state.queue)
        state.bytesUnderWay = taken.count
        return taken
      }
    }

    func finishWriting(_ failure: SystemError?) {
      state.withLock { state in
        state.bytesUnderWay = 0
        if let failure {
          state.failure = failure
          state.queue = []
        }
      }
    }
  }
}
