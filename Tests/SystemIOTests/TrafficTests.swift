import Glibc
import Testing

@testable import SystemIO

@Suite("The event loop: how much a socket has carried", .timeLimit(.minutes(5)))
struct TrafficTests {
  @Test("both ways, and without what is still queued")
  func counts() throws {
    var driver = try LoopDriver()
    let client = try ClientSocket(to: try driver.listen())
    let token = try driver.accept()
    #expect(driver.loop.traffic(of: token) == (0, 0))
    try client.send("hello")
    _ = try driver.receive(5, on: token)
    driver.send("hi", on: token)
    #expect(driver.loop.traffic(of: token) == (5, 2))
    // More than the kernel takes at once.
    let large = [UInt8](repeating: 1, count: 8 << 20)
    driver.send(large, on: token)
    let queued = driver.loop.queuedBytes(on: token)
    #expect(queued > 0)
    #expect(driver.loop.traffic(of: token).bytesSent == UInt64(2 + large.count - queued))
    driver.loop.close(token, discardingOutput: true)
    #expect(driver.loop.traffic(of: token) == (5, UInt64(2 + large.count - queued)))
  }

  @Test("until the slot is another socket's")
  func reuse() throws {
    var driver = try LoopDriver()
    let address = try driver.listen()
    var first: Token? = nil
    do {
      let client = try ClientSocket(to: address)
      let token = try driver.accept()
      try client.send("abc")
      _ = try driver.receive(3, on: token)
      first = token
      driver.loop.close(token, discardingOutput: false)
    }
    let token = try #require(first)
    #expect(driver.loop.traffic(of: token) == (3, 0))
    let second = try ClientSocket(to: address)
    let secondToken = try driver.accept()
    #expect(secondToken.slot == token.slot)
    #expect(driver.loop.traffic(of: token) == (0, 0))
    #expect(driver.loop.traffic(of: secondToken) == (0, 0))
    _ = consume second
  }
}

@Suite("A bell between threads", .timeLimit(.minutes(5)))
struct BellTests {
  @Test("a ring ends one wait, also one that begins later")
  func rings() throws {
    let bell = try Bell()
    let answer = try Bell()
    bell.ring()
    bell.wait()
    let thread = BackgroundThread {
      bell.wait()
      answer.ring()
    }
    bell.ring()
    answer.wait()
    thread.join()
    let before = MonotonicClock.milliseconds()
    bell.wait(atMost: 20)
    #expect(MonotonicClock.milliseconds() - before >= 19)
  }

  @Test("a background thread gets no signals")
  func signals() {
    let blocked = BackgroundThread {
      var mask = sigset_t()
      // SAFETY: fills one sigset_t, which is then read.
      return unsafe pthread_sigmask(SIG_BLOCK, nil, &mask) == 0
        && [SIGTERM, SIGINT, SIGHUP].allSatisfy { unsafe sigismember(&mask, $0) == 1 }
    }
    #expect(blocked.join())
  }
}
