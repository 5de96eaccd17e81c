package import SystemIO
internal import TLS
package import WebSocketCore

/// WebSocket client connections on an event loop, any number of them: connects, shakes
/// hands, answers pings, closes, and tells a ``ClientHandler`` what has come.
///
///     var clients = try Clients(options)
///     clients.open(target, at: address)
///     while running {
///       clients.wait()
///       clients.handleCompletions(&handler)
///     }
///
/// What the protocol decides is decided in WebSocketCore; this shell performs it.
package struct Clients: ~Copyable {
  package let options: ClientOptions
  var loop: EpollLoop
  var connections = SlotTable<ClientConnection>()

  /// Frames for one connection, as a rule the one whose input is being handled; they
  /// leave as one.
  var frames = ByteChunk(capacity: framesBytes)
  var framesOwner: Token? = nil
  var maskingKeys = MaskingKeySource()

  /// Grows with every piece of input: messages that came in the same one came at the
  /// same time.
  package internal(set) var receives: UInt64 = 0

  let tlsEngine = TLSEngine()
  /// What was decrypted of one receive, what was encrypted for one send.
  var plaintext = ByteChunk(capacity: 64)
  var ciphertext = ByteChunk(capacity: 64)

  package init(_ options: ClientOptions = ClientOptions()) throws(SystemError) {
    self.options = options
    loop = try EpollLoop()
  }

  /// Connections that have not ended.
  package var count: Int { connections.count }

  /// Connects, and opens a WebSocket. Tells of it with ``ClientHandler/opened(_:_:in:)``
  /// or ``ClientHandler/ended(_:_:in:)``.
  package mutating func open(_ target: ClientTarget, at address: SocketAddress) -> Token {
    let token = loop.connect(to: address, from: nil)
    open(target, on: token)
    return token
  }

  /// The same, from a local address, whose port is 0.
  package mutating func open(
    _ target: ClientTarget, at address: SocketAddress, from local: SocketAddress
  ) -> Token {
    let token = loop.connect(to: address, from: local)
    open(target, on: token)
    return token
  }

  private mutating func open(_ target: ClientTarget, on token: Token) {
    connections.insert(
      ClientConnection(token, target, options.messageLimits), at: Int(token.slot))
    // The loop's clock stands still within an iteration, and finding out the address
    // may have taken longer than the deadline.
    let stood = MonotonicClock.milliseconds() - loop.now
    let milliseconds = options.openingMilliseconds
    loop.setTimer(on: token, after: max(milliseconds, milliseconds &+ stood))
  }

  /// A timer of the handler's own.
  package mutating func makeTimer() -> Token {
    loop.makeTimer()
  }

  /// Sets or moves such a timer.
  package mutating func setTimer(_ timer: Token, after milliseconds: UInt64) {
    loop.setTimer(on: timer, after: milliseconds)
  }

  package mutating func cancelTimer(_ timer: Token) {
    loop.cancelTimer(on: timer)
  }

  /// Reports these signals to the handler instead of their default action.
  package mutating func watch(signals: [Int32]) throws(SystemError) {
    try loop.watch(signals: signals)
  }

  /// For other threads to end a wait.
  package func makeWaker() throws(SystemError) -> Waker {
    try loop.makeWaker()
  }

  /// Nothing is received from this connection until resumed, or closed; but messages
  /// that have come with the one that is being handled are still told.
  /// A closing handshake is then not waited for: the deadline begins anew when resumed.
  package mutating func pauseReceiving(on token: Token) {
    guard contains(token) else { return }
    let slot = Int(token.slot)
    connections[slot].isPaused = true
    loop.pauseReceiving(on: token)
    if connections[slot].isClosing { loop.cancelTimer(on: token) }
  }

  package mutating func resumeReceiving(on token: Token) {
    guard contains(token) else { return }
    connections[Int(token.slot)].isPaused = false
    loop.resumeReceiving(on: token)
    postponeCloseDeadline(of: token)
  }

  /// Begins the deadline of a closing handshake anew, for a peer that does something else
  /// of use first.
  package mutating func postponeCloseDeadline(of token: Token) {
    guard contains(token), connections[Int(token.slot)].isClosing else { return }
    setCloseDeadline(token)
  }

  mutating func setCloseDeadline(_ token: Token) {
    if connections[Int(token.slot)].isPaused { return }
    loop.setTimer(on: token, after: options.closingMilliseconds)
  }

  /// Sleeps until something has happened.
  package mutating func wait() {
    flushFrames()
    loop.wait()
  }

  /// Sleeps until something has happened, or so long.
  package mutating func wait(atMost nanoseconds: UInt64) {
    flushFrames()
    loop.wait(atMost: nanoseconds)
  }

  /// Handles what has happened in this iteration.
  package mutating func handleCompletions<Handler: ClientHandler & ~Copyable>(
    _ handler: inout Handler
  ) {
    while let completion = loop.next() {
      switch completion {
      case .received(let token, let bytes):
        receive(bytes, on: token, &handler)
      case .connected(let token):
        connected(token)
      case .endOfStream(let token):
        endOfStream(token, &handler)
      case .closed(let token, let error):
        closed(token, error, &handler)
      case .sent(let token):
        drained(token, &handler)
      case .fired(let token):
        if contains(token) {
          deadlinePassed(token, &handler)
        } else {
          handler.fired(token, in: &self)
        }
      case .signalled(let number):
        handler.signalled(number, in: &self)
      case .woken:
        handler.woken(in: &self)
      case .accepted, .acceptFailed, .stoppedListening, .readable:
        break  // nothing listens here, and nothing is watched
      }
    }
    flushFrames()
  }

  /// Whether this connection has not ended.
  package func contains(_ token: Token) -> Bool {
    let slot = Int(token.slot)
    return connections.contains(slot) && connections[slot].token == token
  }

  /// Removes the connection, and tells of its end.
  mutating func end<Handler: ClientHandler & ~Copyable>(
    _ token: Token, _ end: ClientEnd, _ handler: inout Handler
  ) {
    abandon(token)
    handler.ended(token, end, in: &self)
  }

  /// Closes the socket at once, without a closing handshake. Nothing is told of it.
  package mutating func abandon(_ token: Token) {
    guard contains(token) else { return }
    if framesAre(of: token) {
      frames.removeAll()
      framesOwner = nil
    }
    connections.remove(Int(token.slot))
    loop.close(token, discardingOutput: false)
  }
}

/// What ``Clients`` tells. Within these calls, connections can be opened, sent to and
/// closed. What a handler has no use for it need not have.
package protocol ClientHandler: ~Copyable {
  /// The opening handshake is complete.
  mutating func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients)
  /// A whole message. The payload is valid during the call.
  mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients)
  /// A ping, which has been answered.
  mutating func pinged(_ payload: [UInt8], on token: Token, in clients: inout Clients)
  mutating func ponged(_ payload: [UInt8], on token: Token, in clients: inout Clients)
  /// All that was queued has been taken by the kernel. Told only when it has not taken
  /// all of it at once, as it can't have while ``Clients/queuedBytes(on:)`` is over
  /// ``Clients/gatheredBytesMax``.
  mutating func drained(_ token: Token, in clients: inout Clients)
  /// The connection is no more.
  mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients)
  /// A timer of the handler's own.
  mutating func fired(_ timer: Token, in clients: inout Clients)
  mutating func signalled(_ number: Int32, in clients: inout Clients)
  mutating func woken(in clients: inout Clients)
}

extension ClientHandler where Self: ~Copyable {
  package mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {}
  package mutating func pinged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {}
  package mutating func ponged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {}
  package mutating func drained(_ token: Token, in clients: inout Clients) {}
  package mutating func fired(_ timer: Token, in clients: inout Clients) {}
  package mutating func signalled(_ number: Int32, in clients: inout Clients) {}
  package mutating func woken(in clients: inout Clients) {}
}
