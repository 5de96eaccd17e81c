internal import Glibc

/// The program that this process runs.
package enum ExecImage {
  /// Runs another program, or a new version of this one, in this process (execve(2)).
  ///
  /// What stays: the process's number, its children, its session, its blocked, pending and
  /// ignored signals, and of its descriptors `keeping` and those without FD_CLOEXEC, under
  /// their numbers. The new program takes them over with ``FileDescriptor/init(inheriting:)``,
  /// and has to set what it wants of signals. All else is gone, other threads too; no
  /// `deinit` is run.
  ///
  /// - Parameters:
  ///   - path: Of the program; `/proc/self/exe` is the one that runs already.
  ///   - arguments: argv: the first one is the name that the program goes by.
  ///   - environment: All of it.
  ///   - keeping: Open descriptors, which are not closed. If this fails they stay the
  ///     caller's, with FD_CLOEXEC where they had it.
  /// - Throws: What execve says, such as ENOENT, EACCES, ENOEXEC or E2BIG; EBADF for a
  ///   descriptor that is not open; EINVAL for a zero byte in a string. Everything is as
  ///   before then.
  package static func replace(
    path: String, arguments: [String], environment: [String: String], keeping: [Int32]
  ) throws(SystemError) -> Never {
    if path.utf8.contains(0) { throw SystemError("execve", code: EINVAL) }
    let arguments = try CStrings(arguments)
    let environment = try CStrings(environment: environment)
    var changed: [Int32] = []
    let failure: SystemError
    do throws(SystemError) {
      for descriptor in keeping {
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0 else { throw .last("fcntl") }
        if flags & FD_CLOEXEC == 0 { continue }
        guard fcntl(descriptor, F_SETFD, flags & ~FD_CLOEXEC) == 0 else { throw .last("fcntl") }
        changed.append(descriptor)
      }
      // SAFETY: the strings live during the call, which returns only when it fails.
      _ = unsafe execve(path, arguments.pointers, environment.pointers)
      throw .last("execve")
    } catch {
      failure = error
    }
    for descriptor in changed { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    throw failure
  }
}
