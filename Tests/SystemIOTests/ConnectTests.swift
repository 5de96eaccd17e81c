import Glibc
import Testing

@testable import SystemIO

@Suite("The event loop: connecting", .timeLimit(.minutes(5)))
struct ConnectTests {
  @Test("connects, and both ends talk", arguments: Transport.allCases)
  func connects(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let client = driver.loop.connect(to: address, from: nil)
    let (accepted, connected) = try driver.bothEnds(of: client)
    #expect(connected == client)
    driver.send("to the server", on: client)
    #expect(try driver.receive(13, on: accepted) == Array("to the server".utf8))
    driver.send("to the client", on: accepted)
    #expect(try driver.receive(13, on: client) == Array("to the client".utf8))
    driver.loop.close(accepted, discardingOutput: false)
    try driver.wait { $0 == .endOfStream(client) }
  }

  @Test("takes the local address that is given")
  func localAddress() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let local = try SocketAddress(parsing: "127.0.0.77:0")
    _ = driver.loop.connect(to: address, from: local)
    let accepted = try driver.wait { if case .accepted = $0 { true } else { false } }
    guard case .accepted(_, _, let peer) = accepted else { return }
    #expect(peer == 0xFFFF_7F00_004D)
  }

  @Test("many at once, each connected once")
  func many() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    var clients: Set<Token> = []
    for _ in 0..<300 { clients.insert(driver.loop.connect(to: address, from: nil)) }
    #expect(clients.count == 300)
    var connected: [Token] = []
    while connected.count < 300 {
      connected.append(
        try driver.wait { if case .connected = $0 { true } else { false } }.token!)
    }
    #expect(Set(connected) == clients)
  }

  @Test("tells of a refused connection", arguments: Transport.allCases)
  func refused(transport: Transport) throws {
    let place = Place(transport)
    let address: SocketAddress
    if transport == .tcp {
      // A port that was free a moment ago.
      address = try Listener(on: SocketAddress(parsing: place.address)).address
    } else {
      address = try SocketAddress(parsing: place.address)
    }
    var driver = try LoopDriver()
    let client = driver.loop.connect(to: address, from: nil)
    try driver.wait { $0 == .closed(client, transport == .tcp ? ECONNREFUSED : ENOENT) }
    // The token is stale.
    driver.send("nobody gets this", on: client)
    #expect(driver.loop.queuedBytes(on: client) == 0)
  }

  @Test("tells of an address that isn't ours")
  func foreignLocalAddress() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let client = driver.loop.connect(
      to: address, from: try SocketAddress(parsing: "192.0.2.1:0"))
    try driver.wait { $0 == .closed(client, EADDRNOTAVAIL) }
  }

  @Test("a socket that is closed before it is connected is heard of no more")
  func closedEarly() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let client = driver.loop.connect(to: address, from: nil)
    driver.loop.close(client, discardingOutput: true)
    let next = driver.loop.connect(to: address, from: nil)
    try driver.wait { $0 == .connected(next) }
    #expect(driver.observations(of: client).isEmpty)
  }

  @Test("what the peer sent at once is received after connected")
  func speaksFirst() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let client = driver.loop.connect(to: address, from: nil)
    let (accepted, _) = try driver.bothEnds(of: client)
    driver.send("hello", on: accepted)
    driver.loop.shutdownWrite(on: accepted)
    #expect(try driver.receive(5, on: client) == Array("hello".utf8))
    try driver.wait { $0 == .endOfStream(client) }
    #expect(driver.observations(of: client).first == .connected(client))
  }
}

@Suite("The event loop: bounded waits", .timeLimit(.minutes(5)))
struct BoundedWaitTests {
  @Test("returns without a completion")
  func returns() throws {
    var loop = try EpollLoop()
    for nanoseconds: UInt64 in [0, 1, 200_000, 3_000_000] {
      let start = MonotonicClock.nanoseconds()
      loop.wait(atMost: nanoseconds)
      #expect(MonotonicClock.nanoseconds() - start >= nanoseconds)
      let isEmpty = loop.next() == nil
      #expect(isEmpty)
    }
  }

  @Test("a timer is not overslept")
  func timers() throws {
    var loop = try EpollLoop()
    let timer = loop.makeTimer()
    loop.setTimer(on: timer, after: 100)
    var waits = 0
    while true {
      loop.wait(atMost: 3_600_000_000_000)
      waits += 1
      if case .fired(timer) = loop.next() { break }
    }
    #expect(waits < 10)
  }
}

@Suite("Host names")
struct HostResolverTests {
  @Test("numbers are addresses")
  func numbers() throws {
    #expect(
      try HostResolver.addresses(of: "127.0.0.1", port: 80)
        == [SocketAddress(parsing: "127.0.0.1:80")])
    #expect(
      try HostResolver.addresses(of: "::1", port: 443) == [SocketAddress(parsing: "[::1]:443")])
  }

  @Test("localhost is this machine")
  func localhost() throws {
    let addresses = try HostResolver.addresses(of: "localhost", port: 8080)
    let loopback = try ["127.0.0.1:8080", "[::1]:8080"].map { try SocketAddress(parsing: $0) }
    #expect(!addresses.isEmpty && addresses.allSatisfy { loopback.contains($0) })
  }

  @Test("a name that cannot be is told with the name", arguments: ["", "a b", "-.-"])
  func unknown(host: String) {
    #expect { try HostResolver.addresses(of: host, port: 1) } throws: { error in
      (error as? HostResolverError)?.host == host
    }
  }
}

extension LoopDriver {
  /// Waits until a connection to a listener of this loop is there at both ends.
  mutating func bothEnds(of client: Token) throws -> (accepted: Token, connected: Token) {
    var accepted: Token? = nil
    var connected: Token? = nil
    try wait { observation in
      if case .accepted(let token, _, _) = observation { accepted = token }
      if case .connected(let token) = observation { connected = token }
      return accepted != nil && connected != nil
    }
    return (accepted!, connected!)
  }
}
