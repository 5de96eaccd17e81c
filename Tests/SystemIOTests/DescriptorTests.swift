import Glibc
import Testing

@testable import SystemIO

private func isOpen(_ descriptor: Int32) -> Bool {
  if fcntl(descriptor, F_GETFD) >= 0 { return true }
  #expect(errno == EBADF)
  return false
}

@Suite("File descriptors", .timeLimit(.minutes(5)))
struct FileDescriptorTests {
  /// High enough that no other test's descriptor takes its number meanwhile.
  private func high() -> Int32 {
    fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 700)
  }

  @Test("are closed when their owner goes")
  func closed() {
    let raw = high()
    do {
      let descriptor = FileDescriptor(owning: raw)
      #expect(isOpen(descriptor.rawValue))
    }
    #expect(!isOpen(raw))
  }

  @Test("that are given up stay open")
  func released() {
    let raw = high()
    let descriptor = FileDescriptor(owning: raw)
    let released = descriptor.release()
    #expect(released == raw)
    #expect(isOpen(raw))
    close(raw)
  }

  @Test("that could not be opened are our own mistake, and trap")
  func invalid() async {
    await #expect(processExitsWith: .failure) { _ = FileDescriptor(owning: -1) }
  }

  @Test("that were inherited close on exec, are ours, and must be open")
  func inherited() throws {
    let raw = fcntl(STDERR_FILENO, F_DUPFD, 740)
    do {
      let descriptor = try FileDescriptor(inheriting: raw)
      #expect(descriptor.rawValue == raw)
      #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
    }
    #expect(!isOpen(raw))
    // Standard streams are nobody's to close.
    for number in [raw, -1, STDERR_FILENO] {
      #expect(throws: SystemError("fcntl", code: EBADF)) {
        _ = try FileDescriptor(inheriting: number)
      }
    }
  }

  @Test("the limit of open files is raised as far as it goes")
  func limit() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit()
      // SAFETY: both work on one rlimit.
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_max = min(limit.rlim_max, 512)
      limit.rlim_cur = 256
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      #expect(OpenFileLimit.raise() == Int(limit.rlim_max))
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      #expect(limit.rlim_cur == limit.rlim_max)
    }
  }
}

@Suite("Clocks")
struct ClockTests {
  @Test("the monotonic clock never goes back")
  func monotonic() {
    var last = MonotonicClock.milliseconds()
    for _ in 0..<10_000 {
      let now = MonotonicClock.milliseconds()
      #expect(now >= last)
      last = now
    }
  }

  @Test("the wall clock counts from 1970")
  func wall() {
    let before = UInt64(time(nil))
    let now = WallClock.unixSeconds()
    #expect(now >= before && now <= UInt64(time(nil)) + 1)
  }
}
