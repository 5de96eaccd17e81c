import SystemIO
import TLS
import Testing
import WebSocketClient
import WebSocketCore

/// What a handler was told, free of the loop's buffer.
enum Event: Equatable {
  case opened
  case message(MessageKind, [UInt8])
  case pinged([UInt8])
  case ponged([UInt8])
  case drained
  case ended(String)
  case fired

  static func text(_ text: String) -> Event { .message(.text, Array(text.utf8)) }
  static func pinged(_ text: String) -> Event { .pinged(Array(text.utf8)) }
  static func ponged(_ text: String) -> Event { .ponged(Array(text.utf8)) }

  var isEnd: Bool { if case .ended = self { true } else { false } }
}

/// Keeps what it is told, and reacts as the test says.
struct Recorder: ClientHandler {
  private(set) var log: [(token: Token, event: Event)] = []
  private(set) var openings: [ClientOpening] = []
  private(set) var wakes = 0
  var react: ((Event, Token, inout Clients) -> Void)?

  /// What was told of a connection or timer, in order.
  func events(of token: Token) -> [Event] {
    log.filter { $0.token == token }.map(\.event)
  }

  private mutating func record(_ event: Event, _ token: Token, _ clients: inout Clients) {
    log.append((token, event))
    react?(event, token, &clients)
  }

  mutating func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients) {
    openings.append(opening)
    record(.opened, token, &clients)
  }

  mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    record(.message(kind, Array(payload)), token, &clients)
  }

  mutating func pinged(_ payload: [UInt8], on token: Token, in clients: inout Clients) {
    record(.pinged(payload), token, &clients)
  }

  mutating func ponged(_ payload: [UInt8], on token: Token, in clients: inout Clients) {
    record(.ponged(payload), token, &clients)
  }

  mutating func drained(_ token: Token, in clients: inout Clients) {
    record(.drained, token, &clients)
  }

  mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
    record(.ended("\(end)"), token, &clients)
  }

  mutating func fired(_ timer: Token, in clients: inout Clients) {
    record(.fired, timer, &clients)
  }

  mutating func signalled(_ number: Int32, in clients: inout Clients) {
    Issue.record("signal \(number)")
  }

  mutating func woken(in clients: inout Clients) {
    wakes += 1
  }
}

struct TimedOut: Error, CustomStringConvertible {
  let description: String
}

/// Clients and a played server, moved by turns in one thread.
struct Play: ~Copyable {
  var clients: Clients
  var recorder = Recorder()
  let server: PlayedServer
  private let tls: TLSClientContext?

  init(
    _ options: ClientOptions = ClientOptions(), on address: String = "127.0.0.1:0",
    tls: TLSClientContext? = nil
  ) throws {
    let server = try PlayedServer(on: address)
    clients = try Clients(options)
    self.server = server
    self.tls = tls
  }

  func target(
    _ path: String = "/", host: String = "chat.example",
    _ change: (inout ClientUpgradeRequest) -> Void = { _ in }
  ) throws -> ClientTarget {
    let url = try WebSocketURL(parsing: "\(tls == nil ? "ws" : "wss")://\(host)\(path)")
    var request = ClientUpgradeRequest(
      host: url.authority, target: url.target, key: "AAAAAAAAAAAAAAAAAAAAAA==")
    change(&request)
    return try ClientTarget(url, request: request, tls: tls)
  }

  /// Begins a connection.
  mutating func connect(_ target: ClientTarget? = nil) throws -> Token {
    clients.open(try target ?? self.target(), at: server.address)
  }

  /// A connection on which frames flow, with both of its ends.
  mutating func open(andReceive bytes: [UInt8] = []) throws -> (Token, Peer) {
    let token = try connect()
    let peer = try acceptNext(andSend: bytes)
    try run(until: "opened") { $0.recorder.events(of: token).contains(.opened) }
    return (token, peer)
  }

  /// Waits for the request of a connection that has begun, and accepts it.
  mutating func acceptNext(andSend bytes: [UInt8] = []) throws -> Peer {
    let index = server.peers.count
    try run(until: "a connection") { $0.server.peers.count > index }
    let peer = server.peers[index]
    try run(until: "a request") { _ in peer.accept(andSend: bytes) }
    return peer
  }

  /// Lets both sides go on until the condition holds; throws if it doesn't for long.
  mutating func run(
    until what: String, _ condition: (borrowing Play) throws -> Bool
  ) throws {
    let deadline = MonotonicClock.milliseconds() + 20_000
    while !(try condition(self)) {
      if MonotonicClock.milliseconds() > deadline {
        throw TimedOut(description: "no \(what) after \(recorder.log.suffix(20))")
      }
      step()
    }
  }

  func expectLive(
    _ token: Token, _ expected: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isLive = clients.contains(token)
    #expect(isLive == expected, sourceLocation: sourceLocation)
  }

  mutating func step() {
    clients.wait(atMost: 200_000)
    clients.handleCompletions(&recorder)
    server.pump()
  }

  /// Waits for the end of a connection, and returns what it was.
  mutating func end(of token: Token) throws -> String {
    try run(until: "an end") { $0.recorder.events(of: token).contains(where: \.isEnd) }
    let events = recorder.events(of: token)
    #expect(events.count(where: \.isEnd) == 1 && events.last!.isEnd)
    expectLive(token, false)
    guard case .ended(let end) = events.last else { return "" }
    return end
  }

  /// Waits for so many frames of the client's, and returns all.
  mutating func frames(_ count: Int, at peer: Peer) throws -> [Frame] {
    try run(until: "\(count) frames") { _ in peer.frames().count >= count }
    return peer.frames()
  }

  /// Waits until everything that the server has sent up to now was handled: a ping of
  /// its is answered.
  mutating func settle(_ peer: Peer) throws {
    peer.send(Wire.ping("settle"))
    try run(until: "a pong") { _ in peer.frames().contains(.pong("settle")) }
  }

  @discardableResult
  mutating func send(_ text: String, on token: Token) -> Bool {
    let bytes = Array(text.utf8)
    return clients.send(.text, bytes.span, on: token)
  }
}

extension Clients {
  mutating func send(_ text: String, on token: Token) {
    let bytes = Array(text.utf8)
    send(.text, bytes.span, on: token)
  }
}
