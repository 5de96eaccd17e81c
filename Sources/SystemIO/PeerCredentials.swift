internal import CLinux
internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel knows it (unix(7), SO_PEERCRED):
/// the process that has connected, or, for one that has connected itself, that listens, or
/// that has made the pair, as it was then.
package struct PeerCredentials: Equatable, Sendable {
  /// 0 when it is in a PID namespace that we cannot see.
  package let processID: Int32
  /// Effective user and group. In our user namespace; 65534 when they have no number there.
  package let userID: UInt32
  package let groupID: UInt32

  /// - Throws: EOPNOTSUPP for a socket that is none of Unix, ENOTCONN for one that is not
  ///   connected, ENOTSOCK, EBADF.
  package init(of descriptor: Int32) throws(SystemError) {
    guard try SocketOptions.value(SOL_SOCKET, SO_DOMAIN, of: descriptor) == AF_UNIX else {
      throw SystemError("getsockopt", code: EOPNOTSUPP)
    }
    var (process, user, group) = (pid_t(0), uid_t(0), gid_t(0))
    // SAFETY: three integers are written.
    guard unsafe sluice_peer_credentials(descriptor, &process, &user, &group) == 0 else {
      throw .last("getsockopt")
    }
    // What the kernel says for nobody; no user has this number.
    guard user != .max else { throw SystemError("getsockopt", code: ENOTCONN) }
    processID = process
    userID = user
    groupID = group
  }

  /// Our effective user.
  package static var ownUserID: UInt32 { geteuid() }
}
