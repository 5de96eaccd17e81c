import FleetCore

/// A gateway whose workers, shell and people are simulated: everything goes wrong that can,
/// as a seed says. After every step the promises of ``Fleet`` are verified.
///
/// The same seed makes the same run, whatever the machine.
package struct Simulation {
  /// What was promised and not kept, and when.
  package struct Violation: Error, CustomStringConvertible {
    package let seed: UInt64
    package let milliseconds: UInt64
    package let problem: String

    package var description: String { "seed \(seed), at \(milliseconds) ms: \(problem)" }
  }

  /// What a run was like.
  package struct Outcome {
    /// A hash of everything that happened, if that was to be recorded.
    package let digest: UInt64
    package let inputs: Int
    package let reports: [String: Int]
  }

  /// What is kept of all that happens.
  package enum Record {
    case nothing, digest
    /// Printed, line by line.
    case trace
  }

  /// Something that is due.
  enum Happening {
    case tick
    /// The coordinator is told, when it runs.
    case input(FleetEvent)
    /// A worker's message that is under way to the coordinator.
    case message(WorkerID, WorkerMessage)
    case deliver(WorkerID, CoordinatorMessage)
    case becomesReady(WorkerID)
    case heartbeat(WorkerID)
    case crash(WorkerID, ExitCause)
    case hang(WorkerID)
    case drainEnds(WorkerID, number: Int)
    case command
    case changeOfMind
    case fault
    case resume
    case executed(String)
  }

  let seed: UInt64
  let record: Record
  var generator: SeededGenerator
  /// The fleet's own randomness.
  var fleetGenerator: SeededGenerator
  var fleet: Fleet
  var policy: FleetPolicy
  var now: UInt64
  var queue = EventQueue<Happening>()
  /// By generation; those that are reaped are gone.
  var processes: [WorkerID: SimulatedProcess] = [:]
  var nextPID: Int32 = 1000
  /// The coordinator doesn't run; what it is to be told waits.
  var isStopped = false
  var inbox: [FleetEvent] = []
  var faultsEnd: UInt64
  var world = WorldView()
  var digest: UInt64 = 0xCBF2_9CE4_8422_2325
  var inputs = 0
  var reports: [String: Int] = [:]
  /// Whether this run is one of the calm ones that nobody ends.
  let isEnded: Bool

  package init(seed: UInt64, record: Record = .nothing) {
    self.seed = seed
    self.record = record
    generator = SeededGenerator(state: seed)
    fleetGenerator = SeededGenerator(state: ~seed)
    policy = FleetPolicy()
    policy.drain = DrainPlan(
      preDrainDelayMilliseconds: generator.happens(percent: 30) ? 700 : 0,
      windowMilliseconds: 1_500, deadlineMilliseconds: 2_500)
    let count = Int.random(in: 1...4, using: &generator)
    fleet = Fleet(policy: policy, slotCount: count)
    now = generator.milliseconds(0...1_000_000)
    faultsEnd = now + 30_000
    isEnded = generator.happens(percent: 30)
    for index in 0..<count { world.opened(SlotID(index)) }
  }

  /// Runs to the end.
  ///
  /// - Throws: The first promise that was not kept.
  package mutating func run() throws(Violation) -> Outcome {
    queue.insert(.tick, at: now)
    queue.insert(.command, at: now + generator.milliseconds(0...3_000))
    queue.insert(.fault, at: now + generator.milliseconds(0...3_000))
    try perform(fleet.start(at: now, using: &fleetGenerator))
    try verify()
    while !world.hasExited, let (time, happening) = queue.removeFirst(), time < faultsEnd + 60_000 {
      now = max(now, time)
      try happen(happening)
    }
    try verifyEnd()
    return Outcome(digest: digest, inputs: inputs, reports: reports)
  }

  var isFaulty: Bool { now < faultsEnd }

  /// Feeds the coordinator, unless it is stopped.
  mutating func feed(_ event: FleetEvent) throws(Violation) {
    if isStopped {
      // Ticks are missed; everything else waits.
      if event != .tick { inbox.append(event) }
      return
    }
    note(Self.description(of: event))
    inputs += 1
    if case .exited(let id, _) = event { processes[id] = nil }
    try answered(event)
    world.willHandle(event)
    let actions = fleet.handle(event, at: now, using: &fleetGenerator)
    try perform(actions)
    // Most heartbeats change nothing; the next tick comes soon.
    if case .message(_, .heartbeat) = event, actions.isEmpty { return }
    try verify()
  }

  mutating func ask(_ command: FleetCommand) throws(Violation) {
    guard !isStopped else { return }
    inputs += 1
    let (answer, actions) = fleet.request(command, at: now, using: &fleetGenerator)
    note("\(command): \(answer)")
    world.answered(command, answer)
    try perform(actions)
    try verify()
  }

  /// FNV-1a over everything that happens.
  mutating func note(_ text: @autoclosure () -> String) {
    if record == .nothing { return }
    let line = "\(now) \(text())"
    for byte in line.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    if record == .trace { print(line) }
  }

  /// Dictionaries are left out: their order differs from run to run.
  private static func description(of event: FleetEvent) -> String {
    switch event {
    case .message(let id, .heartbeat(let figures)):
      "\(id) has \(figures.gauges[FigureName.connections] ?? 0) connections"
    case .message(let id, .drained): "\(id) has drained"
    case .tick, .spawned, .spawnFailed, .message, .exited, .slotOpened, .slotOpenFailed, .checked,
      .executeFailed, .terminationRequested, .interruptRequested:
      "\(event)"
    }
  }

  func violation(_ problem: String) -> Violation {
    Violation(seed: seed, milliseconds: now, problem: problem)
  }

  func require(
    _ condition: Bool, _ problem: @autoclosure () -> String
  ) throws(Violation) {
    guard condition else { throw violation(problem()) }
  }
}
