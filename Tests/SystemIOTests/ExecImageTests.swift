import Glibc
import Testing

@testable import SystemIO

private func closesOnExec(_ descriptor: Int32) -> Bool {
  fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0
}

@Suite("Replacing the program", .timeLimit(.minutes(5)))
struct ExecImageTests {
  @Test("the new one has our number, its arguments and environment, and what was kept")
  func replace() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let kept = try StreamPair()
      let dropped = try StreamPair()
      // Is read in the new program.
      try sendAll(Array("word\n".utf8), on: kept.far.rawValue)
      let script = """
        [ "$$" = "$1" ] || exit 1
        [ "$VALUE" = "a b" ] || exit 2
        [ -e "/proc/self/fd/$2" ] || exit 3
        [ ! -e "/proc/self/fd/$3" ] || exit 4
        [ "$(env | grep -c ^HOME=)" = 0 ] || exit 5
        eval "read word <&$2"
        [ "$word" = word ] || exit 6
        exit 42
        """
      try ExecImage.replace(
        path: "/bin/sh",
        arguments: [
          "sh", "-c", script, "sh", "\(getpid())", "\(kept.near.rawValue)",
          "\(dropped.near.rawValue)",
        ],
        environment: ["VALUE": "a b", "PATH": "/usr/bin:/bin"], keeping: [kept.near.rawValue])
    }
  }

  @Test("keeps children")
  func children() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let streams = try StreamPair()
      let near = streams.near.rawValue
      // Its parent is the new program, when that says that it is there.
      var launch = ChildProcess.Launch(
        path: "/bin/sh", arguments: ["sh", "-c", "read go <&5; kill -TERM $PPID"], environment: [:])
      launch.descriptors = [5: streams.far.rawValue]
      _ = try ChildProcess.spawn(launch)
      let script = """
        trap 'exit 7' TERM
        eval "echo >&$1"
        tries=0
        while [ $tries -lt 1000 ]; do
          tries=$((tries + 1))
          sleep 0.01
        done
        """
      try ExecImage.replace(
        path: "/bin/sh", arguments: ["sh", "-c", script, "sh", "\(near)"],
        environment: ["PATH": "/usr/bin:/bin"], keeping: [near])
    }
  }

  @Test("that cannot be is an error, and descriptors are as before")
  func failures() throws {
    let streams = try StreamPair()
    let closing = streams.near.rawValue
    let open = dup(closing)
    defer { close(open) }
    func replace(
      _ path: String, _ argument: String = "", keeping: [Int32]
    ) -> SystemError? {
      do throws(SystemError) {
        try ExecImage.replace(
          path: path, arguments: [argument], environment: [:], keeping: keeping)
      } catch {
        return error
      }
    }
    let both = [closing, open, closing]
    #expect(replace("/nowhere/at/all", keeping: both) == SystemError("execve", code: ENOENT))
    #expect(replace("/tmp", keeping: both) == SystemError("execve", code: EACCES))
    #expect(replace("/bin/true\0", keeping: both) == SystemError("execve", code: EINVAL))
    #expect(replace("/bin/true", "\0", keeping: both) == SystemError("execve", code: EINVAL))
    #expect(replace("/bin/true", keeping: both + [-1]) == SystemError("fcntl", code: EBADF))
    #expect(closesOnExec(closing))
    #expect(!closesOnExec(open))
  }
}
