import Glibc

/// A shell that runs a script in steps: the script says `echo` when it has come to some point
/// and waits there with `read go` for the test to go on. `burn` uses some CPU time.
///
/// Ends the shell by its number; its children read the end of their input then.
final class Shell {
  let pid: Int32
  private let socket: Int32
  private var waitedFor = false

  init(_ script: String) {
    // A pair of sockets and not of pipes, because those can be closed on exec from the start:
    // other tests start processes meanwhile.
    var ends: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    // SAFETY: two descriptors are written.
    precondition(unsafe socketpair(AF_UNIX, type, 0, &ends) == 0)
    socket = ends[0]

    var actions = unsafe posix_spawn_file_actions_t()
    let burn = "burn() { i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; }"
    var arguments = unsafe [strdup("sh"), strdup("-c"), strdup(burn + "\n" + script), nil]
    var pid: Int32 = 0
    // SAFETY: the actions are initialized before they are used, the arguments terminated and
    // freed after they have been.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    let failure = unsafe posix_spawn(&pid, "/bin/sh", &actions, nil, &arguments, environ)
    unsafe posix_spawn_file_actions_destroy(&actions)
    for index in 0..<3 { unsafe free(arguments[index]) }
    precondition(failure == 0)
    self.pid = pid
    close(ends[1])
  }

  deinit {
    close(socket)
    if !waitedFor {
      kill(pid, SIGKILL)
      wait()
    }
  }

  /// Lets the script go on.
  func go() {
    var newline = UInt8(ascii: "\n")
    // SAFETY: one byte is read.
    precondition(unsafe write(socket, &newline, 1) == 1)
  }

  /// The next line of the script's; what it has written of it when it ends instead.
  func line() -> String {
    var bytes: [UInt8] = []
    while true {
      var byte: UInt8 = 0
      // SAFETY: one byte is written.
      guard unsafe read(socket, &byte, 1) == 1, byte != UInt8(ascii: "\n") else { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Waits for the shell's end, but leaves it as a zombie.
  func waitForZombie() {
    var information = unsafe siginfo_t()
    // SAFETY: one siginfo_t is written.
    precondition(unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == 0)
  }

  func wait() {
    precondition(waitpid(pid, nil, 0) == pid)
    waitedFor = true
  }
}
