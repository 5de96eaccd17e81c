internal import CLinux

package enum ProcessName {
  /// What ps(1) and top(1) call this process (PR_SET_NAME): 15 bytes at most. For its main
  /// thread to call.
  package static func set(_ name: String) {
    // SAFETY: Swift passes the name as a C string.
    unsafe sluice_set_process_name(name)
  }
}
