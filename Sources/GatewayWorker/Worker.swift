internal import Glibc
internal import HTTPCore
internal import Logs
internal import SystemIO
internal import TLS
internal import WebSocketCore

/// The usual size of what is gathered for one send.
let replyBytes = 64 * 1024

let watchedSignals = [SIGTERM, SIGINT, SIGHUP]

/// The gateway's data path: accepts connections, speaks HTTP and WebSocket on
/// them, and passes messages on. Single-threaded; everything happens between
/// two waits of its event loop.
///
/// What is decided about bytes is decided in HTTPCore and WebSocketCore; this
/// shell performs it.
struct Worker<Loop: EventLoop & ~Copyable>: ~Copyable {
  var options: WorkerOptions
  var loop: Loop
  var connections = SlotTable<Connection>()
  var counters = WorkerCounters()
  let log: Log
  var problems = [RepeatLimiter](repeating: RepeatLimiter(), count: Problem.allCases.count)
  let problemTimer: Token

  /// Replies to one connection, as a rule the one whose input is being handled;
  /// they leave as one.
  var replies = ByteChunk(capacity: replyBytes)
  /// Whom they are for.
  var repliesOwner: Token? = nil
  /// They are sent when they have come to more than this.
  var repliesMax = 0

  /// By listener: whether it speaks TLS.
  private var listenersSpeakTLS: [Bool] = []
  let certificates: CertificateStore?
  private var certificateTimer: Token? = nil
  let tlsEngine = TLSEngine()
  /// What was decrypted of one receive, what was encrypted for one send.
  var plaintext = ByteChunk(capacity: 64)
  var ciphertext = ByteChunk(capacity: 64)

  var addresses: AddressTable
  var forwarding: ForwardedFor
  /// Connections that are being told that there are too many.
  var refusals = 0
  /// What is kept of the input of all connections.
  var keptBytesInAll = 0

  var channels: [ChannelName: Channel] = [:]
  /// Channels with something to send at the end of the iteration.
  var dirtyChannels: [Channel] = []
  var batchedBytes = 0
  /// For a member that receives only parts of a batch.
  var selection = ByteChunk(capacity: replyBytes)

  private var dateSecond: UInt64 = 0
  private var dateText = ""

  /// Set once draining has begun.
  private var drainTimer: Token? = nil
  let reloader: Reloader
  private var isStopped = false

  /// `reload` is called in a thread of its own, at SIGHUP.
  ///
  /// Throws ``SystemError``, or ``TLSConfigurationError`` for its certificates.
  init(
    options: WorkerOptions, log: Log, reload: @escaping LoadOptions, loop: consuming Loop
  ) throws {
    var loop = loop
    var certificates: CertificateStore? = nil
    if let configuration = options.tls {
      certificates = try CertificateStore(configuration, now: loop.now)
    }
    try loop.watch(signals: watchedSignals)
    let reloader = Reloader(load: reload, waker: try loop.makeWaker())
    addresses = AddressTable(limits: options.addressLimits)
    forwarding = options.forwarding
    self.reloader = reloader
    self.certificates = certificates
    self.options = options
    self.log = log
    problemTimer = loop.makeTimer()
    self.loop = loop
    if certificates != nil { watchCertificates() }
  }

  /// `speaksTLS` only with ``WorkerOptions/tls``.
  mutating func listen(
    on listener: consuming Listener, speaksTLS: Bool
  ) throws(SystemError) {
    precondition(!speaksTLS || certificates != nil)
    _ = try loop.listen(on: listener)
    listenersSpeakTLS.append(speaksTLS)
  }

  /// Serves until a signal has ended it: the first SIGTERM or SIGINT closes every
  /// connection in order, the next one, or the drain deadline, at once.
  mutating func run() {
    while !isStopped {
      loop.wait()
      while let completion = loop.next() { handle(completion) }
      flushChannels()
      enforceMemoryBudget()
      if drainTimer != nil && connections.count == 0 { isStopped = true }
      if isStopped { tellLastRepetitions() }
      log.flush()
    }
  }

  private mutating func handle(_ completion: Completion) {
    switch completion {
    case .received(let token, let bytes):
      var bytes = bytes
      var span = bytes.span
      connections[Int(token.slot)].lastReceived = loop.now
      receive(&span, on: token)
      countKeptBytes(of: token)
      enforceMemoryBudget()
    case .accepted(let token, let listener, let peer):
      accept(
        token, from: peer.map { IPAddress(ipv6: $0) }, speaksTLS: listenersSpeakTLS[listener])
    case .endOfStream(let token):
      endOfStream(token)
    case .sent(let token):
      resume(token)
      countKeptBytes(of: token)
    case .closed(let token, let error):
      connections[Int(token.slot)].end.begins(by: .lost)
      connections[Int(token.slot)].end.explain(nil, error.reason)
      forget(token)
    case .fired(let token):
      switch token {
      case drainTimer: closeAllNow()
      case certificateTimer: checkCertificates()
      case problemTimer: tellRepetitions()
      default: deadlinePassed(token)
      }
    case .signalled(SIGHUP):
      reloader.begin()
    case .signalled:
      if drainTimer == nil { beginDrain() } else { closeAllNow() }
    case .acceptFailed(let error, _):
      counters[.acceptFailure] += 1
      tell(.acceptFailed, detail: error.reason)
    case .woken:
      if let result = reloader.next() { finishReload(result) }
    case .connected:
      break
    }
  }

  /// The value of a Date field now.
  mutating func currentDate() -> String {
    let second = WallClock.unixSeconds()
    if second != dateSecond {
      dateSecond = second
      dateText = HTTPDate.format(unixSeconds: second)
    }
    return dateText
  }
}

// MARK: - Draining

extension Worker where Loop: ~Copyable {
  var isDraining: Bool { drainTimer != nil }

  private mutating func beginDrain() {
    let timer = loop.makeTimer()
    loop.setTimer(on: timer, after: options.drainMilliseconds)
    drainTimer = timer
    log.write(.notice, "draining") { $0.add("connections", connections.count) }
    // Whoever is queued is accepted first, and then told like everyone else.
    loop.stopListening()
    flushChannels()
    for slot in connections.slots() {
      let token = connections[slot].token
      if let http = connections[slot].http {
        if http.isBetweenRequests {
          connections[slot].end.begins(by: .server)
          finish(token, lingers: false)
        }
      } else {
        close(token, .goingAway, reason: "server is shutting down")
      }
    }
  }

  private mutating func closeAllNow() {
    log.write(.notice, "closing all connections now") {
      $0.add("connections", connections.count)
    }
    for slot in connections.slots() {
      let token = connections[slot].token
      count(.forced, on: token)
      disconnect(token)
    }
    isStopped = true
  }
}

// MARK: - Certificates

extension Worker where Loop: ~Copyable {
  private mutating func watchCertificates() {
    let timer = loop.makeTimer()
    loop.setTimer(on: timer, after: CertificateStore.checkMilliseconds)
    certificateTimer = timer
    reportCertificateWarnings()
  }

  private mutating func checkCertificates() {
    if let certificateTimer {
      loop.setTimer(on: certificateTimer, after: CertificateStore.checkMilliseconds)
    }
    certificates?.rotateTicketKeys(now: loop.now)
    switch certificates?.reloadIfChanged() {
    case nil, .unchanged:
      break
    case .reloaded:
      reportNewCertificates()
    case .refused(let error):
      log.write(.error, "certificates not reloaded, the old ones stay") {
        $0.add("error", "\(error)")
      }
    }
  }

  func reportNewCertificates() {
    log.write(.info, "certificates reloaded")
    reportCertificateWarnings()
  }

  private func reportCertificateWarnings() {
    let now = Int64(clamping: WallClock.unixSeconds())
    for warning in certificates?.context.warnings(atUnixSeconds: now) ?? [] {
      log.write(.warning, "clients may refuse a certificate") { $0.add("detail", "\(warning)") }
    }
  }
}
