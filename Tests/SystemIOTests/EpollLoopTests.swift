import Glibc
import Testing

@testable import SystemIO

/// What the peers are connected by.
enum Transport: CaseIterable, Sendable {
  case tcp, unix
}

/// An address to listen on.
struct Place: ~Copyable {
  private let directory: TemporaryDirectory?
  let address: String

  init(_ transport: Transport) {
    switch transport {
    case .tcp:
      directory = nil
      address = "127.0.0.1:0"
    case .unix:
      let directory = TemporaryDirectory()
      address = "unix:\(directory.path)/s"
      self.directory = consume directory
    }
  }
}

@Suite("The event loop: connections", .timeLimit(.minutes(5)))
struct EpollLoopConnectionTests {
  @Test("accepts, each connection with a token of its own", arguments: Transport.allCases)
  func accepts(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let first = try ClientSocket(to: address)
    let firstToken = try driver.accept()
    let second = try ClientSocket(to: address)
    let secondToken = try driver.accept()
    #expect(firstToken != secondToken)
    try second.send("second")
    try first.send("first")
    #expect(try driver.receive(5, on: firstToken) == Array("first".utf8))
    #expect(try driver.receive(6, on: secondToken) == Array("second".utf8))
  }

  @Test("tells on which listener")
  func listenerIndex() throws {
    var driver = try LoopDriver()
    let addresses = [try driver.listen(), try driver.listen(), try driver.listen()]
    for index in [2, 0, 1] {
      let client = try ClientSocket(to: addresses[index])
      try driver.wait { if case .accepted(_, index, _) = $0 { true } else { false } }
      _ = consume client
    }
  }

  @Test("accepts a crowd")
  func crowd() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let crowd = BackgroundThread {
      var open: [Int32] = []
      for _ in 0..<200 {
        if let client = try? ClientSocket(to: address) {
          // Left open until the thread's result is used.
          open.append(fcntl(client.descriptor.rawValue, F_DUPFD_CLOEXEC, 0))
        }
      }
      return open
    }
    var tokens: Set<Token> = []
    while tokens.count < 200 { tokens.insert(try driver.accept()) }
    for descriptor in crowd.join() { _ = FileDescriptor(owning: descriptor) }
    var ended: Set<Token> = []
    while ended.count < 200 {
      ended.insert(try driver.wait { if case .endOfStream = $0 { true } else { false } }.token!)
    }
    #expect(ended == tokens)
  }

  @Test("accepts who is in the queue before it stops listening", arguments: Transport.allCases)
  func stopListening(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let first = try ClientSocket(to: address)
    let second = try ClientSocket(to: address)
    try first.send("1")
    try second.send("2")
    driver.loop.stopListening()
    #expect(throws: SystemError.self) { _ = try ClientSocket(to: address) }
    let firstToken = try driver.accept()
    let secondToken = try driver.accept()
    #expect(try driver.receive(1, on: firstToken) == Array("1".utf8))
    #expect(try driver.receive(1, on: secondToken) == Array("2".utf8))
    // And may listen again.
    let other = Place(.tcp)
    _ = try ClientSocket(to: driver.listen(on: other.address))
    _ = try driver.accept()
  }

  @Test("rests and goes on when descriptors have run out")
  func noDescriptors() async {
    await #expect(processExitsWith: .success) {
      var driver = try LoopDriver()
      let address = try driver.listen()
      let client = try ClientSocket(to: address)
      try client.send("patient")
      var limit = rlimit()
      // SAFETY: both work on one rlimit.
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = 64
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var taken: [Int32] = []
      while case let copy = dup(client.descriptor.rawValue), copy >= 0 { taken.append(copy) }

      let failure = Observation.acceptFailed(EMFILE, listener: 0)
      try driver.wait { $0 == failure }
      let before = driver.loop.now
      let iterations = driver.iterations
      try driver.wait { $0 == failure }
      #expect(driver.loop.now - before >= 100)
      #expect(driver.iterations - iterations < 20, "the loop spins")

      for copy in taken { close(copy) }
      let token = try driver.accept()
      #expect(try driver.receive(7, on: token) == Array("patient".utf8))
    }
  }
}

@Suite("The event loop: receiving", .timeLimit(.minutes(5)))
struct EpollLoopReceivingTests {
  @Test("receives a long stream whole and in order, then its end", arguments: Transport.allCases)
  func longStream(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let bytes = pattern(3_000_000)
    let sender = BackgroundThread {
      guard let client = try? ClientSocket(to: address) else { return false }
      return (try? client.send(bytes)) != nil
    }
    let token = try driver.accept()
    #expect(try driver.receive(bytes.count, on: token) == bytes)
    #expect(sender.join())
    #expect(try driver.wait { $0.token == token } == .endOfStream(token))
  }

  @Test("reports the end behind the data that came with it", arguments: Transport.allCases)
  func finBehindData(transport: Transport) throws {
    let place = Place(transport)
    for count in [0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1] {
      var driver = try LoopDriver()
      let address = try driver.listen(on: place.address)
      let bytes = pattern(count)
      let sender = BackgroundThread {
        guard let client = try? ClientSocket(to: address) else { return false }
        guard (try? client.send(bytes)) != nil else { return false }
        client.shutdownWrite()
        return (try? client.receiveToEnd()) == [7]
      }
      let token = try driver.accept()
      #expect(try driver.receive(count, on: token) == bytes)
      #expect(try driver.wait { $0.token == token } == .endOfStream(token))
      // The other direction is still open.
      driver.send([7], on: token)
      driver.loop.close(token, discardingOutput: false)
      #expect(sender.join())
      try driver.settle()
      #expect(driver.observations(of: token).count { $0 == .endOfStream(token) } == 1)
    }
  }

  @Test("a reset closes, and the token is stale")
  func reset() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    client.reset()
    #expect(try driver.wait { $0.token == token } == .closed(token, ECONNRESET))
    driver.send("nobody hears", on: token)
    #expect(driver.loop.queuedBytes(on: token) == 0)
    driver.loop.close(token, discardingOutput: false)
    try driver.settle()
    #expect(driver.observations(of: token).last == .closed(token, ECONNRESET))
  }

  @Test("what is sent to a peer that has gone closes once")
  func sendAfterReset() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    client.reset()
    // Whether or not the loop has seen it yet.
    for _ in 0..<5 { driver.send(pattern(100_000), on: token) }
    try driver.wait { if case .closed(token, _) = $0 { true } else { false } }
    try driver.settle()
    let closes = driver.observations(of: token).filter {
      if case .closed = $0 { true } else { false }
    }
    #expect(closes.count == 1)
  }

  @Test("while paused nothing is received, and nothing is lost", arguments: Transport.allCases)
  func pause(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen(on: place.address))
    let token = try driver.accept()
    driver.loop.pauseReceiving(on: token)
    driver.loop.pauseReceiving(on: token)
    try client.send("held ")
    try driver.settle()
    try client.send("back")
    try driver.settle()
    #expect(driver.observations(of: token).count == 1)
    driver.loop.resumeReceiving(on: token)
    #expect(try driver.receive(9, on: token) == Array("held back".utf8))
    driver.loop.resumeReceiving(on: token)
    try client.send("on")
    #expect(try driver.receive(2, on: token) == Array("on".utf8))
  }

  @Test("a paused socket's end waits until it is resumed", arguments: Transport.allCases)
  func pausedEnd(transport: Transport) throws {
    let place = Place(transport)
    for text in ["", "last words"] {
      var driver = try LoopDriver()
      let client = try ClientSocket(to: driver.listen(on: place.address))
      let token = try driver.accept()
      driver.loop.pauseReceiving(on: token)
      if !text.isEmpty { try client.send(text) }
      client.shutdownWrite()
      try driver.settle()
      #expect(driver.observations(of: token).count == 1)
      driver.loop.resumeReceiving(on: token)
      #expect(try driver.receive(text.utf8.count, on: token) == Array(text.utf8))
      #expect(try driver.wait { $0.token == token } == .endOfStream(token))
    }
  }

  @Test("a break is reported even while paused")
  func pausedReset() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    driver.loop.pauseReceiving(on: token)
    client.reset()
    #expect(try driver.wait { $0.token == token } == .closed(token, ECONNRESET))
  }

  @Test("paused after every piece, a stream arrives whole", arguments: Transport.allCases)
  func pauseOften(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let bytes = pattern(2_000_000)
    let sender = BackgroundThread {
      guard let client = try? ClientSocket(to: address) else { return false }
      return (try? client.send(bytes)) != nil
    }
    let token = try driver.accept()
    var received: [UInt8] = []
    while true {
      let observation = try driver.wait { $0.token == token }
      if observation == .endOfStream(token) { break }
      guard case .received(_, let piece) = observation else {
        Issue.record("\(observation)")
        break
      }
      received += piece
      driver.loop.pauseReceiving(on: token)
      // Sometimes resumed at once, sometimes an iteration or more later.
      if received.count % 3 != 0 { try driver.settle() }
      driver.loop.resumeReceiving(on: token)
    }
    #expect(received == bytes)
    #expect(sender.join())
  }
}

@Suite("The event loop: sending", .timeLimit(.minutes(5)))
struct EpollLoopSendingTests {
  @Test("what is small leaves at once", arguments: Transport.allCases)
  func small(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen(on: place.address))
    let token = try driver.accept()
    driver.send("hello", on: token)
    driver.send([], on: token)
    driver.send(" world", on: token)
    #expect(driver.loop.queuedBytes(on: token) == 0)
    #expect(try client.receive(11) == Array("hello world".utf8))
    try driver.settle()
    #expect(driver.observations(of: token).count == 1, "nothing was queued, nothing is reported")
  }

  @Test(
    "what the kernel doesn't take at once arrives whole and in order, then is reported as sent",
    arguments: Transport.allCases)
  func large(transport: Transport) throws {
    let place = Place(transport)
    var driver = try LoopDriver()
    let address = try driver.listen(on: place.address)
    let client = try ClientSocket(to: address)
    let token = try driver.accept()

    var generator = SeededGenerator(state: 5)
    var expected: [UInt8] = []
    let shared = ByteChunk(capacity: 50_000)
    shared.append(pattern(50_000))
    while expected.count < 8_000_000 {
      if Bool.random(using: &generator) {
        let start = Int.random(in: 0...50_000, using: &generator)
        let end = Int.random(in: start...50_000, using: &generator)
        driver.loop.send(shared, start..<end, on: token)
        expected += pattern(end - start, from: start)
      } else {
        let piece = pattern([0, 1, 100, 5000, 300_000].randomElement(using: &generator)!)
        driver.send(piece, on: token)
        expected += piece
      }
    }
    let queued = driver.loop.queuedBytes(on: token)
    #expect(queued > 0 && queued < expected.count)

    let descriptor = client.descriptor.rawValue
    let count = expected.count
    let reader = BackgroundThread { try? receiveUpTo(count, on: descriptor) }
    #expect(try driver.wait { $0.token == token } == .sent(token))
    #expect(reader.join() == expected)
    try driver.settle()
    #expect(driver.observations(of: token).count == 2)
    _ = consume client
  }

  @Test("queued bytes are those that the kernel has not taken")
  func queuedBytes() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    var sent = 0
    while driver.loop.queuedBytes(on: token) == 0 {
      driver.send(pattern(65_536), on: token)
      sent += 65_536
    }
    let queued = driver.loop.queuedBytes(on: token)
    #expect(queued <= 65_536)
    driver.send(pattern(10_000), on: token)
    #expect(driver.loop.queuedBytes(on: token) == queued + 10_000)
    #expect(try client.receive(sent + 10_000 - (queued + 10_000)).count == sent - queued)
    try driver.wait { $0 == .sent(token) }
    #expect(driver.loop.queuedBytes(on: token) == 0)
  }

  @Test("untaken bytes are those that the peer has not taken, wherever they are")
  func untakenBytes() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    #expect(driver.loop.untakenBytes(on: token) == 0)
    driver.send(pattern(12_000_000), on: token)
    let untaken = driver.loop.untakenBytes(on: token)
    #expect(untaken >= driver.loop.queuedBytes(on: token) && untaken <= 12_000_000)
    let descriptor = client.descriptor.rawValue
    let reader = BackgroundThread { try? receiveUpTo(12_000_000, on: descriptor).count }
    try driver.wait { $0 == .sent(token) }
    #expect(reader.join() == 12_000_000)
    // The last acknowledgement may come a little later.
    let last = driver.loop.makeTimer()
    for _ in 0..<20 where driver.loop.untakenBytes(on: token) > 0 {
      driver.loop.setTimer(on: last, after: 0)
      try driver.wait { $0 == .fired(last) }
    }
    #expect(driver.loop.untakenBytes(on: token) == 0)
    driver.loop.close(token, discardingOutput: false)
    #expect(driver.loop.untakenBytes(on: token) == 0)
    _ = consume client
  }

  @Test("sent is not reported when something new was queued meanwhile")
  func sentAndQueuedAgain() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    var sent = 0
    while driver.loop.queuedBytes(on: token) == 0 {
      driver.send(pattern(65_536), on: token)
      sent += 65_536
    }
    // What the kernel has is read, so that the rest of the queue will fit; and then a byte comes,
    // which the loop hears of together with that.
    _ = try client.receive(sent - driver.loop.queuedBytes(on: token))
    try client.send("x")
    try driver.wait { $0 == .received(token, [0x78]) }
    let more = pattern(12_000_000)
    driver.send(more, on: token)
    #expect(driver.loop.queuedBytes(on: token) > 0)
    let descriptor = client.descriptor.rawValue
    let reader = BackgroundThread { try? receiveUpTo(65_536, on: descriptor).count }
    // The driver expects of every `sent` that nothing is queued.
    try driver.settle()
    #expect(reader.join() == 65_536)
    _ = consume client
  }

  @Test("FIN comes behind all that is queued", arguments: Transport.allCases)
  func shutdownBehindQueue(transport: Transport) throws {
    let place = Place(transport)
    for count in [0, 10, 6_000_000] {
      var driver = try LoopDriver()
      let client = try ClientSocket(to: driver.listen(on: place.address))
      let token = try driver.accept()
      let bytes = pattern(count)
      driver.send(bytes, on: token)
      driver.loop.shutdownWrite(on: token)
      driver.loop.shutdownWrite(on: token)
      driver.send("too late", on: token)
      let descriptor = client.descriptor.rawValue
      let reader = BackgroundThread {
        let received = try? receiveUpTo(.max, on: descriptor)
        shutdown(descriptor, Int32(SHUT_WR))
        return received
      }
      // The peer's own FIN comes when it has seen ours.
      try driver.wait { $0 == .endOfStream(token) }
      #expect(reader.join() == bytes)
      _ = consume client
    }
  }

  @Test("after FIN there is still something to receive")
  func receiveAfterShutdown() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    driver.loop.shutdownWrite(on: token)
    #expect(try client.receiveToEnd() == [])
    try client.send("my last words")
    #expect(try driver.receive(13, on: token) == Array("my last words".utf8))
  }

  @Test("close ends the connection at once and is not reported")
  func close() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    driver.loop.close(token, discardingOutput: false)
    #expect(try client.receiveToEnd() == [])
    try driver.settle()
    #expect(driver.observations(of: token).count == 1)
  }

  @Test("a loop that goes closes its sockets")
  func loopGoes() throws {
    let address: SocketAddress
    let client: ClientSocket
    do {
      var driver = try LoopDriver()
      address = try driver.listen()
      client = try ClientSocket(to: address)
      _ = try driver.accept()
    }
    #expect(try client.receiveToEnd() == [])
    #expect(throws: SystemError.self) { _ = try ClientSocket(to: address) }
  }

  @Test("what is done with a stale token is done to nobody")
  func staleToken() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    let first = try ClientSocket(to: address)
    let stale = try driver.accept()
    try first.send("unread")
    driver.loop.close(stale, discardingOutput: false)
    let second = try ClientSocket(to: address)
    let token = try driver.accept()
    #expect(token.slot == stale.slot && token != stale, "the slot is used again")

    driver.loop.setTimer(on: token, after: 10)
    driver.loop.cancelTimer(on: stale)
    driver.send("for nobody", on: stale)
    driver.loop.shutdownWrite(on: stale)
    driver.loop.pauseReceiving(on: stale)
    driver.loop.close(stale, discardingOutput: false)
    #expect(driver.loop.queuedBytes(on: stale) == 0)
    driver.send("for you", on: token)
    #expect(try second.receive(7) == Array("for you".utf8))
    try second.send("thanks")
    #expect(try driver.receive(6, on: token) == Array("thanks".utf8))
    #expect(try driver.wait { $0.token == token } == .fired(token))

    driver.loop.pauseReceiving(on: token)
    try second.send("later")
    driver.loop.resumeReceiving(on: stale)
    driver.loop.setTimer(on: stale, after: 0)
    let other = driver.loop.makeTimer()
    driver.loop.setTimer(on: other, after: 100)
    try driver.wait { $0 == .fired(other) }
    #expect(driver.observations(of: token).count == 3)
    #expect(driver.observations(of: stale).count == 1)
  }
}

@Suite("The event loop: timers, wake-ups and signals", .timeLimit(.minutes(5)))
struct EpollLoopEventTests {
  @Test("a timer is never early", arguments: [0, 1, 30, 64, 150] as [UInt64])
  func timer(delay: UInt64) throws {
    var driver = try LoopDriver()
    let timer = driver.loop.makeTimer()
    let start = driver.loop.now
    driver.loop.setTimer(on: timer, after: delay)
    try driver.wait { $0 == .fired(timer) }
    #expect(MonotonicClock.milliseconds() - start >= delay)
    #expect(driver.loop.now - start >= delay)
    // By then it is unset.
    let other = driver.loop.makeTimer()
    driver.loop.setTimer(on: other, after: 70)
    try driver.wait { $0 == .fired(other) }
    #expect(driver.log == [.fired(timer), .fired(other)])
  }

  @Test("timers fire in the order of their ticks, moved and cancelled ones as they were last set")
  func timers() throws {
    var driver = try LoopDriver()
    let timers = (0..<5).map { _ in driver.loop.makeTimer() }
    driver.loop.setTimer(on: timers[0], after: 300)
    driver.loop.setTimer(on: timers[1], after: 0)
    driver.loop.setTimer(on: timers[2], after: 150)
    driver.loop.setTimer(on: timers[3], after: 0)
    driver.loop.cancelTimer(on: timers[3])
    driver.loop.setTimer(on: timers[1], after: 220)
    driver.loop.close(timers[4], discardingOutput: false)
    driver.loop.setTimer(on: timers[4], after: 0)
    try driver.wait { $0 == .fired(timers[0]) }
    #expect(driver.log == [.fired(timers[2]), .fired(timers[1]), .fired(timers[0])])
  }

  @Test("a timer so far away that no clock gets there does not fire")
  func farTimer() throws {
    var driver = try LoopDriver()
    let far = driver.loop.makeTimer()
    let near = driver.loop.makeTimer()
    driver.loop.setTimer(on: far, after: .max)
    driver.loop.setTimer(on: near, after: 130)
    try driver.wait { $0 == .fired(near) }
    #expect(driver.log == [.fired(near)])
  }

  @Test("closing a socket cancels its timer")
  func timerOfClosedSocket() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: driver.listen())
    let token = try driver.accept()
    driver.loop.setTimer(on: token, after: 0)
    driver.loop.close(token, discardingOutput: false)
    let other = driver.loop.makeTimer()
    #expect(other.slot == token.slot)
    driver.loop.setTimer(on: other, after: 130)
    try driver.wait { $0 == .fired(other) }
    #expect(driver.observations(of: token).count == 1)
    #expect(driver.observations(of: other).count == 1)
    _ = consume client
  }

  @Test("other threads wake it")
  func waker() throws {
    var driver = try LoopDriver()
    let waker = try driver.loop.makeWaker()
    let another = try driver.loop.makeWaker()
    let thread = BackgroundThread {
      waker.wake()
      return true
    }
    try driver.wait { $0 == .woken }
    #expect(thread.join())
    // Several may be one.
    for _ in 0..<1000 { another.wake() }
    try driver.wait { $0 == .woken }
    let timer = driver.loop.makeTimer()
    driver.loop.setTimer(on: timer, after: 0)
    try driver.wait { $0 == .fired(timer) }
    #expect(driver.log == [.woken, .woken, .fired(timer)])
  }

  @Test("a waker may outlive its loop")
  func wakerOutlives() throws {
    let waker: Waker
    do {
      let loop = try EpollLoop()
      waker = try loop.makeWaker()
    }
    waker.wake()
  }

  /// Sent to this thread alone: the others have not blocked them. By default both are ignored.
  @Test("watched signals are completions")
  func signals() throws {
    var driver = try LoopDriver()
    try driver.loop.watch(signals: [SIGWINCH, SIGURG])
    #expect(isBlocked(SIGWINCH) && isBlocked(SIGURG))
    pthread_kill(pthread_self(), SIGWINCH)
    try driver.wait { $0 == .signalled(SIGWINCH) }
    pthread_kill(pthread_self(), SIGWINCH)
    pthread_kill(pthread_self(), SIGURG)
    try driver.wait { $0 == .signalled(SIGURG) }
    try driver.settle()
    #expect(driver.log.count { $0 == .signalled(SIGWINCH) } == 2)
    #expect(driver.log.count { $0 == .signalled(SIGURG) } == 1)
    _ = consume driver
    #expect(!isBlocked(SIGWINCH) && !isBlocked(SIGURG))
  }

  @Test("a watched signal does not have its default effect")
  func terminationSignal() throws {
    var driver = try LoopDriver()
    try driver.loop.watch(signals: [SIGUSR1])
    pthread_kill(pthread_self(), SIGUSR1)
    try driver.wait { $0 == .signalled(SIGUSR1) }
  }

  private func isBlocked(_ signal: Int32) -> Bool {
    var mask = sigset_t()
    // SAFETY: one sigset_t is written, then read.
    unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    return unsafe sigismember(&mask, signal) == 1
  }
}
