import Glibc
import Testing

@testable import SystemIO

private func option(_ level: Int32, _ name: Int32, of descriptor: Int32) -> Int32 {
  var value: Int32 = -1
  var size = socklen_t(MemoryLayout<Int32>.size)
  // SAFETY: the kernel writes one Int32.
  unsafe getsockopt(descriptor, level, name, &value, &size)
  return value
}

private var hasIPv6: Bool {
  guard let address = try? SocketAddress(parsing: "[::1]:0") else { return false }
  do {
    _ = try Listener(on: address)
    return true
  } catch {
    return false
  }
}

/// Fails to listen, and says how.
private func refusal(_ address: SocketAddress) -> ListenerError? {
  do throws(ListenerError) {
    _ = try Listener(on: address)
    Issue.record("listens on \(address)")
    return nil
  } catch {
    return error
  }
}

@Suite("TCP listeners", .timeLimit(.minutes(5)))
struct TCPListenerTests {
  @Test("port 0 is replaced by the one that the system chose")
  func port() throws {
    let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    guard case .ipv4(0x7F00_0001, let port) = listener.address else {
      Issue.record("\(listener.address)")
      return
    }
    #expect(port != 0)
    _ = try ClientSocket(to: listener.address)
  }

  @Test("IPv6", .enabled(if: hasIPv6, "this machine has no IPv6"))
  func ipv6() throws {
    let listener = try Listener(on: SocketAddress(parsing: "[::1]:0"))
    guard case .ipv6(_, let port) = listener.address else {
      Issue.record("\(listener.address)")
      return
    }
    #expect(port != 0)
    #expect("\(listener.address)" == "[::1]:\(port)")
    _ = try ClientSocket(to: listener.address)
    #expect(
      option(Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), of: listener.socket.rawValue) == 1)
  }

  @Test("accepted sockets send at once, don't block and aren't inherited")
  func acceptedSockets() throws {
    var driver = try LoopDriver()
    let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    #expect(fcntl(listener.socket.rawValue, F_GETFL) & O_NONBLOCK != 0)
    #expect(fcntl(listener.socket.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    let client = try ClientSocket(to: listener.address)
    let accepted = FileDescriptor(owning: Glibc.accept(listener.socket.rawValue, nil, nil))
    #expect(option(Int32(IPPROTO_TCP), TCP_NODELAY, of: accepted.rawValue) == 1)
    // Those that the loop accepts are not to be had from it; the bytes show that they work.
    let address = listener.address
    _ = try driver.loop.listen(on: listener)
    let second = try ClientSocket(to: address)
    let token = try driver.accept()
    driver.send("x", on: token)
    #expect(try second.receive(1) == [0x78])
    _ = consume client
  }

  @Test("several workers may each have a listener on one port")
  func reusePort() throws {
    let first = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    let second = try Listener(on: first.address)
    #expect(first.address == second.address)
    #expect(first.socket.rawValue != second.socket.rawValue)
  }

  @Test("an address that is not this machine's is refused with a remedy")
  func foreignAddress() throws {
    let error = try #require(refusal(SocketAddress(parsing: "192.0.2.1:0")))
    #expect(error.cause == SystemError("bind", code: EADDRNOTAVAIL))
    #expect("\(error)".hasSuffix("this machine has no such address"))
  }

  @Test("a port that somebody else has for himself is refused with a remedy")
  func portInUse() throws {
    // Bound without SO_REUSEPORT.
    let other = FileDescriptor(
      owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    let any = try SocketAddress(parsing: "127.0.0.1:0")
    #expect(unsafe any.withSockaddr { unsafe bind(other.rawValue, $0, $1) } == 0)
    #expect(listen(other.rawValue, 1) == 0)
    let address = try #require(SocketAddress(boundTo: other.rawValue))
    let error = try #require(refusal(address))
    #expect(error.cause == SystemError("bind", code: EADDRINUSE))
    #expect("\(error)".hasSuffix("another process listens there"))
  }

  @Test("who wants an address for itself is told when somebody listens there")
  func requireUnused() throws {
    let address: SocketAddress
    do {
      let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
      address = listener.address
      do throws(ListenerError) {
        try Listener.requireUnused(address)
        Issue.record("\(address) is taken for unused")
      } catch {
        #expect(error.cause == SystemError("bind", code: EADDRINUSE))
      }
      // Asking has not closed it.
      _ = try ClientSocket(to: address)
    }
    try Listener.requireUnused(address)
    try Listener.requireUnused(.unix(path: "/nowhere/at/all"))
  }

  @Test("a listener that goes closes its port")
  func closes() throws {
    let address: SocketAddress
    do {
      let listener = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
      address = listener.address
    }
    #expect(throws: SystemError("connect", code: ECONNREFUSED)) {
      _ = try ClientSocket(to: address)
    }
  }
}

@Suite("Unix listeners", .timeLimit(.minutes(5)))
struct UnixListenerTests {
  private static func isSocket(_ path: String) -> Bool {
    var status = stat()
    // SAFETY: one stat is written.
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// A socket that a process has left behind.
  private static func leaveBehind(_ address: SocketAddress) {
    let left = FileDescriptor(
      owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    #expect(unsafe address.withSockaddr { unsafe bind(left.rawValue, $0, $1) } == 0)
  }

  @Test("a listener's path comes and goes with it; its lock file stays")
  func path() throws {
    let directory = TemporaryDirectory()
    let address = SocketAddress.unix(path: directory.path + "/s")
    for _ in 0..<2 {
      do {
        let listener = try Listener(on: address)
        #expect(listener.address == address)
        #expect(directory.names == ["s", "s.lock"])
        #expect(Self.isSocket(directory.path + "/s"))
        _ = try ClientSocket(to: address)
      }
      #expect(directory.names == ["s.lock"])
    }
  }

  @Test("the file has the permissions that are wanted and the umask allows", arguments: [0, 0o022])
  func mode(umask: UInt32) async {
    await #expect(processExitsWith: .success) { [umask] in
      Glibc.umask(umask)
      for wanted: UInt32 in [0o600, 0o660, 0o777] {
        let directory = TemporaryDirectory()
        let listener = try Listener(on: .unix(path: directory.path + "/s"), unixMode: wanted)
        var status = stat()
        // SAFETY: one stat is written.
        unsafe lstat(directory.path + "/s", &status)
        #expect(status.st_mode & 0o777 == wanted & ~umask)
        _ = try ClientSocket(to: listener.address)
      }
    }
  }

  @Test("the path of a live listener is not taken")
  func inUse() throws {
    let directory = TemporaryDirectory()
    let address = SocketAddress.unix(path: directory.path + "/s")
    let listener = try Listener(on: address)
    let error = try #require(refusal(address))
    #expect(error.cause == SystemError("lock", code: EADDRINUSE))
    #expect("\(error)".hasSuffix("another process listens there"))
    // Which has not harmed the live one.
    #expect(directory.names == ["s", "s.lock"])
    _ = try ClientSocket(to: listener.address)
  }

  @Test("a path that a dead process left behind is taken over")
  func stale() throws {
    let directory = TemporaryDirectory()
    let address = SocketAddress.unix(path: directory.path + "/s")
    Self.leaveBehind(address)
    #expect(Self.isSocket(directory.path + "/s"))
    #expect(throws: SystemError("connect", code: ECONNREFUSED)) {
      _ = try ClientSocket(to: address)
    }
    let listener = try Listener(on: address)
    _ = try ClientSocket(to: listener.address)
  }

  @Test("the path of another program's live socket is not taken, though it has no lock")
  func foreignSocket() throws {
    let directory = TemporaryDirectory()
    let address = SocketAddress.unix(path: directory.path + "/s")
    let other = FileDescriptor(
      owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    #expect(unsafe address.withSockaddr { unsafe bind(other.rawValue, $0, $1) } == 0)
    #expect(listen(other.rawValue, 1) == 0)
    let error = try #require(refusal(address))
    #expect(error.cause == SystemError("bind", code: EADDRINUSE))
    _ = try ClientSocket(to: address)
  }

  @Test("what is not a socket is nobody's to remove", arguments: ["file", "directory", "link"])
  func notASocket(kind: String) throws {
    let directory = TemporaryDirectory()
    let path = directory.path + "/s"
    switch kind {
    case "file":
      _ = FileDescriptor(owning: unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
    case "directory": unsafe mkdir(path, 0o700)
    default:
      Self.leaveBehind(.unix(path: directory.path + "/target"))
      unsafe symlink(directory.path + "/target", path)
    }
    let error = try #require(refusal(.unix(path: path)))
    #expect(error.cause == SystemError("remove stale socket", code: ENOTSOCK))
    #expect(directory.names.contains("s"))
  }

  @Test("a lock file is never a link to something else")
  func linkedLock() throws {
    let directory = TemporaryDirectory()
    unsafe symlink("/nowhere", directory.path + "/s.lock")
    let error = try #require(refusal(.unix(path: directory.path + "/s")))
    #expect(error.cause == SystemError("open lock file", code: ELOOP))
  }

  @Test("a directory must be there")
  func noDirectory() throws {
    let error = try #require(refusal(.unix(path: "/nowhere/at/all")))
    #expect(error.cause == SystemError("open lock file", code: ENOENT))
  }
}
