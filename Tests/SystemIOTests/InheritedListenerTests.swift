import Glibc
import Testing

@testable import SystemIO

/// What an event loop of this process has asked epoll to tell of this descriptor.
private func watchedEvents(of descriptor: Int32) -> UInt32? {
  for epoll in 0..<1024 {
    guard let file = try? SmallFile.read("/proc/self/fdinfo/\(epoll)", bytesMax: 65_536) else {
      continue
    }
    for line in String(decoding: file, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      if fields.count > 3, fields[0] == "tfd:", fields[1] == "\(descriptor)" {
        return UInt32(fields[3], radix: 16)
      }
    }
  }
  return nil
}

@Suite("Inherited listeners", .timeLimit(.minutes(5)))
struct InheritedListenerTests {
  @Test("know their address, and accept", arguments: Transport.allCases)
  func inheriting(transport: Transport) throws {
    let place = Place(transport)
    let bound = try Listener(on: SocketAddress(parsing: place.address))
    // As dup2 leaves a descriptor to a child, and as a careless sender does.
    let raw = dup(bound.descriptorNumber)
    _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) & ~O_NONBLOCK)
    let inherited = try Listener(inheriting: FileDescriptor(owning: raw))
    #expect(inherited.address == bound.address)
    #expect(fcntl(raw, F_GETFL) & O_NONBLOCK != 0)
    #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
    var driver = try LoopDriver()
    _ = try driver.loop.listen(on: inherited)
    let client = try ClientSocket(to: bound.address)
    try client.send("x")
    #expect(try driver.receive(1, on: driver.accept()) == [0x78])
  }

  @Test("leave a Unix socket's path to the one who has bound it")
  func path() throws {
    let directory = TemporaryDirectory()
    let bound = try Listener(on: .unix(path: directory.path + "/s"))
    do { _ = try Listener(inheriting: bound.duplicate()) }
    _ = try ClientSocket(to: bound.address)
  }

  @Test("take over the path from the program that has bound it, with its lock")
  func pathLock() throws {
    let directory = TemporaryDirectory()
    let bound = try Listener(on: .unix(path: directory.path + "/s"))
    let number = bound.pathLockNumber
    let lock = try #require(number)
    #expect(throws: SystemError("stat", code: EINVAL)) {
      _ = try Listener(
        inheriting: bound.duplicate(),
        pathLock: FileDescriptor(owning: fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)))
    }
    do {
      let successor = try Listener(
        inheriting: bound.duplicate(),
        pathLock: FileDescriptor(owning: fcntl(lock, F_DUPFD_CLOEXEC, 0)))
      let inherited = successor.pathLockNumber
      #expect(inherited != nil)
      #expect(throws: ListenerError.self) { _ = try Listener(on: successor.address) }
      _ = try ClientSocket(to: successor.address)
    }
    #expect(directory.names == ["s.lock"])
    _ = bound.address
  }

  @Test("are refused, and closed, when they are something else")
  func refused() throws {
    let kinds: [(Int32, Int32)] = [
      (socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), EINVAL),
      (socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0), EPROTOTYPE),
      (socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0), EPROTOTYPE),
      (socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), EPROTOTYPE),
      (dup(STDERR_FILENO), ENOTSOCK),
    ]
    for (raw, code) in kinds {
      // At numbers that no other test's descriptors take meanwhile.
      let high = fcntl(raw, F_DUPFD_CLOEXEC, 760)
      close(raw)
      #expect(throws: SystemError("getsockopt", code: code)) {
        _ = try Listener(inheriting: FileDescriptor(owning: high))
      }
      #expect(fcntl(high, F_GETFD) == -1)
    }
  }

  @Test("that are shared wake one process for a connection, also after a rest")
  func exclusive() async {
    await #expect(processExitsWith: .success) {
      let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
      var driver = try LoopDriver()
      let shared = try Listener(inheriting: listener.duplicate(), isShared: true)
      let number = shared.descriptorNumber
      let index = try driver.loop.listen(on: shared)
      let exclusive: UInt32 = 1 << 28
      #expect(try #require(watchedEvents(of: number)) & exclusive != 0)

      let client = try ClientSocket(to: listener.address)
      var limit = rlimit()
      // SAFETY: both work on one rlimit.
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = 64
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var taken: [Int32] = []
      while case let copy = dup(client.descriptor.rawValue), copy >= 0 { taken.append(copy) }
      try driver.wait { $0 == .acceptFailed(EMFILE, listener: index) }
      for copy in taken { close(copy) }
      #expect(watchedEvents(of: number) == nil)
      _ = try driver.accept()
      #expect(try #require(watchedEvents(of: number)) & exclusive != 0)
    }
  }

  @Test("that are shared give each connection to one of them", arguments: Transport.allCases)
  func shared(transport: Transport) throws {
    let place = Place(transport)
    let listener = try Listener(on: SocketAddress(parsing: place.address))
    var first = try LoopDriver()
    var second = try LoopDriver()
    _ = try first.loop.listen(on: Listener(inheriting: listener.duplicate(), isShared: true))
    _ = try second.loop.listen(on: Listener(inheriting: listener.duplicate(), isShared: true))
    for _ in 0..<3 {
      let one = try ClientSocket(to: listener.address)
      _ = try first.accept()
      let two = try ClientSocket(to: listener.address)
      _ = try second.accept()
      _ = consume one
      _ = consume two
    }
    try first.settle()
    try second.settle()
    for accepted in [first.log, second.log] {
      #expect(accepted.count { if case .accepted = $0 { true } else { false } } == 3)
    }
  }
}
