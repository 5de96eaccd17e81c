import Glibc
import Synchronization

/// A thread of its own for what blocks or must come from elsewhere, and its result.
final class BackgroundThread<Result: Sendable> {
  private final class Outcome: Sendable {
    let value = Mutex<Result?>(nil)
  }

  private let outcome: Outcome
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Result) {
    let outcome = Outcome()
    self.outcome = outcome
    let job = Job {
      let value = body()
      outcome.value.withLock { $0 = value }
    }
    // SAFETY: the thread takes over the reference that is passed.
    let context = unsafe Unmanaged.passRetained(job).toOpaque()
    let created = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe Unmanaged<Job>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    precondition(created == 0)
  }

  /// Waits for the thread's end. To be called once.
  func join() -> Result {
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
