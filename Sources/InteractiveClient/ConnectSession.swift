internal import Glibc
internal import HTTPCore
package import SystemIO
package import WebSocketClient
package import WebSocketCore

/// `sluice connect`: lines go out as messages, messages come in as lines, until one side
/// has had enough.
package struct ConnectSession: ~Copyable {
  private let url: WebSocketURL
  private let target: ClientTarget
  private let options: ConnectOptions
  private var screen: Screen
  private var keyboard: Keyboard

  private var token: Token?
  private var isOpen = false
  /// The server's addresses that this attempt has not tried yet.
  private var addressesLeft: [SocketAddress] = []
  private var backoff = Backoff()
  private let reconnectTimer: Token

  private let pingTimer: Token
  /// When the ping was sent that is not answered, in nanoseconds.
  private var pingSentAt: UInt64?

  /// Taken from the keyboard, and not sent yet.
  private var waiting: [[UInt8]] = []
  private var inputHasEnded = false
  private let waitTimer: Token
  /// Some of the input was not sent.
  private var hasRefused = false

  /// We are closing the connection, and shall end with this status.
  private var leaving: ConnectStatus?
  private var status: ConnectStatus?

  /// What may be queued for a server that reads slowly; more input waits.
  private static let queuedBytesMax = 1 << 20

  /// Runs until it is over, and gives the terminal back.
  package static func run(
    _ url: WebSocketURL, _ target: ClientTarget, _ options: ConnectOptions,
    clientOptions: ClientOptions
  ) throws -> ConnectStatus {
    var clients = try Clients(clientOptions)
    try clients.watch(signals: [SIGINT, SIGTERM, SIGHUP, SIGWINCH])
    var session = try ConnectSession(url, target, options, &clients)
    session.connect(in: &clients)
    while session.status == nil {
      clients.wait()
      clients.handleCompletions(&session)
      session.passOnInput(in: &clients)
    }
    session.screen.setPrompt([])
    session.keyboard.restore()
    let status = session.status ?? .closed
    return status == .closed && session.hasRefused ? .failed : status
  }

  private init(
    _ url: WebSocketURL, _ target: ClientTarget, _ options: ConnectOptions,
    _ clients: inout Clients
  ) throws {
    let delimiter = options.isNullDelimited ? UInt8(0) : UInt8(ascii: "\n")
    let keyboard = try Keyboard(
      waker: clients.makeWaker(), delimiter: delimiter, lineBytesMax: options.lineBytesMax)
    self.url = url
    self.target = target
    self.options = options
    reconnectTimer = clients.makeTimer()
    waitTimer = clients.makeTimer()
    pingTimer = clients.makeTimer()
    screen = Screen(delimiter: delimiter)
    self.keyboard = keyboard
  }

  /// Whether a person looks on, or wants to know.
  private var isTalkative: Bool { screen.isTerminal || options.isVerbose }
}

// MARK: - Connecting

extension ConnectSession {
  private mutating func connect(in clients: inout Clients) {
    do {
      addressesLeft = try url.addresses()
      connectToNextAddress(in: &clients)
    } catch {
      ended("\(error)", .retry(nil), .failed, in: &clients)
    }
  }

  private mutating func connectToNextAddress(in clients: inout Clients) {
    token = clients.open(target, at: addressesLeft.removeFirst())
  }

  /// A connection, or the attempt at one, is over.
  private mutating func ended(
    _ text: String, _ decision: ReconnectPolicy.Decision, _ result: ConnectStatus,
    in clients: inout Clients
  ) {
    token = nil
    isOpen = false
    pingSentAt = nil
    clients.cancelTimer(pingTimer)
    if let leaving {
      finish(leaving == .closed ? result : leaving)
      return
    }
    // Without more input there is nothing to connect again for, unless some is left.
    let isWanted = options.reconnects && (!inputHasEnded || !waiting.isEmpty)
    guard isWanted, case .retry(let hint) = decision else {
      if result != .closed {
        screen.complain("\(url): \(text)")
      } else if isTalkative {
        screen.tell(text)
      }
      finish(result)
      return
    }
    var generator = SystemRandomNumberGenerator()
    let milliseconds = backoff.next(hint: hint, using: &generator)
    screen.tell(
      "\(text); connecting again in \(milliseconds / 1000).\(milliseconds % 1000 / 100) s")
    clients.setTimer(reconnectTimer, after: milliseconds)
  }

  private mutating func finish(_ result: ConnectStatus) {
    if status != nil { return }
    if !waiting.isEmpty {
      screen.complain("not sent: \(waiting.count) \(waiting.count == 1 ? "line" : "lines")")
      hasRefused = true
    }
    status = result
  }

  /// Closes in order, and ends with this status; `closed` stands for however the close
  /// goes. Without a connection, or asked for twice, at once.
  private mutating func leave(_ wanted: ConnectStatus, in clients: inout Clients) {
    guard let token, isOpen, leaving == nil else {
      finish(wanted)
      return
    }
    leaving = wanted
    clients.close(token, .normalClosure)
  }
}

// MARK: - What comes from the server

extension ConnectSession: ClientHandler {
  package mutating func opened(
    _ token: Token, _ opening: ClientOpening, in clients: inout Clients
  ) {
    isOpen = true
    backoff.reset()
    if isTalkative {
      let subprotocol = opening.upgrade.subprotocol.map { ", subprotocol \($0)" } ?? ""
      let tls = opening.tls.map { ", \($0)" } ?? ""
      screen.tell("connected to \(url)\(subprotocol)\(tls)")
    }
    if options.isVerbose { screen.tell("\(opening.head.headers)") }
    if keyboard.isEditing { screen.setPrompt(keyboard.drawing()) }
    schedulePing(in: &clients)
  }

  package mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    screen.show(kind, payload)
    // Nobody reads any more, as behind `head -1`: that is no failure of ours.
    if screen.isClosed { leave(.closed, in: &clients) }
  }

  package mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
    if case .notConnected = end, !addressesLeft.isEmpty, leaving == nil {
      connectToNextAddress(in: &clients)
      return
    }
    let remedy = remedy(for: end).map { "; \($0)" } ?? ""
    ended(
      "\(end)\(remedy)", ReconnectPolicy.decide(after: end), ConnectStatus(end), in: &clients)
  }

  package mutating func fired(_ timer: Token, in clients: inout Clients) {
    switch timer {
    case reconnectTimer: connect(in: &clients)
    case pingTimer: ping(in: &clients)
    default: leave(.closed, in: &clients)
    }
  }

  package mutating func signalled(_ number: Int32, in clients: inout Clients) {
    switch number {
    case SIGINT: leave(.interrupted, in: &clients)
    case SIGTERM: leave(.terminated, in: &clients)
    case SIGHUP: leave(.hungUp, in: &clients)
    default: if keyboard.isEditing { screen.setPrompt(keyboard.drawing()) }
    }
  }
}

// MARK: - Pings

extension ConnectSession {
  private mutating func schedulePing(in clients: inout Clients) {
    if let interval = options.pingMilliseconds { clients.setTimer(pingTimer, after: interval) }
  }

  /// One that is not answered until the next is due: the connection is dead.
  private mutating func ping(in clients: inout Clients) {
    guard let token, isOpen else { return }
    if pingSentAt != nil {
      clients.abandon(token)
      ended(
        "connection lost: no pong within \(options.pingMilliseconds ?? 0) ms", .retry(nil),
        .broken, in: &clients)
      return
    }
    if clients.ping([UInt8]().span, on: token) { pingSentAt = MonotonicClock.nanoseconds() }
    schedulePing(in: &clients)
  }

  package mutating func ponged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {
    var time = ""
    if let sentAt = pingSentAt.take() {
      let microseconds = (MonotonicClock.nanoseconds() - sentAt) / 1000
      time = " after \(microseconds / 1000).\(microseconds % 1000 / 100) ms"
    }
    if isTalkative { screen.tell("pong\(Self.quoted(payload))\(time)") }
  }

  package mutating func pinged(
    _ payload: [UInt8], on token: Token, in clients: inout Clients
  ) {
    if isTalkative { screen.tell("ping\(Self.quoted(payload)), answered") }
  }

  private static func quoted(_ payload: [UInt8]) -> String {
    payload.isEmpty ? "" : " \"\(String(decoding: payload, as: UTF8.self))\""
  }
}

// MARK: - What comes from the keyboard

extension ConnectSession {
  /// Takes input as long as there is some and the server takes it. A person may type
  /// ahead.
  private mutating func passOnInput(in clients: inout Clients) {
    sendWaiting(in: &clients)
    while status == nil, !inputHasEnded, waiting.isEmpty || keyboard.isEditing {
      let wishes = keyboard.takeWishes(&screen)
      if wishes.isEmpty { return }
      for wish in wishes { handle(wish, in: &clients) }
      sendWaiting(in: &clients)
    }
  }

  private mutating func handle(_ wish: Keyboard.Wish, in clients: inout Clients) {
    switch wish {
    case .send(let line):
      accept(line)
    case .refuse:
      screen.complain("a line of over \(options.lineBytesMax) bytes was not sent")
      hasRefused = true
    case .interrupt:
      leave(.interrupted, in: &clients)
    case .end:
      inputHasEnded = true
      if options.waitMilliseconds > 0 {
        clients.setTimer(waitTimer, after: options.waitMilliseconds)
      }
    }
  }

  private mutating func accept(_ line: [UInt8]) {
    if options.kind == .text && !isValidUTF8(line.span) {
      screen.complain("a line that is not UTF-8 was not sent; --binary sends it as it is")
      hasRefused = true
    } else {
      waiting.append(line)
    }
  }

  /// Sends as much as the server takes. When the input has ended, and all is sent, that
  /// is the end, unless we are to wait.
  private mutating func sendWaiting(in clients: inout Clients) {
    guard let token, isOpen, leaving == nil else {
      if token == nil && inputHasEnded && waiting.isEmpty { finish(.closed) }
      return
    }
    var sent = 0
    while sent < waiting.count, clients.queuedBytes(on: token) < Self.queuedBytesMax {
      let line = waiting[sent]
      clients.send(options.kind, line.span, on: token)
      sent += 1
    }
    waiting.removeFirst(sent)
    if waiting.isEmpty && inputHasEnded && options.waitMilliseconds == 0 {
      leave(.closed, in: &clients)
    }
  }
}
