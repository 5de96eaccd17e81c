import Synchronization
import SystemIO
import TestCertificates
import Testing
import WebSocketClient
import WebSocketCore

@Suite("Reachability", .timeLimit(.minutes(5)))
struct ReachabilityTests {
  let folder = Folder()

  /// What a search in a thread of its own comes to, while the server plays its part.
  private func search(
    _ text: String, _ server: PlayedServer, accepts: Bool
  ) throws -> Result<SocketAddress, any Error> {
    let url = try WebSocketURL(parsing: text)
    let isDone = DoneFlag()
    let thread = BackgroundThread { () -> Result<SocketAddress, any Error> in
      defer { isDone.set() }
      return Result {
        let request = ClientUpgradeRequest(
          host: url.authority, target: url.target, key: "AAAAAAAAAAAAAAAAAAAAAA==")
        return try Reachability.firstAddress(
          of: url, try ClientTarget(url, request: request, tls: nil), options: ClientOptions())
      }
    }
    while !isDone.isSet {
      server.pump()
      for peer in server.peers {
        if accepts {
          if peer.accept() { peer.send(Wire.close(1000)) }
        } else if peer.takeRequest() != nil {
          peer.send(Array("HTTP/1.1 403 \r\n\r\n".utf8))
        }
        if !peer.frames().isEmpty { peer.close() }
      }
    }
    return thread.join()
  }

  private func port(of server: PlayedServer) throws -> UInt16 {
    guard case .ipv4(_, let port) = server.address else { throw TimedOut(description: "no port") }
    return port
  }

  /// Where localhost is ::1 too, nobody listens there.
  @Test(arguments: ["127.0.0.1", "localhost"])
  func `The first address that answers`(host: String) throws {
    let server = try PlayedServer()
    let found = try search("ws://\(host):\(port(of: server))/chat", server, accepts: true)
    #expect(try found.get() == server.address)
  }

  @Test func `A Unix socket`() throws {
    let path = "\(folder.path)/socket"
    let server = try PlayedServer(on: "unix:\(path)")
    let found = try search("ws+unix:\(path):/chat", server, accepts: true)
    #expect(try found.get() == .unix(path: path))
  }

  @Test func `None`() throws {
    let server = try PlayedServer()
    let refused = try search("ws://127.0.0.1:\(port(of: server))", server, accepts: false)
    #expect("\(refused)".contains("the server refused: 403 Forbidden"))
    let address = try Listener(on: SocketAddress(parsing: "127.0.0.1:0")).address
    let missing = try search("ws://\(address)", server, accepts: false)
    #expect("\(missing)".contains("cannot connect: Connection refused"))
    let nameless = try search("ws://-.-/", server, accepts: false)
    #expect("\(nameless)".contains("-.-: "))
  }
}

private final class DoneFlag: Sendable {
  private let flag = Atomic(false)

  var isSet: Bool { flag.load(ordering: .acquiring) }

  func set() {
    flag.store(true, ordering: .releasing)
  }
}
