import Glibc
import Testing

@testable import SystemIO

private func isAccepted(_ observation: Observation, on index: Int) -> Bool {
  if case .accepted(_, index, _) = observation { true } else { false }
}

@Suite("Stopping a single listener", .timeLimit(.minutes(5)))
struct StopListeningTests {
  @Test("accepts who is queued, some in each iteration, then closes and says so")
  func stop() throws {
    var driver = try LoopDriver()
    let first = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    let second = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    let (stopped, other) = (first.address, second.address)
    #expect(try driver.loop.listen(on: first) == 0)
    #expect(try driver.loop.listen(on: second) == 1)
    let queued = try (0..<100).map { _ in
      let client = try ClientSocket(to: stopped)
      return fcntl(client.descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
    }
    driver.loop.stopListening(on: 0)
    driver.loop.stopListening(on: 0)
    try driver.wait { $0 == .stoppedListening(listener: 0) }
    #expect(driver.log.count { isAccepted($0, on: 0) } == 100)
    #expect(driver.log.count == 101)
    #expect(driver.iterations == 1, "64 in one iteration, 36 in the next")
    #expect(throws: SystemError("connect", code: ECONNREFUSED)) {
      _ = try ClientSocket(to: stopped)
    }
    // The other one has not been disturbed.
    let client = try ClientSocket(to: other)
    try driver.wait { isAccepted($0, on: 1) }
    // And an index is used again.
    let third = try Listener(on: SocketAddress(parsing: "127.0.0.1:0"))
    #expect(try driver.loop.listen(on: third) == 0)
    for raw in queued { close(raw) }
    _ = consume client
  }

  @Test("says so at once when nobody is queued, and not for what it does not know")
  func empty() throws {
    var driver = try LoopDriver()
    _ = try driver.listen()
    for unknown in [1, -1, .max] { driver.loop.stopListening(on: unknown) }
    driver.loop.stopListening(on: 0)
    try driver.wait { $0 == .stoppedListening(listener: 0) }
    driver.loop.stopListening(on: 0)
    try driver.settle()
    #expect(driver.log.count { $0 == .stoppedListening(listener: 0) } == 1)
  }

  @Test("leaves the socket to others who have it, and can be undone", arguments: Transport.allCases)
  func inherited(transport: Transport) throws {
    let place = Place(transport)
    let kept = try Listener(on: SocketAddress(parsing: place.address))
    var driver = try LoopDriver()
    for round in 0..<3 {
      #expect(try driver.loop.listen(on: Listener(inheriting: kept.duplicate())) == 0)
      let client = try ClientSocket(to: kept.address)
      try client.send([UInt8(round)])
      #expect(try driver.receive(1, on: driver.accept()) == [UInt8(round)])
      driver.loop.stopListening(on: 0)
      try driver.wait { $0 == .stoppedListening(listener: 0) }
      // Who comes now waits.
      let next = try ClientSocket(to: kept.address)
      try next.send([UInt8(round)])
      try driver.settle()
      #expect(driver.log.last == .woken)
      #expect(try driver.loop.listen(on: Listener(inheriting: kept.duplicate())) == 0)
      #expect(try driver.receive(1, on: driver.accept()) == [UInt8(round)])
      driver.loop.stopListening()
      try driver.wait { $0 == .stoppedListening(listener: 0) }
    }
  }

  @Test("all at once, each says so after its last connection")
  func all() throws {
    var driver = try LoopDriver()
    let first = try ClientSocket(to: driver.listen())
    let second = try ClientSocket(to: driver.listen())
    driver.loop.stopListening()
    try driver.wait { $0 == .stoppedListening(listener: 1) }
    #expect(isAccepted(driver.log[0], on: 0))
    #expect(driver.log[1] == .stoppedListening(listener: 0))
    #expect(isAccepted(driver.log[2], on: 1))
    #expect(driver.log.count == 4)
    _ = consume first
    _ = consume second
  }

  @Test("disconnects who is queued when descriptors have run out, and says so", arguments: [0, 2])
  func noDescriptors(room: Int) async {
    await #expect(processExitsWith: .success) { [room] in
      var driver = try LoopDriver()
      // Twice, because the reserve must be there again.
      let addresses = [try driver.listen(), try driver.listen()]
      var clients: [Int32] = []
      for address in addresses {
        for _ in 0..<5 {
          let client = try ClientSocket(to: address)
          clients.append(dup(client.descriptor.rawValue))
        }
      }
      var limit = rlimit()
      // SAFETY: both work on one rlimit.
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = 64
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var taken: [Int32] = []
      while case let copy = dup(clients[0]), copy >= 0 { taken.append(copy) }
      for _ in 0..<room { close(taken.removeLast()) }

      driver.loop.stopListening(on: 0)
      try driver.wait { $0 == .stoppedListening(listener: 0) }
      driver.loop.stopListening()
      try driver.wait { $0 == .stoppedListening(listener: 1) }
      // The test library needs descriptors too.
      for copy in taken { close(copy) }
      #expect(driver.log.count { isAccepted($0, on: 0) } == room)
      #expect(driver.log.count { $0 == .acceptFailed(EMFILE, listener: 0) } == 5 - room)
      // The descriptors that were left are those of the listener that was closed.
      let accepted = driver.log.count { isAccepted($0, on: 1) }
      #expect(accepted <= 1)
      #expect(driver.log.count { $0 == .acceptFailed(EMFILE, listener: 1) } == 5 - accepted)
      // Those who were not accepted have been told.
      #expect(try receiveUpTo(1, on: clients[4]) == [])
      #expect(try receiveUpTo(1, on: clients[9]) == [])
    }
  }
}
