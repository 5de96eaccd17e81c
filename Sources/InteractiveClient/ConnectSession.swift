internal import Glibc
internal import HTTPCore
package import SystemIO
package import WebSocketClient
internal import WebSocketCore

/// `sluice connect`: lines go out as messages, messages come in as lines, until one side
/// has had enough.
package struct ConnectSession: ~Copyable {
  let url: WebSocketURL
  let target: ClientTarget
  let options: ConnectOptions
  var screen: Screen
  var keyboard: Keyboard

  var link = Link.none
  /// The server's addresses that this attempt has not tried yet.
  private var addressesLeft: [SocketAddress] = []
  private let waker: Waker
  private var backoff = Backoff()
  /// In nanoseconds.
  private var openedAt: UInt64?
  let reconnectTimer: Token
  /// What the last connection came to.
  var lastResult = ConnectStatus.closed

  let pingTimer: Token
  /// When the ping was sent that is not answered, in nanoseconds, and what had been
  /// received until then.
  var pingUnderWay: (sentAt: UInt64, receives: UInt64)?

  /// Taken from the keyboard, and not sent yet.
  var waiting: [[UInt8]] = []
  var inputHasEnded = false
  /// Some of the input was not sent.
  var hasRefused = false
  /// Nothing is received until the reader of standard output has caught up.
  var isHeld = false

  /// For how long the connection is kept without input, and for how long one that we are
  /// told to leave.
  let patienceTimer: Token
  var isPatient = false
  var hasBeenOpen = false

  /// We are closing the connection, and shall end with this status.
  var leaving: ConnectStatus?
  var status: ConnectStatus?
  /// The rest of the output is not waited for.
  var dropsOutput = false

  enum Link {
    case none
    case lookingUp(HostLookup)
    case opening(Token)
    case open(Token)
    /// Until the next attempt.
    case pausing
  }

  /// What may be queued for a server that reads slowly; more input waits. The same goes for
  /// standard output, and what is received.
  static let queuedBytesMax = 1 << 20
  /// After so long, a connection was a good one.
  private static let goodNanoseconds: UInt64 = 10_000_000_000
  /// How long leaving on a signal may take.
  static let leavingMilliseconds: UInt64 = 5_000

  /// Runs until it is over, and gives the terminal back.
  package static func run(
    _ url: WebSocketURL, _ target: ClientTarget, _ options: ConnectOptions,
    clientOptions: ClientOptions
  ) throws -> ConnectStatus {
    var clients = try Clients(clientOptions)
    // Before any thread is there, which inherits what is blocked.
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
    session.finishOutput(in: &clients)
    let status = session.status ?? .closed
    return status == .closed && session.hasRefused ? .failed : status
  }

  private init(
    _ url: WebSocketURL, _ target: ClientTarget, _ options: ConnectOptions,
    _ clients: inout Clients
  ) throws {
    let delimiter = options.isNullDelimited ? UInt8(0) : UInt8(ascii: "\n")
    let waker = try clients.makeWaker()
    let screen = try Screen(delimiter: delimiter, waker: waker)
    let keyboard = try Keyboard(
      waker: waker, delimiter: delimiter, lineBytesMax: options.lineBytesMax)
    self.url = url
    self.target = target
    self.options = options
    self.waker = waker
    reconnectTimer = clients.makeTimer()
    patienceTimer = clients.makeTimer()
    pingTimer = clients.makeTimer()
    self.screen = screen
    self.keyboard = keyboard
  }

  /// Whether a person looks on, or wants to know.
  var isTalkative: Bool { screen.isTerminal || options.isVerbose }

  /// The connection, while it is open.
  var openToken: Token? { if case .open(let token) = link { token } else { nil } }
}

// MARK: - Connecting

extension ConnectSession {
  mutating func connect(in clients: inout Clients) {
    switch url.endpoint {
    case .unixSocket(let path):
      addressesLeft = [.unix(path: path)]
      connectToNextAddress(in: &clients)
    case .host(let name, let port):
      link = .lookingUp(HostLookup(name, port: port, waker: waker))
    }
  }

  mutating func goOnWithLookup(in clients: inout Clients) {
    guard case .lookingUp(let lookup) = link, let result = lookup.take() else { return }
    switch result {
    case .success(let addresses):
      addressesLeft = addresses
      connectToNextAddress(in: &clients)
    case .failure(let error):
      ended("\(error)", remedy: nil, .retry(nil), .failed, in: &clients)
    }
  }

  private mutating func connectToNextAddress(in clients: inout Clients) {
    link = .opening(clients.open(target, at: addressesLeft.removeFirst()))
  }

  package mutating func opened(
    _ token: Token, _ opening: ClientOpening, in clients: inout Clients
  ) {
    link = .open(token)
    hasBeenOpen = true
    openedAt = MonotonicClock.nanoseconds()
    if isTalkative {
      let subprotocol = opening.upgrade.subprotocol.map { ", subprotocol \($0)" } ?? ""
      let tls = opening.tls.map { ", \($0)" } ?? ""
      screen.tell("connected to \(url)\(subprotocol)\(tls)")
    }
    if options.isVerbose {
      for (name, value) in opening.head.headers { screen.tell("  \(name): \(value)") }
    }
    if keyboard.isEditing { screen.setPrompt(keyboard.drawing()) }
    schedulePing(in: &clients)
  }

  package mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
    if case .notConnected = end, !addressesLeft.isEmpty {
      connectToNextAddress(in: &clients)
      return
    }
    ended(
      "\(end)", remedy: remedy(for: end), ReconnectPolicy.decide(after: end), ConnectStatus(end),
      in: &clients)
  }

  /// A connection, or the attempt at one, is over.
  mutating func ended(
    _ text: String, remedy: String?, _ decision: ReconnectPolicy.Decision,
    _ result: ConnectStatus, in clients: inout Clients
  ) {
    link = .none
    isHeld = false
    lastResult = result
    // A server that closes again at once is as good as one that is down.
    if let openedAt = openedAt.take(),
      MonotonicClock.nanoseconds() - openedAt >= Self.goodNanoseconds
    {
      backoff.reset()
    }
    pingUnderWay = nil
    clients.cancelTimer(pingTimer)
    if let leaving {
      if leaving == .closed && result != .closed { screen.complain("\(url): \(text)") }
      finish(leaving == .closed ? result : leaving)
      return
    }
    // Without more input there is nothing to connect again for, unless some is left, or we
    // are to stay.
    let isWanted = !inputHasEnded || !waiting.isEmpty || options.waitMilliseconds > 0
    guard options.reconnects, isWanted, case .retry(let hint) = decision else {
      if result != .closed {
        screen.complain("\(url): \(text)" + (remedy.map { "; \($0)" } ?? ""))
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
    link = .pausing
    clients.setTimer(reconnectTimer, after: milliseconds)
  }
}

// MARK: - The end

extension ConnectSession {
  /// Closes in order, and ends with this status; `closed` stands for however the close
  /// goes. Without a connection, or asked for twice, at once.
  mutating func leave(_ wanted: ConnectStatus, in clients: inout Clients) {
    guard let token = openToken, leaving == nil else {
      finish(wanted)
      return
    }
    leaving = wanted
    clients.close(token, .normalClosure)
    if wanted == .closed { return }
    // Nobody waits for a reader of the output who has stopped.
    if isHeld {
      finish(wanted)
    } else {
      clients.setTimer(patienceTimer, after: Self.leavingMilliseconds)
    }
  }

  mutating func finish(_ result: ConnectStatus) {
    if status != nil { return }
    if !inputHasEnded && !keyboard.isEditing {
      // What has come meanwhile would have been sent too.
      for wish in keyboard.takeWishes(&screen) {
        if case .send(let line) = wish { waiting.append(line) }
      }
    }
    if !waiting.isEmpty {
      screen.complain("not sent: \(waiting.count) \(waiting.count == 1 ? "line" : "lines")")
      hasRefused = true
    }
    status = result
    dropsOutput = result.isSignal && isHeld
  }

  /// Waits until all output is written, or somebody has had enough.
  private mutating func finishOutput(in clients: inout Clients) {
    if case .open(let token) = link { clients.abandon(token) }
    if let status, status.isSignal { clients.setTimer(patienceTimer, after: 1000) }
    while screen.queuedBytes > 0 && screen.outputEnd == nil && !dropsOutput {
      clients.wait()
      clients.handleCompletions(&self)
    }
    if case .failed(let error) = screen.outputEnd, status == .closed {
      screen.complain("standard output: \(error.reason)")
      status = .failed
    }
  }

  package mutating func signalled(_ number: Int32, in clients: inout Clients) {
    let wanted: ConnectStatus
    switch number {
    case SIGINT: wanted = .interrupted
    case SIGTERM: wanted = .terminated
    case SIGHUP: wanted = .hungUp
    default:
      if keyboard.isEditing { screen.setPrompt(keyboard.drawing()) }
      return
    }
    if status != nil {
      // Only output is left.
      status = wanted
      dropsOutput = true
    } else {
      leave(wanted, in: &clients)
    }
  }

  package mutating func fired(_ timer: Token, in clients: inout Clients) {
    switch timer {
    case reconnectTimer:
      connect(in: &clients)
    case pingTimer:
      ping(in: &clients)
    default:
      if status != nil {
        dropsOutput = true
      } else if let leaving {
        finish(leaving)
      } else if case .open = link {
        leave(.closed, in: &clients)
      } else {
        finish(lastResult)
      }
    }
  }
}
