internal import CLinux
internal import Glibc

/// A process that this one has started, until it is reaped (``reap()``). A process that
/// goes out of scope here runs on.
package struct ChildProcess: ~Copyable {
  package let id: Int32
  private let descriptor: FileDescriptor?

  /// A descriptor of the process, this value's, which is readable once the process has ended:
  /// for ``EventLoop/watch(readable:)``, whose watch is to be closed before this value goes.
  ///
  /// Nil where the kernel has none (before 5.3), doesn't allow it, or descriptors had
  /// run out. SIGCHLD tells all the same.
  package var pidfd: Int32? {
    switch descriptor {
    case .some(let descriptor): descriptor.rawValue
    case .none: nil
    }
  }

  /// Sends a signal. It reaches no other process: one that has ended and was not reaped
  /// keeps its number, and a pidfd names a process for ever.
  package func send(signal number: Int32) {
    // Fails only when the process has ended.
    if let pidfd {
      _ = sluice_pidfd_send_signal(pidfd, number)
    } else {
      _ = kill(id, number)
    }
  }
}

extension ChildProcess {
  /// What to start, and with what.
  package struct Launch {
    /// Of the program; `/proc/self/exe` is this process's own, even when its file has been
    /// replaced.
    package var path: String
    /// argv: the first one is the name that the program goes by.
    package var arguments: [String]
    package var environment: [String: String]
    /// The number that a descriptor has in the child, and the descriptor here. Numbers are at
    /// most ``descriptorNumberMax``.
    package var descriptors: [Int32: Int32] = [:]
    /// Puts the process into a process group of its own. Otherwise it is in ours, and Ctrl-C
    /// on a terminal sends SIGINT to it as well as to us.
    package var newProcessGroup = false

    package static let descriptorNumberMax: Int32 = 1023

    package init(path: String, arguments: [String], environment: [String: String]) {
      self.path = path
      self.arguments = arguments
      self.environment = environment
    }
  }

  /// Starts a process (posix_spawn(3)).
  ///
  /// It has no descriptors but those that `launch` tells, and of standard input, output and
  /// error what we have there unless `launch` tells otherwise. No signal is blocked in it
  /// or ignored, whatever is here. It stays in our session. From now on SIGCHLD is not
  /// ignored here: nobody could be told how the process ends.
  ///
  /// - Throws: What execve(2) says, such as ENOENT; EBADF for a descriptor that is not
  ///   open or a number that is out of range; EINVAL for a zero byte in a string.
  package static func spawn(_ launch: Launch) throws(SystemError) -> ChildProcess {
    var actions = try FileActions()
    try actions.inherit(launch.descriptors)
    let attributes = try SpawnAttributes(newProcessGroup: launch.newProcessGroup)
    if launch.path.utf8.contains(0) { throw SystemError("posix_spawn", code: EINVAL) }
    let arguments = try CStrings(launch.arguments)
    let environment = try CStrings(environment: launch.environment)
    _ = signal(SIGCHLD, SIG_DFL)
    var id: pid_t = 0
    // SAFETY: all of these live during the call; one pid_t is written.
    let failure = unsafe posix_spawn(
      &id, launch.path, actions.address, attributes.address, arguments.pointers,
      environment.pointers)
    guard failure == 0 else { throw SystemError("posix_spawn", code: failure) }
    // Nobody else reaps, so the number is still this process's.
    let raw = sluice_pidfd_open(id)
    return ChildProcess(id: id, descriptor: raw >= 0 ? FileDescriptor(owning: raw) : nil)
  }
}

// MARK: - What the child does before exec

/// posix_spawn_file_actions_t, at an address of its own.
@safe private struct FileActions: ~Copyable {
  let address: UnsafeMutablePointer<posix_spawn_file_actions_t>
  /// Copies of what is inherited, closed when the child has them.
  private var copies: [Int32] = []

  init() throws(SystemError) {
    // SAFETY: initialized here, destroyed and freed in `deinit`.
    let address = UnsafeMutablePointer<posix_spawn_file_actions_t>.allocate(capacity: 1)
    let failure = unsafe posix_spawn_file_actions_init(address)
    guard failure == 0 else {
      unsafe address.deallocate()
      throw SystemError("posix_spawn_file_actions_init", code: failure)
    }
    unsafe self.address = address
  }

  deinit {
    for copy in copies { _ = Glibc.close(copy) }
    unsafe posix_spawn_file_actions_destroy(address)
    unsafe address.deallocate()
  }

  mutating func inherit(_ descriptors: [Int32: Int32]) throws(SystemError) {
    let numbers = descriptors.keys.sorted()
    let end = max(STDERR_FILENO, numbers.last ?? 0) + 1
    guard numbers.first ?? 0 >= 0, end <= ChildProcess.Launch.descriptorNumberMax + 1 else {
      throw SystemError("posix_spawn", code: EBADF)
    }
    for number in numbers {
      // One number may be wanted for a descriptor and name another one here. Copies above
      // all that are wanted are overwritten by none.
      let copy = fcntl(descriptors[number]!, F_DUPFD_CLOEXEC, end)
      guard copy >= 0 else { throw .last("fcntl") }
      copies.append(copy)
      // SAFETY: here and below, the actions are initialized.
      try check(unsafe posix_spawn_file_actions_adddup2(address, copy, number))
    }
    // A close of what is not open is no error to posix_spawn.
    for number in STDERR_FILENO + 1..<max(end, STDERR_FILENO + 1)
    where descriptors[number] == nil {
      try check(unsafe posix_spawn_file_actions_addclose(address, number))
    }
    try check(unsafe sluice_spawn_close_from(address, end))
  }

  private func check(_ failure: Int32) throws(SystemError) {
    guard failure == 0 else { throw SystemError("posix_spawn_file_actions", code: failure) }
  }
}

/// posix_spawnattr_t, at an address of its own.
@safe private struct SpawnAttributes: ~Copyable {
  let address: UnsafeMutablePointer<posix_spawnattr_t>

  init(newProcessGroup: Bool) throws(SystemError) {
    // SAFETY: initialized here, destroyed and freed in `deinit`.
    let address = UnsafeMutablePointer<posix_spawnattr_t>.allocate(capacity: 1)
    let failure = unsafe posix_spawnattr_init(address)
    guard failure == 0 else {
      unsafe address.deallocate()
      throw SystemError("posix_spawnattr_init", code: failure)
    }
    var none = sigset_t()
    var all = sigset_t()
    var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    if newProcessGroup { flags |= POSIX_SPAWN_SETPGROUP }
    // SAFETY: these work on one sigset_t, or on the attributes; they fail only for values
    // that don't exist. The new group is the child's own unless another is set.
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(address, &none)
    unsafe posix_spawnattr_setsigdefault(address, &all)
    unsafe posix_spawnattr_setflags(address, Int16(flags))
    unsafe self.address = address
  }

  deinit {
    unsafe posix_spawnattr_destroy(address)
    unsafe address.deallocate()
  }
}
