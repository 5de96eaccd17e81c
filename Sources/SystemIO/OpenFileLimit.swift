internal import Glibc

package enum OpenFileLimit {
  /// Raises the number of files that this process may have open to the hard
  /// limit, and returns the number then in force. At most 2^24, also where the
  /// limit is said to be infinite.
  package static func raise() -> Int {
    var limit = rlimit()
    // SAFETY: both calls work on one rlimit.
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return 1024
    }
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
      limit = raised
    }
    return Int(min(limit.rlim_cur, 1 << 24))
  }
}
