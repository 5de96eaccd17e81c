/// What the fleet is at, besides keeping its workers alive. There is at most one.
struct Operation: Sendable {
  let id: OperationID
  let kind: OperationKind
  let started: UInt64
  var stage: Stage

  enum Stage: Sendable {
    case rolling(Rolling)
    /// The slots from `first` on are new; so many are wanted.
    case scalingUp(first: Int, count: Int)
    case scalingDown
    case draining(WorkerID)
    case checking(deadline: UInt64)
    /// The check has passed; executed as soon as the shell has answered everything.
    case checked
    /// The shell was told. Nothing else comes of this process, unless that fails.
    case executing
  }
}

/// Replacing workers, slot after slot.
struct Rolling: Sendable {
  /// The slots that are still to do; the first is being done.
  var slots: [SlotID]
  /// Workers from this generation on are new.
  let firstGeneration: UInt64
}

/// What becomes of the gateway.
enum Course: Sendable {
  case serving
  /// Not ready, and accepting on.
  case announced(GatewayDrain)
  case draining(GatewayDrain)
  /// Everything is being closed now.
  case closing(GatewayDrain)
  /// The shell was told to exit.
  case over
}

/// The drain of the whole gateway.
struct GatewayDrain: Sendable {
  let id: OperationID
  let started: UInt64
  var plan: DrainPlan
  /// Whether SIGTERM has come: the next one closes everything.
  var isSignalled: Bool
  /// The connections of workers that are gone.
  var gone = DrainTally()

  var windowStart: UInt64 {
    started.clampedAdding(min(plan.preDrainDelayMilliseconds, plan.deadlineMilliseconds))
  }
  var windowEnd: UInt64 {
    min(windowStart.clampedAdding(plan.windowMilliseconds), deadline)
  }
  var deadline: UInt64 { started.clampedAdding(plan.deadlineMilliseconds) }
}
