internal import FleetCore
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

  let start: WorkerStart
  var control: WorkerControl { start.control }
  /// Whose listeners were inherited.
  let slot: SlotID
  var controlToken: Token? = nil
  var heartbeatTimer: Token? = nil
  var orphanTimer: Token? = nil
  /// Where the gateway listens, by the index of the address.
  let endpoints: [Endpoint]
  /// What was inherited, until it is told to accept.
  var inherited: [InheritedListener]
  /// Those that all workers share, once it was told.
  var shared: [InheritedListener] = []
  /// The listeners that are attended to, by their index in the loop.
  var attended: [Int: AttendedListener] = [:]

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

  /// While draining.
  var drain: DrainSchedule? = nil
  let drainTimer: Token
  var drainClosed: UInt64 = 0
  var drainForced: UInt64 = 0
  var drainDiscardedBytes: UInt64 = 0
  var isStopped = false
  let reloader: Reloader

  /// Throws ``SystemError``, or ``TLSConfigurationError`` for its certificates.
  init(_ start: WorkerStart, log: Log, loop: consuming Loop) throws {
    let options = start.options
    var loop = loop
    var certificates: CertificateStore? = nil
    if let configuration = options.tls {
      certificates = try CertificateStore(configuration, ticketKeys: start.ticketKeys)
    }
    try loop.watch(signals: [SIGTERM])
    let reloader = Reloader(load: start.reload.load, waker: try loop.makeWaker())
    addresses = AddressTable(limits: options.addressLimits)
    forwarding = options.forwarding
    self.reloader = reloader
    self.certificates = certificates
    self.options = options
    self.log = log
    problemTimer = loop.makeTimer()
    drainTimer = loop.makeTimer()
    self.start = start
    endpoints = start.endpoints
    inherited = start.listeners
    slot = start.slot
    self.loop = loop
    if certificates != nil { watchCertificates() }
  }

  /// Serves until its coordinator has ended it, or SIGTERM: the first closes every
  /// connection in order, the next one at once.
  mutating func run() throws(SystemError) {
    try reportReady()
    while !isStopped {
      if let next = drain?.millisecondsUntilNext(at: loop.now) {
        // Punctually: the timers of the loop are for deadlines.
        loop.wait(atMost: next * 1_000_000)
      } else {
        loop.wait()
      }
      while let completion = loop.next() { handle(completion) }
      flushChannels()
      enforceMemoryBudget()
      if drain != nil { goOnDraining() }
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
        token, from: peer.map { IPAddress(ipv6: $0) },
        speaksTLS: attended[listener]?.speaksTLS ?? false)
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
      case heartbeatTimer: beat()
      case orphanTimer: drainAsOrphan()
      case certificateTimer: checkCertificates()
      case problemTimer: tellRepetitions()
      default: deadlinePassed(token)
      }
    case .readable:
      receiveControl()
    case .stoppedListening(let listener):
      stoppedListening(listener)
    case .signalled:
      if drain == nil { beginDrain(options.drain) } else { closeAllNow() }
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
