internal import CLinux
internal import Glibc

extension ChildProcess {
  /// How a child has ended.
  package enum End: Equatable, Sendable {
    /// By itself, with this status.
    case exited(status: Int32)
    case killed(signal: Int32)
  }

  /// A child that has ended, and no longer has its number.
  package struct Ended: Equatable, Sendable {
    package let id: Int32
    package let end: End
  }

  /// All children that have ended and were not told before (waitpid(2)); to be called on
  /// SIGCHLD, several of which may have become one.
  ///
  /// Tells of orphans too, which this process has not started, as pid 1 or after
  /// ``adoptOrphans()``. It takes the end of every child: nobody else may wait for one.
  package static func reap() -> [Ended] {
    var ended: [Ended] = []
    while true {
      var (status, signal) = (Int32(0), Int32(0))
      // SAFETY: two integers are written.
      let id = unsafe sluice_reap(&status, &signal)
      if id <= 0 { return ended }
      ended.append(
        Ended(id: id, end: signal == 0 ? .exited(status: status) : .killed(signal: signal)))
    }
  }

  /// Makes this process the parent of those of its descendants whose parents end, as pid 1 is
  /// (prctl(2), PR_SET_CHILD_SUBREAPER), until it ends, exec included.
  package static func adoptOrphans() throws(SystemError) {
    guard sluice_become_subreaper() == 0 else { throw .last("prctl") }
  }
}
