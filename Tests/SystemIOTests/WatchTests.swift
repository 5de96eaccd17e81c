import Glibc
import Testing

@testable import SystemIO

@Suite("The event loop: watched descriptors", .timeLimit(.minutes(5)))
struct WatchTests {
  @Test("are told as long as there is something to read")
  func levels() throws {
    var driver = try LoopDriver()
    let streams = try StreamPair()
    let token = try driver.loop.watch(readable: streams.near.rawValue)
    try driver.settle()
    #expect(driver.observations(of: token) == [])
    try sendAll([1, 2], on: streams.far.rawValue)
    for expected: UInt8 in 1...2 {
      for _ in 0..<3 { try driver.wait { $0 == .readable(token) } }
      #expect(try receiveUpTo(1, on: streams.near.rawValue) == [expected])
    }
    let before = driver.observations(of: token).count
    try driver.settle()
    #expect(driver.observations(of: token).count == before)
  }

  @Test("are told when the other end is closed")
  func end() throws {
    var driver = try LoopDriver()
    let streams = try StreamPair()
    let near = streams.keepNear()
    let token = try driver.loop.watch(readable: near.rawValue)
    try driver.wait { $0 == .readable(token) }
    #expect(try receiveUpTo(1, on: near.rawValue) == [])
  }

  @Test("are told no longer when the watch is closed, and stay open")
  func close() throws {
    var driver = try LoopDriver()
    let streams = try StreamPair()
    let token = try driver.loop.watch(readable: streams.near.rawValue)
    try sendAll([1], on: streams.far.rawValue)
    // Unsent output of the descriptor's is not the loop's to discard.
    try sendAll([2], on: streams.near.rawValue)
    try driver.wait { $0 == .readable(token) }
    let before = driver.log.count
    driver.loop.close(token, discardingOutput: true)
    driver.loop.close(token, discardingOutput: true)
    try driver.settle()
    #expect(driver.log[before...].allSatisfy { $0 == .woken })
    #expect(try receiveUpTo(1, on: streams.near.rawValue) == [1])
    #expect(try receiveUpTo(1, on: streams.far.rawValue) == [2])

    // Its slot is used again, and the descriptor can be watched again.
    try sendAll([3], on: streams.far.rawValue)
    let again = try driver.loop.watch(readable: streams.near.rawValue)
    #expect(again.slot == token.slot && again != token)
    try driver.wait { $0 == .readable(again) }
  }

  @Test("stay open when the loop goes")
  func loopGoes() throws {
    let streams = try StreamPair()
    do {
      var loop = try EpollLoop()
      _ = try loop.watch(readable: streams.near.rawValue)
    }
    try sendAll([1], on: streams.far.rawValue)
    #expect(try receiveUpTo(1, on: streams.near.rawValue) == [1])
  }

  @Test("do nothing else that sockets do, but have a timer")
  func notASocket() throws {
    var driver = try LoopDriver()
    let streams = try StreamPair()
    let token = try driver.loop.watch(readable: streams.near.rawValue)
    driver.send("no", on: token)
    driver.loop.shutdownWrite(on: token)
    driver.loop.pauseReceiving(on: token)
    try sendAll([1], on: streams.far.rawValue)
    driver.loop.resumeReceiving(on: token)
    driver.loop.setTimer(on: token, after: 1)
    try driver.wait { $0 == .fired(token) }
    try driver.wait { $0 == .readable(token) }
    #expect(driver.loop.queuedBytes(on: token) == 0)
    #expect(try receiveUpTo(1, on: streams.near.rawValue) == [1])
    try sendAll([9], on: streams.near.rawValue)
    #expect(try receiveUpTo(1, on: streams.far.rawValue) == [9])
  }

  @Test("that cannot be watched are errors, and harm no watch that there is")
  func refused() throws {
    var driver = try LoopDriver()
    let streams = try StreamPair()
    let token = try driver.loop.watch(readable: streams.near.rawValue)
    #expect(throws: SystemError("epoll_ctl", code: EEXIST)) {
      _ = try driver.loop.watch(readable: streams.near.rawValue)
    }
    #expect(throws: SystemError("epoll_ctl", code: EBADF)) {
      _ = try driver.loop.watch(readable: -1)
    }
    try sendAll([1], on: streams.far.rawValue)
    try driver.wait { $0 == .readable(token) }
  }

  @Test("carry packets with descriptors between processes' ends")
  func controlSocket() throws {
    var driver = try LoopDriver()
    let pair = try ControlSocket.pair()
    let streams = try StreamPair()
    let token = try driver.loop.watch(readable: pair.near.descriptor.rawValue)
    let packet: [UInt8] = [1, 2, 3]
    #expect(try pair.far.send(packet.span, descriptors: [streams.far.rawValue]) == .sent)
    try driver.wait { $0 == .readable(token) }
    var buffer = [UInt8](repeating: 0, count: 16)
    var span = buffer.mutableSpan
    guard case .packet(3, var received) = try pair.near.receive(into: &span),
      let end = received.next()
    else {
      Issue.record("no packet")
      return
    }
    try sendAll([7], on: end.rawValue)
    #expect(try receiveUpTo(1, on: streams.near.rawValue) == [7])
  }

  @Test("tell that a child has ended")
  func pidfd() async {
    await #expect(processExitsWith: .success) {
      var driver = try LoopDriver()
      let child = try ChildProcess.spawn(
        .init(path: "/bin/sleep", arguments: ["sleep", "1000"], environment: [:]))
      let id = child.id
      guard let pidfd = child.pidfd else { return }
      let token = try driver.loop.watch(readable: pidfd)
      child.send(signal: SIGKILL)
      try driver.wait { $0 == .readable(token) }
      #expect(ChildProcess.reap() == [.init(id: id, end: .killed(signal: SIGKILL))])
      driver.loop.close(token, discardingOutput: false)
    }
  }
}
