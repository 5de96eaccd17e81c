import Testing

@testable import SystemIO

/// What a loop has told, free of its buffer.
enum Observation: Equatable {
  case accepted(Token, listener: Int, peer: UInt128?)
  case acceptFailed(Int32, listener: Int)
  case stoppedListening(listener: Int)
  case connected(Token)
  case received(Token, [UInt8])
  case endOfStream(Token)
  case sent(Token)
  case closed(Token, Int32)
  case fired(Token)
  case readable(Token)
  case signalled(Int32)
  case woken

  /// Which socket or timer it is about.
  var token: Token? {
    switch self {
    case .accepted(let token, _, _), .received(let token, _), .endOfStream(let token),
      .sent(let token), .connected(let token), .closed(let token, _), .fired(let token),
      .readable(let token):
      token
    case .acceptFailed, .stoppedListening, .signalled, .woken: nil
    }
  }
}

struct TimedOut: Error {
  let after: [Observation]
}

/// Runs a loop until something that is waited for has happened, for ten seconds at most.
struct LoopDriver: ~Copyable {
  var loop: EpollLoop
  /// Everything that was observed, in order.
  private(set) var log: [Observation] = []
  private(set) var iterations = 0
  private let deadline: Token

  init() throws {
    loop = try EpollLoop()
    deadline = loop.makeTimer()
    loop.setTimer(on: deadline, after: 10_000)
  }

  @discardableResult
  mutating func wait(until condition: (Observation) -> Bool) throws -> Observation {
    while true {
      guard let observation = next() else {
        loop.wait()
        iterations += 1
        continue
      }
      if observation == .fired(deadline) { throw TimedOut(after: log) }
      log.append(observation)
      if condition(observation) { return observation }
    }
  }

  /// The next one of this iteration.
  private mutating func next() -> Observation? {
    switch loop.next() {
    case .accepted(let token, let listener, let peer):
      return .accepted(token, listener: listener, peer: peer)
    case .acceptFailed(let error, let listener):
      return .acceptFailed(error.code, listener: listener)
    case .stoppedListening(let listener): return .stoppedListening(listener: listener)
    case .connected(let token): return .connected(token)
    case .received(let token, var bytes):
      let span = bytes.span
      return .received(token, span.indices.map { span[$0] })
    case .endOfStream(let token): return .endOfStream(token)
    case .sent(let token):
      #expect(loop.queuedBytes(on: token) == 0, "sent means that nothing is queued")
      return .sent(token)
    case .closed(let token, let error): return .closed(token, error.code)
    case .fired(let token): return .fired(token)
    case .readable(let token): return .readable(token)
    case .signalled(let number): return .signalled(number)
    case .woken: return .woken
    case nil: return nil
    }
  }

  /// Listens, and returns the address to connect to.
  mutating func listen(on address: String = "127.0.0.1:0") throws -> SocketAddress {
    let listener = try Listener(on: SocketAddress(parsing: address))
    let address = listener.address
    _ = try loop.listen(on: listener)
    return address
  }

  mutating func accept() throws -> Token {
    try wait { if case .accepted = $0 { true } else { false } }.token!
  }

  /// So many bytes that this socket receives, in whatever pieces.
  mutating func receive(_ count: Int, on token: Token) throws -> [UInt8] {
    var received: [UInt8] = []
    while received.count < count {
      let observation = try wait { $0.token == token }
      guard case .received(_, let bytes) = observation else { throw TimedOut(after: log) }
      received += bytes
    }
    return received
  }

  /// Runs until everything that has happened up to now was told. What a client has sent before
  /// this, the kernel has queued, and it is told before the waker's own event or with it.
  mutating func settle() throws {
    let waker = try loop.makeWaker()
    for _ in 0..<3 {
      waker.wake()
      try wait { $0 == .woken }
    }
  }

  mutating func send(_ bytes: [UInt8], on token: Token) {
    let chunk = ByteChunk(capacity: bytes.count)
    chunk.append(bytes)
    loop.send(chunk, 0..<bytes.count, on: token)
  }

  mutating func send(_ text: String, on token: Token) {
    send(Array(text.utf8), on: token)
  }

  func observations(of token: Token) -> [Observation] {
    log.filter { $0.token == token }
  }
}
