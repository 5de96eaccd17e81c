internal import Glibc

/// CPU time, user and system, in nanoseconds.
package enum CPUClock {
  /// Of the calling thread.
  package static func currentThread() -> UInt64 {
    read(CLOCK_THREAD_CPUTIME_ID) ?? 0
  }

  /// Of this process: all threads, also those that have ended.
  package static func currentProcess() -> UInt64 {
    read(CLOCK_PROCESS_CPUTIME_ID) ?? 0
  }

  /// Of any process: all threads, also those that have ended. Nil when there is none with this
  /// number; one that has ended is there until its parent has waited for it.
  package static func process(_ pid: Int32) -> UInt64? {
    // The number that clock_getcpuclockid(3) returns: the complement of the process id above
    // three bits, of which 2 means CPU time as the scheduler counts it. Process 0 would be the
    // calling one, and from 2²⁸ on (Linux ends at 2²²) the number would not fit.
    pid > 0 && pid < 1 << 28 ? read((~pid << 3) | 2) : nil
  }

  private static func read(_ clock: clockid_t) -> UInt64? {
    var time = timespec()
    // SAFETY: the kernel checks the clock; one timespec is written.
    guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
