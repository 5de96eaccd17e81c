/// What the fleet knows of a slot.
struct SlotRecord: Sendable {
  let id: SlotID
  var listeners: Listeners
  /// It will be closed and removed.
  var isRetiring = false
  /// Its worker was drained, and is not started again unless asked.
  var isStopped = false
  /// The worker that the slot is for. Others of the slot drain, or replace it soon.
  var worker: WorkerID?
  /// What is to replace it, and isn't ready yet.
  var replacement: WorkerID?
  /// Who accepts the slot's connections.
  var attendant: WorkerID?
  var failures: UInt64 = 0
  /// When its worker may be started again.
  var restartAt: UInt64?

  init(id: SlotID, listeners: Listeners) {
    self.id = id
    self.listeners = listeners
  }

  var isOpen: Bool {
    if case .open = listeners { true } else { false }
  }

  /// Whether a descriptor is held.
  var isHeld: Bool {
    switch listeners {
    case .open, .emptying, .emptied: true
    case .opening, .closed, .reopening, .reopenDue: false
    }
  }
}

/// The listeners of a slot.
enum Listeners: Sendable {
  /// The shell has been asked, for a slot that is new.
  case opening
  case open
  /// No new connections are wanted; what is queued is being accepted.
  case emptying(deadline: UInt64, isAsked: Bool)
  /// The queue is empty, or given up: to be closed.
  case emptied
  case closed
  /// A drain was cancelled: the shell has been asked to open them again.
  case reopening
  case reopenDue(at: UInt64)
}

extension RestartPolicy {
  /// The wait after so many failures in a row.
  func wait(
    failures: UInt64, using generator: inout some RandomNumberGenerator
  ) -> UInt64 {
    if failures <= 1 { return 0 }
    var bound = min(firstMilliseconds, longestMilliseconds)
    for _ in 2..<min(failures, 64) {
      if bound >= longestMilliseconds / 2 {
        bound = longestMilliseconds
        break
      }
      bound *= 2
    }
    return UInt64.random(in: bound / 2...bound, using: &generator)
  }
}
