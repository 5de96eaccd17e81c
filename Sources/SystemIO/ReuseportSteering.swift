internal import CLinux
internal import Glibc

/// Which listeners of one TCP address get its new connections.
///
/// Listeners that are bound to one address with SO_REUSEPORT are a group, whose slots the
/// kernel numbers:
///
/// - A listener gets the next slot when it begins to listen: 0, 1, 2 and so on.
/// - When a listener's last descriptor is closed, in any process, **the last slot of
///   the group moves into its place**. Of slots 0 to 3, closing 1 makes the former 3 the
///   new 1; 0 and 2 stay, and there is no 3 any more. Closing the last one moves none.
///
/// So close the last slot first, or compute the slots anew and steer again.
///
/// A group has one program, which holds for all listeners of it, whichever it is set on, and
/// goes with the last of them. It decides when a connection's SYN comes; what is queued or
/// half open stays with its listener.
package enum ReuseportSteering {
  package static let slotsMax = Int(SLUICE_STEERED_SLOTS_MAX)

  /// Sends each new connection to one of these slots, at random and evenly.
  ///
  /// When that is a slot that the group does not have, the kernel chooses among all of
  /// the group, as without steering.
  ///
  /// - Parameters:
  ///   - slots: 1 to ``slotsMax`` of 0..<``slotsMax``.
  ///   - listener: Any one of the group.
  /// - Throws: EINVAL for other slots, and for a listener that is in no group, such as a
  ///   Unix socket. ENOMEM, EPERM or ENOPROTOOPT where the kernel refuses the program.
  package static func steer(
    to slots: [Int], groupOf listener: borrowing Listener
  ) throws(SystemError) {
    guard slots.allSatisfy({ (0..<slotsMax).contains($0) }) else {
      throw SystemError("setsockopt", code: EINVAL)
    }
    let bytes = slots.map { UInt8($0) }
    // SAFETY: the array lives during the call, and its count is passed.
    guard unsafe sluice_steer(listener.descriptorNumber, bytes, bytes.count) == 0 else {
      throw .last("setsockopt")
    }
  }

  /// Lets the kernel choose among all listeners of the group, as it does at first.
  ///
  /// - Throws: EINVAL for a listener that is in no group, ENOPROTOOPT before Linux 5.3.
  package static func end(groupOf listener: borrowing Listener) throws(SystemError) {
    guard sluice_end_steering(listener.descriptorNumber) == 0 || errno == ENOENT else {
      throw .last("setsockopt")
    }
  }
}
