internal import AdminHTTP
package import FleetCore
internal import Glibc
package import SystemIO

/// The shell around ``Fleet``: owns the listeners, starts and reaps the workers, passes
/// on what they say, and answers the admin socket. On one thread, and never on the data
/// path. What is decided is decided in FleetCore.
package struct Coordinator: ~Copyable {
  let options: CoordinatorOptions
  var loop: EpollLoop
  var fleet: Fleet
  var listeners: SlotListeners
  var workers: [WorkerID: WorkerProcess] = [:]
  /// Control sockets that are watched.
  private var watches: [Token: WorkerID] = [:]
  private var tokens: [WorkerID: Token] = [:]
  private var generator = SystemRandomNumberGenerator()

  var configuration: WorkerConfiguration
  private let reader: ConfigurationReader
  let say: (FleetNews) -> Void
  private let environment: [String: String]
  var ticketKeys: [[UInt8]]
  private var ticketKeysSince: UInt64

  var admin = AdminServer()
  /// By their index in the loop: those that take commands.
  var commandListener: Int?
  let startedMilliseconds: UInt64
  /// How operations have ended that somebody may ask for, the latest last.
  var outcomes: [(id: OperationID, kind: OperationKind, outcome: OperationOutcome)] = []
  var reloadProgress: ReloadProgress?
  /// What workers were asked on somebody's behalf.
  var inquiries: [UInt64: Inquiry] = [:]
  var inquiryNumber: UInt64 = 0
  var restarts: [SlotID: UInt64] = [:]
  /// Slots that have had a worker that was ready.
  private var served: Set<SlotID> = []

  private var hasAnnounced = false
  private var exitStatus: Int32?
  private let tickTimer: Token
  private var buffer = [UInt8](repeating: 0, count: ControlSocket.packetBytesMax)

  /// Opens the listeners and the admin socket. `reload` reads the configuration again, `say`
  /// hears what happens.
  package init(
    _ options: CoordinatorOptions, configuration: WorkerConfiguration,
    environment: [String: String], reload: @escaping @Sendable () -> Reloaded,
    say: @escaping (FleetNews) -> Void
  ) throws {
    var loop = try EpollLoop()
    try loop.watch(signals: [SIGTERM, SIGINT, SIGHUP, SIGCHLD])
    let reader = ConfigurationReader(read: reload, waker: try loop.makeWaker())
    // First: it tells whether the gateway with this socket lives (then we don't), was killed
    // (then we succeed it), or ended in order.
    let adminListener = try Listener(on: .unix(path: options.adminSocket), unixMode: 0o600)
    var listeners = try SlotListeners(
      options.addresses, takesOver: adminListener.replacedStalePath)
    for index in 0..<options.workers { try listeners.open(SlotID(index)) }
    let commandListener = try loop.listen(on: adminListener)
    if let address = options.adminAddress {
      try Listener.requireUnused(address)
      _ = try loop.listen(on: Listener(on: address))
    }
    startedMilliseconds = loop.now
    tickTimer = loop.makeTimer()
    ticketKeysSince = loop.now
    ticketKeys = [TicketKeyBytes.random()]
    fleet = Fleet(policy: options.policy, slotCount: options.workers)
    self.listeners = listeners
    self.commandListener = commandListener
    self.options = options
    self.configuration = configuration
    self.environment = environment
    self.reader = reader
    self.say = say
    self.loop = loop
  }

  /// Runs until the gateway has ended. Returns its exit status.
  package mutating func run() -> Int32 {
    perform(fleet.start(at: loop.now, using: &generator))
    scheduleTick()
    while exitStatus == nil {
      loop.wait()
      while let completion = loop.next() { handle(completion) }
    }
    // While they are still blocked: one that comes late must not change how this ends.
    LateSignals.ignore([SIGTERM, SIGINT, SIGHUP])
    return exitStatus ?? 1
  }

  private mutating func scheduleTick() {
    loop.setTimer(on: tickTimer, after: options.policy.tickMilliseconds)
  }

  private mutating func handle(_ completion: Completion) {
    switch completion {
    case .readable(let token):
      if let worker = watches[token] { receive(from: worker) }
    case .fired(tickTimer):
      // What workers have sent comes first: none is blamed for a heartbeat that is here.
      for worker in Array(workers.keys) { receive(from: worker) }
      feed(.tick)
      endOldInquiries()
      rotateTicketKeys()
      scheduleTick()
    case .signalled(SIGCHLD):
      reap()
    case .signalled(SIGHUP):
      beginReload()
    case .woken:
      if let reloaded = reader.next() { follow(reloaded) }
    case .signalled(SIGINT):
      feed(.interruptRequested)
    case .signalled:
      feed(.terminationRequested)
    case .accepted(let token, let listener, _):
      admin.accept(token, listener: listener, in: &loop)
    default:
      if let (token, request) = admin.handle(completion, in: &loop) {
        if let response = answer(request, token) {
          admin.respond(to: token, response, in: &loop)
        }
      }
    }
  }
}

// MARK: - The fleet's actions

extension Coordinator {
  mutating func feed(_ event: FleetEvent) {
    perform(fleet.handle(event, at: loop.now, using: &generator))
  }

  mutating func request(_ command: FleetCommand) -> FleetAnswer {
    let (answer, actions) = fleet.request(command, at: loop.now, using: &generator)
    perform(actions)
    return answer
  }

  /// In order; what an action causes comes after all of them.
  private mutating func perform(_ actions: [FleetAction]) {
    var queue = actions
    var next = 0
    while next < queue.count && exitStatus == nil {
      let action = queue[next]
      next += 1
      if let event = perform(action) {
        queue += fleet.handle(event, at: loop.now, using: &generator)
      }
    }
  }

  private mutating func perform(_ action: FleetAction) -> FleetEvent? {
    switch action {
    case .openSlot(let slot):
      do throws(ListenerError) {
        try listeners.open(slot)
        return .slotOpened(slot)
      } catch {
        return .slotOpenFailed(slot, reason: "\(error)")
      }
    case .closeSlot(let slot):
      listeners.close(slot)
    case .spawn(let worker):
      return spawn(worker)
    case .kill(let worker, _):
      workers[worker]?.kill()
    case .send(let worker, let message):
      var descriptors: [Int32] = []
      if case .adopt(let slot) = message { descriptors = listeners.descriptors(of: slot) }
      _ = workers[worker]?.send(message, descriptors: descriptors)
    case .steer(let steering):
      listeners.steer(steering)
    case .report(let report):
      note(report)
    case .startCheck, .abandonCheck:
      return .checked(.failed("this version can't replace itself yet"))
    case .execute:
      return .executeFailed(reason: "this version can't replace itself yet")
    case .exit(let status):
      exitStatus = status
    }
    return nil
  }

  private mutating func spawn(_ id: WorkerID) -> FleetEvent {
    do throws(SystemError) {
      let worker = try WorkerProcess.spawn(
        id, listeners: listeners.inherited(by: id.slot), environment: environment, now: loop.now)
      let token = try loop.watch(readable: worker.controlDescriptor)
      workers[id] = worker
      watches[token] = id
      tokens[id] = token
      _ = worker.send(
        .configure(body: configuration.toml, ticketKeys: ticketKeys), descriptors: [])
      return .spawned(id, pid: worker.process.id)
    } catch {
      return .spawnFailed(id, reason: "\(error)")
    }
  }

  private mutating func note(_ report: FleetReport) {
    switch report {
    case .workerReady(let worker, _):
      if !served.insert(worker.slot).inserted { restarts[worker.slot, default: 0] += 1 }
      announce()
    case .operationEnded(let id, let kind, let outcome):
      outcomes.append((id, kind, outcome))
      if outcomes.count > 16 { outcomes.removeFirst() }
    default:
      break
    }
    say(.fleet(report))
  }

  /// Once the first worker accepts.
  private mutating func announce() {
    if hasAnnounced { return }
    hasAnnounced = true
    say(.listening(listeners.bound))
  }
}

// MARK: - What comes from the workers

extension Coordinator {
  private mutating func receive(from id: WorkerID) {
    guard let worker = workers[id] else { return }
    // Bounded: a worker that never stops talking gets its next turn with the next event.
    for _ in 0..<64 {
      guard let message = worker.receive(&buffer) else { return }
      switch message {
      case .success(let message): heard(message, from: worker)
      case .failure(let error): say(.misunderstood(id, "\(error)"))
      }
    }
  }

  private mutating func heard(_ message: WorkerMessage, from worker: WorkerProcess) {
    switch message {
    case .heartbeat(let figures), .drained(let figures):
      worker.figures = figures
    case .reloaded(let problem):
      reloadAnswered(worker.id, problem)
    case .connections(let request, let body, let next):
      heardConnections(request, body, next: next, from: worker.id)
    case .disconnected(let request, let count):
      heardDisconnected(request, count, from: worker.id)
    default:
      break
    }
    feed(.message(worker.id, message))
  }

  private mutating func reap() {
    for ended in ChildProcess.reap() {
      guard let worker = workers.values.first(where: { $0.process.id == ended.id }) else {
        continue  // an orphan that pid 1 inherits
      }
      // Its last words may not have been read.
      receive(from: worker.id)
      forget(worker.id)
      feed(.exited(worker.id, ExitCause(ended.end)))
    }
  }

  private mutating func forget(_ id: WorkerID) {
    if let token = tokens.removeValue(forKey: id) {
      watches[token] = nil
      loop.close(token, discardingOutput: true)
    }
    workers[id] = nil
    // One that is gone has nothing to follow; its successor gets what is in force.
    reloadAnswered(id, nil)
    forgetInquiries(of: id)
  }

  /// Six hours each; the one before still opens tickets.
  private mutating func rotateTicketKeys() {
    guard loop.now - ticketKeysSince >= TicketKeyBytes.lifeMilliseconds else { return }
    ticketKeysSince = loop.now
    ticketKeys = [TicketKeyBytes.random(), ticketKeys[0]]
    for worker in workers.values { _ = worker.send(.ticketKeys(ticketKeys), descriptors: []) }
  }
}

// MARK: - Reload

/// A reload whose answers are awaited.
struct ReloadProgress {
  let id: UInt64
  var isReading: Bool
  var changed: [String] = []
  var waiting: [String] = []
  /// Workers that have not answered.
  var unanswered: Set<WorkerID> = []
  var problems: [String] = []
  var isAskedAgain = false
  var isTold = false

  var isRunning: Bool { isReading || !unanswered.isEmpty }
}

extension Coordinator {
  /// Reads the configuration again, and lets the workers follow. One reload at a time: asked for
  /// during one, another follows, because what was read may be the state before.
  mutating func beginReload() {
    if let progress = reloadProgress, progress.isRunning {
      reloadProgress?.isAskedAgain = true
      return
    }
    reloadProgress = ReloadProgress(id: (reloadProgress?.id ?? 0) + 1, isReading: true)
    reader.begin()
  }

  /// Gives what was read to the workers that run, and to those that come.
  private mutating func follow(_ reloaded: Reloaded) {
    reloadProgress?.isReading = false
    switch reloaded {
    case .refused(let problems):
      reloadProgress?.problems = problems
      endReloadIfAnswered()
    case .configuration(let next, let changed, let waiting):
      configuration = next
      reloadProgress?.changed = changed
      reloadProgress?.waiting = waiting
      reloadProgress?.unanswered = Set(workers.keys)
      for worker in workers.values where !worker.send(.reload(body: next.toml), descriptors: []) {
        reloadAnswered(worker.id, "it doesn't read its messages")
      }
      endReloadIfAnswered()
    }
  }

  private mutating func reloadAnswered(_ worker: WorkerID, _ problem: String?) {
    guard reloadProgress?.unanswered.remove(worker) != nil else { return }
    if let problem { reloadProgress?.problems.append("worker \(worker.slot): \(problem)") }
    endReloadIfAnswered()
  }

  private mutating func endReloadIfAnswered() {
    guard let progress = reloadProgress, !progress.isRunning, !progress.isTold else { return }
    reloadProgress?.isTold = true
    if progress.problems.isEmpty {
      say(.reloaded(changed: progress.changed, waiting: progress.waiting))
    } else {
      say(.reloadRefused(progress.problems))
    }
    if progress.isAskedAgain { beginReload() }
  }
}

/// What a coordinator has to tell.
package enum FleetNews: Sendable {
  /// Connections are accepted there.
  case listening([SocketAddress])
  case fleet(FleetReport)
  /// A worker said something that makes no sense.
  case misunderstood(WorkerID, String)
  /// All workers follow; the names of the options that have changed, and of those that wait
  /// for a restart.
  case reloaded(changed: [String], waiting: [String])
  case reloadRefused([String])
}

extension ExitCause {
  init(_ end: ChildProcess.End) {
    self =
      switch end {
      case .exited(let status): .status(status)
      case .killed(let signal): .signal(signal)
      }
  }
}
