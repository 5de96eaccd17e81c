import Glibc
import Testing

@testable import SystemIO

/// Starts a program with `descriptors`.
private func spawn(
  _ arguments: [String], environment: [String: String] = [:], descriptors: [Int32: Int32] = [:],
  newProcessGroup: Bool = false
) throws(SystemError) -> ChildProcess {
  var launch = ChildProcess.Launch(
    path: arguments[0], arguments: arguments, environment: environment)
  launch.descriptors = descriptors
  launch.newProcessGroup = newProcessGroup
  return try ChildProcess.spawn(launch)
}

/// What a program says on standard output, to its end.
private func output(
  of arguments: [String], environment: [String: String] = [:], descriptors: [Int32: Int32] = [:],
  newProcessGroup: Bool = false
) throws(SystemError) -> String {
  let streams = try StreamPair()
  let id = try spawn(
    arguments, environment: environment,
    descriptors: descriptors.merging([STDOUT_FILENO: streams.far.rawValue]) { $1 },
    newProcessGroup: newProcessGroup
  ).id
  let near = streams.keepNear()
  let text = String(decoding: try receiveUpTo(.max, on: near.rawValue), as: UTF8.self)
  #expect(waitpid(id, nil, 0) == id)
  return text
}

/// What /proc calls this descriptor.
private func name(of descriptor: Int32) -> String {
  var status = stat()
  // SAFETY: one stat is written.
  unsafe fstat(descriptor, &status)
  return "socket:[\(status.st_ino)]"
}

private func permutations(_ elements: [Int32]) -> [[Int32]] {
  if elements.isEmpty { return [[]] }
  return elements.indices.flatMap { index in
    var rest = elements
    let first = rest.remove(at: index)
    return permutations(rest).map { [first] + $0 }
  }
}

@Suite("Child processes", .timeLimit(.minutes(5)))
struct ChildProcessTests {
  @Test("get arguments and environment as they are told")
  func arguments() throws {
    let script = "printf '%s|' \"$0\" \"$@\"; printf '%s' \"$ONE\""
    let told = try output(
      of: ["/bin/sh", "-c", script, "name", "", "two words", "\"*\n"],
      environment: ["ONE": "a=b c"])
    #expect(told == "name||two words|\"*\n|a=b c")
    #expect(try output(of: ["/usr/bin/env"]) == "")
  }

  @Test("get descriptors at any numbers, also when those name others here")
  func descriptors() throws {
    let first = try StreamPair()
    let second = try StreamPair()
    let own = [
      first.near.rawValue, first.far.rawValue, second.near.rawValue, second.far.rawValue,
    ]
    for numbers in permutations(own) {
      let wanted = Dictionary(uniqueKeysWithValues: zip(numbers, own))
      let paths = numbers.map { "/proc/self/fd/\($0)" }
      let told = try output(of: ["/bin/readlink"] + paths, descriptors: wanted)
      #expect(told == own.map { name(of: $0) + "\n" }.joined())
    }
    for number in own { #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0) }
  }

  @Test("get no others, whether those close on exec or not")
  func noOthers() throws {
    let streams = try StreamPair()
    let low = dup(streams.near.rawValue)
    let high = fcntl(streams.near.rawValue, F_DUPFD, 60)
    defer {
      close(low)
      close(high)
    }
    let told = try output(
      of: ["/bin/ls", "/proc/self/fd"],
      descriptors: [40: streams.near.rawValue, 3: streams.near.rawValue])
    // 4 is the directory that ls reads.
    #expect(Set(told.split(separator: "\n")) == ["0", "1", "2", "3", "4", "40"])
    #expect(
      try Set(output(of: ["/bin/ls", "/proc/self/fd"]).split(separator: "\n"))
        == ["0", "1", "2", "3"])
  }

  @Test("begin with no signal blocked or ignored, whatever is here")
  func signals() async {
    await #expect(processExitsWith: .success) {
      BrokenPipe.ignoreSignal()
      let signals = try SignalDescriptor(watching: [SIGTERM, SIGCHLD])
      let told = try output(of: ["/bin/cat", "/proc/self/status"])
      for field in ["SigBlk:\t", "SigIgn:\t"] {
        let line = try #require(told.split(separator: "\n").first { $0.hasPrefix(field) })
        let mask = try #require(UInt64(line.dropFirst(field.count), radix: 16))
        // 32 and 33 are the C library's own.
        #expect(mask & ~0x1_8000_0000 == 0, "\(line)")
      }
      _ = signals.rawValue
    }
  }

  @Test("are in our process group, or in one of their own", arguments: [false, true])
  func processGroup(new: Bool) throws {
    // The fourth, fifth and sixth fields: parent, group, session.
    let fields = try output(of: ["/bin/cat", "/proc/self/stat"], newProcessGroup: new)
      .split(separator: " ")
    #expect(fields[3] == "\(getpid())")
    #expect(fields[4] == (new ? fields[0] : "\(getpgrp())"))
    #expect(fields[5] == "\(getsid(0))")
  }

  @Test("that cannot be started are errors, and leak no descriptor")
  func failures() throws {
    let streams = try StreamPair()
    let own = streams.near.rawValue
    #expect(throws: SystemError("posix_spawn", code: ENOENT)) {
      _ = try spawn(["/nowhere/at/all"], descriptors: [9: own])
    }
    #expect(throws: SystemError("fcntl", code: EBADF)) {
      _ = try spawn(["/bin/true"], descriptors: [9: own, 10: -1])
    }
    for number: Int32 in [-1, 1024] {
      #expect(throws: SystemError("posix_spawn", code: EBADF)) {
        _ = try spawn(["/bin/true"], descriptors: [number: own])
      }
    }
    for arguments in [["/bin/true\0"], ["/bin/true", "a\0b"]] {
      #expect(throws: SystemError.self) { _ = try spawn(arguments, descriptors: [9: own]) }
    }
    #expect(throws: SystemError("execve", code: EINVAL)) {
      _ = try spawn(["/bin/true"], environment: ["A": "\0"])
    }
    #expect(copies(of: own) == 1)
  }

  @Test("are told by their descriptor when they end, and take signals")
  func descriptor() async {
    await #expect(processExitsWith: .success) {
      let child = try spawn(["/bin/sleep", "1000"])
      let id = child.id
      guard let raw = child.pidfd else { return }
      #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
      var watched = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
      // SAFETY: here and below, one pollfd.
      #expect(unsafe poll(&watched, 1, 0) == 0)
      child.send(signal: SIGTERM)
      #expect(unsafe poll(&watched, 1, 10_000) == 1)
      #expect(ChildProcess.reap() == [.init(id: id, end: .killed(signal: SIGTERM))])
      // Its number may be another's now, and its descriptor is still its own.
      #expect(unsafe poll(&watched, 1, 0) == 1)
      child.send(signal: SIGKILL)
    }
  }
}

/// Reaps until so many have ended, for ten seconds at most.
private func reap(_ count: Int) throws -> [ChildProcess.Ended] {
  let deadline = MonotonicClock.milliseconds() + 10_000
  var ended: [ChildProcess.Ended] = []
  while ended.count < count, MonotonicClock.milliseconds() < deadline {
    ended += ChildProcess.reap()
    usleep(1000)
  }
  return ended
}

// Each in a process of its own: reaping takes the children of all tests.
@Suite("Reaping", .timeLimit(.minutes(5)))
struct ReapingTests {
  @Test("tells of each child once, with its exit status or signal")
  func ends() async {
    await #expect(processExitsWith: .success) {
      #expect(ChildProcess.reap() == [])
      let running = try spawn(["/bin/sleep", "1000"])
      let runningID = running.id
      let first = try spawn(["/bin/true"]).id
      let second = try spawn(["/bin/sh", "-c", "exit 200"]).id
      let third = try spawn(["/bin/sh", "-c", "kill -KILL $$"]).id
      let ended = try reap(3)
      #expect(
        ended.sorted { $0.id < $1.id } == [
          .init(id: first, end: .exited(status: 0)),
          .init(id: second, end: .exited(status: 200)),
          .init(id: third, end: .killed(signal: SIGKILL)),
        ])
      #expect(ChildProcess.reap() == [])
      running.send(signal: SIGKILL)
      #expect(try reap(1) == [.init(id: runningID, end: .killed(signal: SIGKILL))])
      #expect(ChildProcess.reap() == [])
    }
  }

  @Test("tells of children also when the one who started us ignores his")
  func ignoredSignal() async {
    await #expect(processExitsWith: .success) {
      signal(SIGCHLD, SIG_IGN)
      let id = try spawn(["/bin/sh", "-c", "exit 9"]).id
      #expect(try reap(1) == [.init(id: id, end: .exited(status: 9))])
    }
  }

  @Test("tells of orphans that were adopted")
  func orphans() async {
    await #expect(processExitsWith: .success) {
      try ChildProcess.adoptOrphans()
      let streams = try StreamPair()
      // The grandchild waits for us, its parent doesn't wait for it.
      let script = "(read go <&5; exit 7) & echo $! >&5; exit 3"
      let child = try spawn(["/bin/sh", "-c", script], descriptors: [5: streams.far.rawValue]).id
      #expect(try reap(1) == [.init(id: child, end: .exited(status: 3))])
      var line: [UInt8] = []
      while line.last != UInt8(ascii: "\n") {
        line += try receiveUpTo(1, on: streams.near.rawValue)
      }
      let orphan = try #require(Int32(String(decoding: line.dropLast(), as: UTF8.self)))
      try sendAll([UInt8(ascii: "\n")], on: streams.near.rawValue)
      #expect(try reap(1) == [.init(id: orphan, end: .exited(status: 7))])
    }
  }
}
