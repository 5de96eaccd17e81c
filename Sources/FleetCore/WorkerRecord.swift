/// What the fleet knows of a worker process.
struct WorkerRecord: Sendable {
  let id: WorkerID
  var state: WorkerState
  /// When it came into this state.
  var since: UInt64
  /// The last that it told; no counter is lower than it was before.
  var figures = WorkerFigures()
  /// Whether it has been told to `start`.
  var hasStarted = false
  /// Slots whose `stopAccepting` it has not answered yet, and how many of them.
  var unconfirmed: [SlotID: Int] = [:]

  /// A worker that the shell is asked to start.
  init(id: WorkerID, at now: UInt64) {
    self.id = id
    state = .spawning
    since = now
  }

  mutating func enter(_ state: WorkerState, at now: UInt64) {
    self.state = state
    since = now
  }

  var connections: UInt64 { figures.gauges[FigureName.connections] ?? 0 }

  var isReady: Bool {
    if case .ready = state { true } else { false }
  }

  /// Whether it listens to what it is told.
  var isServing: Bool {
    switch state {
    case .ready: true
    case .draining(_, _, let drain): !drain.isFinished
    case .spawning, .starting, .killed: false
    }
  }

  var pid: Int32? {
    switch state {
    case .spawning: nil
    case .starting(let pid, _), .ready(let pid, _), .draining(let pid, _, _), .killed(let pid, _):
      pid
    }
  }
}

/// Where a worker is in its life.
enum WorkerState: Sendable {
  /// The shell has been asked; there is no process that we know of.
  case spawning
  case starting(pid: Int32, deadline: UInt64)
  case ready(pid: Int32, heard: UInt64)
  case draining(pid: Int32, heard: UInt64, Drain)
  /// SIGKILL was sent. It is gone when it was reaped.
  case killed(pid: Int32, KillReason)
}

/// Why a worker was killed.
enum KillReason: String, Sendable {
  /// These two are failures, like a crash.
  case hung
  case startTimedOut = "start-timed-out"
  /// And these two are not.
  case drainDeadline = "drain-deadline"
  case unwanted
}

/// The drain of one worker. Times are absolute.
struct Drain: Sendable {
  var started: UInt64
  var windowStart: UInt64
  var windowEnd: UInt64
  var deadline: UInt64
  var retryHint: ClosedRange<UInt64>
  /// The worker's counters when the drain began.
  var base: WorkerFigures
  var tally = DrainTally()
  /// Whether the worker knows these times.
  var isAnnounced = false
  /// Whether the worker has said that no connection is left.
  var isFinished = false

  init(plan: DrainPlan, started: UInt64, windowStart: UInt64, figures: WorkerFigures) {
    self.started = started
    self.windowStart = windowStart
    windowEnd = windowStart
    deadline = windowStart
    retryHint = plan.retryHintMilliseconds
    base = figures
    change(window: plan.windowMilliseconds, deadline: plan.deadlineMilliseconds)
    update(figures)
  }

  /// The deadline counts from the drain's start, the window from its own.
  mutating func change(window: UInt64, deadline: UInt64) {
    self.deadline = started.clampedAdding(min(deadline, DrainPlan.millisecondsMax))
    let end = windowStart.clampedAdding(min(window, DrainPlan.millisecondsMax))
    windowEnd = max(windowStart, min(end, self.deadline))
    isAnnounced = false
  }

  /// The deadline comes earlier.
  mutating func cut(to deadline: UInt64) {
    self.deadline = min(self.deadline, deadline)
    windowEnd = max(windowStart, min(windowEnd, deadline))
    isAnnounced = false
  }

  mutating func update(_ figures: WorkerFigures) {
    func since(_ name: String) -> UInt64 {
      (figures.counters[name] ?? 0).clampedSubtracting(base.counters[name] ?? 0)
    }
    tally.left = figures.gauges[FigureName.connections] ?? 0
    tally.closed = since(FigureName.drainClosed)
    tally.forced = since(FigureName.drainForced)
    tally.discardedBytes = since(FigureName.drainDiscardedBytes)
    tally.raiseStart()
  }

  /// The process is gone, or as good as gone: what is left is lost.
  mutating func end() {
    tally.forced = tally.forced.clampedAdding(tally.left)
    tally.left = 0
  }

  /// What the worker is told at this moment.
  func message(at now: UInt64, lead: UInt64) -> WorkerDrain {
    let left = deadline.clampedSubtracting(now)
    let deadline = left - min(lead, left / 4)
    return WorkerDrain(
      windowMilliseconds: min(windowEnd.clampedSubtracting(now), deadline),
      deadlineMilliseconds: deadline, retryHintMilliseconds: retryHint)
  }
}

extension DrainTally {
  /// Connections that came from the queue were not there at the start.
  mutating func raiseStart() {
    atStart = max(atStart, left.clampedAdding(closed).clampedAdding(forced))
  }

  mutating func add(_ other: DrainTally) {
    atStart = atStart.clampedAdding(other.atStart)
    left = left.clampedAdding(other.left)
    closed = closed.clampedAdding(other.closed)
    forced = forced.clampedAdding(other.forced)
    discardedBytes = discardedBytes.clampedAdding(other.discardedBytes)
  }
}
