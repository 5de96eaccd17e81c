internal import SystemIO
internal import Synchronization
internal import WebSocketClient
internal import WebSocketCore

/// What a thread keeps for one of its connections.
struct LoadConnection {
  /// Its number in the whole run: what marks its messages as its own.
  let stream: Int
  /// Its number among those of the thread.
  let index: Int
  let token: Token
  /// When it was asked for, or should have been.
  let begun: UInt64
  /// Messages sent, received as they should be, and received otherwise.
  var sent: UInt64 = 0
  var received: UInt64 = 0
  var spoilt: UInt64 = 0
  var order = MessageOrder()

  /// Of so many that were sent to it, those that have not come. A server can send more than
  /// it has got.
  func missing(of sent: UInt64) -> UInt64 { sent - min(sent, received + spoilt) }

  /// Messages sent that have not come back.
  var underWay: UInt64 { missing(of: sent) }
}

/// One thread of a load run: a share of the connections, on an event loop of its own.
struct LoadThread: ~Copyable, ClientHandler {
  let index: Int
  let plan: LoadPlan
  let control: LoadControl
  let target: ClientTarget
  var progress: LoadProgress { control.progress[index] }

  var phase = LoadPhase.opening
  /// Nanoseconds of the monotonic clock, read once for what has come together.
  var now = MonotonicClock.nanoseconds()
  private var receivesSeen: UInt64 = 0

  var table = SlotTable<LoadConnection>()
  /// By their numbers in this thread; nil while they are not open.
  var tokens: [Token?]
  /// In a broadcast, and in its first thread.
  var publisher: Token?
  private var opening = 0
  private var asked = 0
  private var opened = 0
  private var failed = 0
  /// How many connections a connect load has asked for.
  var connectsBegun = 0

  /// Open loop: which messages are due.
  var pacer: Pacer?
  /// And whose queue has to be taken first.
  var blockedOn: Token?
  /// Closed loop: when each message under way was sent, `plan.inFlight` per connection.
  var sentAt: [UInt64]
  /// Of the subscribers of a broadcast: what they still have to receive of the batch.
  var deliveriesLeft: UInt64 = 0

  var latency = Histogram()
  /// Since the start; and when measuring began, and ended.
  var messages: UInt64 = 0
  private var messagesBefore: UInt64 = 0
  private var messagesMeasured: UInt64 = 0
  private var publicationsBefore: UInt64 = 0
  private var publicationsMeasured: UInt64 = 0
  private var cpuBefore: UInt64 = 0
  private var cpuMeasured: UInt64 = 0
  var errors = MessageErrors()
  private var failures = TextCounts()
  private var losses = TextCounts()
  var measuredUntil: UInt64 = .max
  private var closingUntil: UInt64 = .max

  /// How many handshakes of a thread are under way at a time: no more than a listener
  /// queues without losing some.
  private static let openingMax = 64
  /// The longest sleep. What the other threads tell wakes this one earlier.
  private static let sleepNanoseconds: UInt64 = 100_000_000

  init(_ index: Int, _ plan: LoadPlan, _ control: LoadControl, _ target: ClientTarget) {
    self.index = index
    self.plan = plan
    self.control = control
    self.target = target
    let count = plan.connections(ofThread: index).count
    tokens = Array(repeating: nil, count: count)
    let remembersTimes = plan.scenario == .echo && plan.rate == nil
    sentAt = Array(repeating: 0, count: remembersTimes ? count * plan.inFlight : 0)
  }

  /// Runs from the opening of the connections to their end.
  mutating func run(on clients: inout Clients) {
    while phase < .closing || clients.count > 0 {
      now = MonotonicClock.nanoseconds()
      follow(in: &clients)
      openConnections(in: &clients)
      sendDue(in: &clients)
      publishProgress()
      clients.wait(atMost: sleep())
      clients.handleCompletions(&self)
      if phase == .closing && now > closingUntil { return }
    }
  }

  private func sleep() -> UInt64 {
    guard let pacer, phase == .warmUp || phase == .measuring else { return Self.sleepNanoseconds }
    return min(Self.sleepNanoseconds, pacer.nanosecondsUntilNext(at: MonotonicClock.nanoseconds()))
  }

  private func publishProgress() {
    progress.opened.store(opened, ordering: .relaxed)
    progress.failed.store(failed, ordering: .relaxed)
    progress.messages.store(messages, ordering: .relaxed)
    if phase == .draining {
      let published = control.published.load(ordering: .acquiring)
      progress.settledOf.store(isSettled ? published : .max, ordering: .releasing)
    }
  }

  consuming func tally() -> LoadTally {
    countLost()
    return LoadTally(
      latency: latency, messages: messagesMeasured, errors: errors, failures: failures,
      losses: losses, opened: opened, publications: publicationsMeasured,
      threadCPUNanoseconds: [cpuMeasured])
  }
}

// MARK: - Phases

extension LoadThread {
  /// Goes where the run has gone.
  private mutating func follow(in clients: inout Clients) {
    let current = control.phase
    while phase < current {
      switch phase {
      case .opening:
        phase = .warmUp
        start(in: &clients)
      case .warmUp:
        phase = .measuring
        measuredUntil = control.measuredUntil.load(ordering: .acquiring)
        messagesBefore = messages
        publicationsBefore = published
        cpuBefore = CPUClock.currentThread()
      case .measuring:
        phase = .draining
        messagesMeasured = messages - messagesBefore
        publicationsMeasured = published - publicationsBefore
        cpuMeasured = CPUClock.currentThread() - cpuBefore
      case .draining:
        phase = .closing
        closingUntil = now + plan.patienceNanoseconds
        for slot in table.slots() { clients.close(table[slot].token, .normalClosure) }
      case .closing:
        return
      }
    }
  }

  private mutating func start(in clients: inout Clients) {
    if let rate = plan.rate {
      let share = plan.scenario == .broadcast ? (0, 1) : (index, plan.threads)
      pacer = Pacer(
        rate: rate, start: control.pacedFrom.load(ordering: .relaxed), burstMax: 1000, share: share)
    }
    switch plan.scenario {
    case .echo: startEcho(in: &clients)
    case .broadcast: startBroadcast(in: &clients)
    case .connect, .idle: break
    }
  }

  private mutating func sendDue(in clients: inout Clients) {
    guard phase == .warmUp || phase == .measuring else { return }
    switch plan.scenario {
    case .echo: sendDueEchoes(in: &clients)
    case .broadcast: publishDue(in: &clients)
    case .connect: connectDue(in: &clients)
    case .idle: break
    }
  }

  /// Nothing is under way any more.
  private var isSettled: Bool {
    switch plan.scenario {
    case .echo: echoesUnderWay == 0
    case .broadcast: deliveriesUnderWay == 0
    case .connect: table.count == 0
    case .idle: true
    }
  }

  private mutating func countLost() {
    switch plan.scenario {
    case .echo: errors.lost += echoesUnderWay
    case .broadcast: errors.lost += deliveriesUnderWay
    case .connect, .idle: break
    }
  }
}

// MARK: - Connections

extension LoadThread {
  private mutating func openConnections(in clients: inout Clients) {
    guard phase == .opening, plan.scenario != .connect else { return }
    if index == 0 && plan.scenario == .broadcast && publisher == nil && asked == 0 {
      publisher = open(stream: plan.connections, index: -1, begun: now, in: &clients)
    }
    let first = plan.connections(ofThread: index).lowerBound
    let allowed = control.connectionsAllowed.load(ordering: .acquiring)
    while asked < tokens.count && opening < Self.openingMax {
      let stream = first + asked
      if stream >= allowed { break }
      _ = open(stream: stream, index: asked, begun: now, in: &clients)
      asked += 1
    }
  }

  /// `begun`: when it should have been opened.
  mutating func open(
    stream: Int, index: Int, begun: UInt64, in clients: inout Clients
  ) -> Token {
    let token =
      if plan.localAddresses.isEmpty {
        clients.open(target, at: plan.address)
      } else {
        clients.open(
          target, at: plan.address, from: plan.localAddresses[stream % plan.localAddresses.count])
      }
    table.insert(
      LoadConnection(stream: stream, index: index, token: token, begun: begun),
      at: Int(token.slot))
    opening += 1
    return token
  }

  mutating func opened(_ token: Token, _ opening: ClientOpening, in clients: inout Clients) {
    self.opening -= 1
    opened += 1
    refreshTime(clients)
    let slot = Int(token.slot)
    let place = table[slot].index
    if place >= 0 && plan.scenario != .connect {
      tokens[place] = token
      control.subscribers.add(1, ordering: .relaxed)
    }
    if plan.scenario == .connect { connected(token, in: &clients) }
  }

  mutating func ended(_ token: Token, _ end: ClientEnd, in clients: inout Clients) {
    let slot = Int(token.slot)
    let connection = table[slot]
    table.remove(slot)
    refreshTime(clients)
    if !end.wasOpen {
      opening -= 1
      failed += 1
      failures.add("\(end)")
    } else if plan.scenario != .connect && phase < .closing || !end.isClosingHandshake {
      losses.add("\(end)")
    }
    if connection.index >= 0 && plan.scenario != .connect && tokens[connection.index] != nil {
      tokens[connection.index] = nil
      control.subscribers.subtract(1, ordering: .relaxed)
    }
    if publisher == token { publisher = nil }
    if blockedOn == token { blockedOn = nil }
    switch plan.scenario {
    case .echo: errors.lost += connection.underWay
    case .broadcast: subscriberLost(connection, in: &clients)
    case .connect: disconnected(connection, wasOpen: end.wasOpen, in: &clients)
    case .idle: break
    }
    // The next one takes its turn.
    openConnections(in: &clients)
  }

  /// One reading of the clock for all that has come in the same piece.
  mutating func refreshTime(_ clients: borrowing Clients) {
    if clients.receives == receivesSeen { return }
    receivesSeen = clients.receives
    now = MonotonicClock.nanoseconds()
  }

  mutating func received(
    _ kind: MessageKind, _ payload: Span<UInt8>, on token: Token, in clients: inout Clients
  ) {
    refreshTime(clients)
    switch plan.scenario {
    case .echo: echoed(kind, payload, on: token, in: &clients)
    case .broadcast: delivered(kind, payload, on: token, in: &clients)
    case .connect, .idle: break
    }
  }

  mutating func woken(in clients: inout Clients) {
    now = MonotonicClock.nanoseconds()
    if plan.scenario == .broadcast { publishNextIfAllReceived(in: &clients) }
  }

}

extension ClientEnd {
  /// Whether the connection had been open.
  var wasOpen: Bool {
    switch self {
    case .notConnected, .tls, .notOpened, .endedEarly, .openingTimedOut: false
    case .closed, .closingTimedOut, .lost, .tlsBroken, .failed: true
    }
  }

  var isClosingHandshake: Bool {
    if case .closed = self { true } else { false }
  }
}
