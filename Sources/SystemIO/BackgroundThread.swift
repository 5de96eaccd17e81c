internal import Glibc
internal import Synchronization

/// A thread of its own, for what blocks or what another core is to do, and its result.
package final class BackgroundThread<Result: Sendable>: Sendable {
  private final class Outcome: Sendable {
    let value = Mutex<Result?>(nil)
  }

  private let outcome = Outcome()
  private let thread: pthread_t

  /// Runs `body` at once. Should there be no thread to be had, that is the end of the
  /// process: nothing here starts threads in numbers.
  package init(_ body: @escaping @Sendable () -> Result) {
    let outcome = outcome
    let job = Job {
      let value = body()
      outcome.value.withLock { $0 = value }
    }
    var thread = pthread_t()
    // SAFETY: the thread takes over the reference that is passed.
    let context = unsafe Unmanaged.passRetained(job).toOpaque()
    let created = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe Unmanaged<Job>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    precondition(created == 0, "no thread")
    self.thread = thread
  }

  /// Waits for the thread's end. To be called once.
  package func join() -> Result {
    pthread_join(thread, nil)
    return outcome.value.withLock { $0! }
  }
}

private final class Job: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}
