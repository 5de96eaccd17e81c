import Glibc
import Testing

@testable import SystemIO

@Suite("Peer credentials", .timeLimit(.minutes(5)))
struct PeerCredentialsTests {
  @Test("name this process for its own connection, both ways")
  func own() throws {
    let place = Place(.unix)
    let listener = try Listener(on: SocketAddress(parsing: place.address))
    let client = try ClientSocket(to: listener.address)
    let server = FileDescriptor(owning: accept(listener.socket.rawValue, nil, nil))
    for end in [client.descriptor.rawValue, server.rawValue] {
      let credentials = try PeerCredentials(of: end)
      #expect(credentials.processID == getpid())
      #expect(credentials.userID == PeerCredentials.ownUserID)
      #expect(credentials.groupID == getegid())
    }
  }

  @Test(
    "name the effective user of who connects",
    .enabled(if: geteuid() == 0, "only root can become another user"))
  func otherUser() async {
    await #expect(processExitsWith: .success) {
      let directory = TemporaryDirectory()
      // SAFETY: Swift passes the path as a C string.
      _ = unsafe chmod(directory.path, 0o755)
      Glibc.umask(0)
      let own = try Listener(on: .unix(path: directory.path + "/own"), unixMode: 0o600)
      let open = try Listener(on: .unix(path: directory.path + "/open"), unixMode: 0o666)
      setegid(65533)
      seteuid(65534)
      #expect(throws: SystemError("connect", code: EACCES)) {
        _ = try ClientSocket(to: own.address)
      }
      let client = try ClientSocket(to: open.address)
      seteuid(0)
      let server = FileDescriptor(owning: accept(open.socket.rawValue, nil, nil))
      let credentials = try PeerCredentials(of: server.rawValue)
      #expect(credentials.userID == 65534)
      #expect(credentials.groupID == 65533)
      _ = consume client
    }
  }

  @Test(
    "are told of what the loop has accepted, and of Unix sockets only",
    arguments: Transport.allCases)
  func accepted(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen(on: place.address))
    let token = try driver.accept()
    let credentials = driver.loop.peerCredentials(of: token)
    #expect(credentials?.processID == (transport == .unix ? getpid() : nil))
    driver.loop.close(token, discardingOutput: false)
    #expect(driver.loop.peerCredentials(of: token) == nil)
    _ = consume client
  }

  @Test("are not to be had of what has none")
  func refused() throws {
    let alone = FileDescriptor(
      owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    let tcp = FileDescriptor(
      owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    let cases = [(alone.rawValue, ENOTCONN), (tcp.rawValue, EOPNOTSUPP), (STDERR_FILENO, ENOTSOCK)]
    for (descriptor, code) in cases {
      #expect(throws: SystemError("getsockopt", code: code)) {
        _ = try PeerCredentials(of: descriptor)
      }
    }
  }
}
