internal import CLinux
internal import Glibc

package enum BrokenPipe {
  /// Makes a write to a pipe or socket that nobody reads any more an error of
  /// that write (EPIPE), instead of the end of the process.
  package static func ignoreSignal() {
    _ = signal(SIGPIPE, SIG_IGN)
  }
}

package enum LateSignals {
  /// For the end of a process that has watched these signals and no longer does: one that
  /// comes while it tidies up must not end it in another way.
  package static func ignore(_ numbers: [Int32]) {
    for number in numbers { _ = signal(number, SIG_IGN) }
  }
}

/// Signals as readable events (signalfd(2)): no handler runs, so none can
/// interrupt anything. The signals stay blocked in this thread, and in those
/// that it starts later, until this value goes.
final class SignalDescriptor {
  private let descriptor: FileDescriptor
  private var mask = sigset_t()

  var rawValue: Int32 { descriptor.rawValue }

  init(watching numbers: [Int32]) throws(SystemError) {
    var mask = sigset_t()
    // SAFETY: all of these fill or read one sigset_t.
    unsafe sigemptyset(&mask)
    for number in numbers { unsafe sigaddset(&mask, number) }
    let blocked = unsafe pthread_sigmask(SIG_BLOCK, &mask, nil)
    guard blocked == 0 else { throw SystemError("pthread_sigmask", code: blocked) }
    let raw = unsafe signalfd(-1, &mask, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard raw >= 0 else { throw .last("signalfd") }
    descriptor = FileDescriptor(owning: raw)
    self.mask = mask
  }

  deinit {
    // SAFETY: reads one sigset_t.
    unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }

  /// The next pending signal's number.
  func read() -> Int32? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    // SAFETY: the kernel writes at most one signalfd_siginfo.
    guard unsafe Glibc.read(descriptor.rawValue, &info, size) == size else { return nil }
    return Int32(bitPattern: info.ssi_signo)
  }
}
