internal import Glibc

package enum MonotonicClock {
  /// Milliseconds since an arbitrary moment; never goes back.
  package static func milliseconds() -> UInt64 {
    let time = read(CLOCK_MONOTONIC)
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
  }
}

package enum WallClock {
  /// Seconds since 1970. May jump, as the machine's clock does.
  package static func unixSeconds() -> UInt64 {
    UInt64(max(0, read(CLOCK_REALTIME).tv_sec))
  }
}

private func read(_ clock: clockid_t) -> timespec {
  var time = timespec()
  // SAFETY: both clocks exist on every Linux; one timespec is written.
  unsafe clock_gettime(clock, &time)
  return time
}
