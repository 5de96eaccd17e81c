internal import Glibc
internal import Synchronization

/// A thread of its own, for what blocks or what another core is to do, and its result.
package final class BackgroundThread<Result: Sendable>: Sendable {
  private final class Outcome: Sendable {
    let value = Mutex<Result?>(nil)
  }

  private let outcome = Outcome()
  private let thread: pthread_t

  /// Runs `body` at once. It gets no signals: those of the process are for who watches
  /// them, or end it, whatever other threads there are. Should there be no thread to be had, that is the end of the
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
    var (blocked, before) = (sigset_t(), sigset_t())
    // SAFETY: all of these fill or read a sigset_t. A thread begins with the mask of
    // the one that starts it.
    unsafe sigfillset(&blocked)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] {
      unsafe sigdelset(&blocked, fault)
    }
    unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
    let created = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe Unmanaged<Job>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
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
