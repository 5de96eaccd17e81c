internal import Synchronization
internal import SystemIO

/// Where a load run stands. The phases follow one another.
enum LoadPhase: UInt8, Sendable, Comparable {
  /// Connections are opened.
  case opening
  /// Messages flow, unmeasured.
  case warmUp
  case measuring
  /// Nothing more is sent; what is under way is waited for.
  case draining
  /// Connections are closed.
  case closing

  static func < (left: LoadPhase, right: LoadPhase) -> Bool { left.rawValue < right.rawValue }
}

/// What the threads of a load run share: written by the one that conducts it, unless
/// said otherwise.
final class LoadControl: Sendable {
  private let phaseValue = Atomic<UInt8>(0)
  /// When the warm-up began, from which messages are paced; nanoseconds.
  let pacedFrom = Atomic<UInt64>(0)
  /// When measuring is to end; nanoseconds.
  let measuredUntil = Atomic<UInt64>(.max)
  /// Connections from this number on are not to be opened yet.
  let connectionsAllowed: Atomic<Int>
  let progress: [LoadProgress]
  private let wakers = Mutex<[Waker?]>([])

  // Of a broadcast; written by the publisher's thread, unless all threads count.

  /// Connections that receive, of all threads.
  let subscribers = Atomic<Int>(0)

  /// When the messages that are under way were sent.
  let batchSentAt = Atomic<UInt64>(0)
  /// Messages published.
  let published = Atomic<UInt64>(0)
  /// Threads whose subscribers have not yet received all that was published.
  let threadsPending = Atomic<Int>(0)

  init(threads: Int, connectionsAllowed: Int) {
    self.connectionsAllowed = Atomic(connectionsAllowed)
    progress = (0..<threads).map { _ in LoadProgress() }
    wakers.withLock { $0 = Array(repeating: nil, count: threads) }
  }

  var phase: LoadPhase {
    LoadPhase(rawValue: phaseValue.load(ordering: .acquiring)) ?? .closing
  }

  /// Nothing is under way any more. The first thread, which publishes, publishes no more once
  /// it has said so; the others must have said it of all that was published then.
  var isSettled: Bool {
    if progress[0].settledOf.load(ordering: .acquiring) == .max { return false }
    let all = published.load(ordering: .acquiring)
    return progress.allSatisfy { $0.settledOf.load(ordering: .acquiring) == all }
  }

  func enter(_ phase: LoadPhase) {
    phaseValue.store(phase.rawValue, ordering: .releasing)
    wakeAll()
  }

  func allowConnections(_ count: Int) {
    connectionsAllowed.store(count, ordering: .releasing)
    wakeAll()
  }

  private func wakeAll() {
    wakers.withLock { for waker in $0 { waker?.wake() } }
  }

  func register(_ waker: Waker, of thread: Int) {
    wakers.withLock { $0[thread] = waker }
  }

  func wake(_ thread: Int) {
    wakers.withLock { $0[thread]?.wake() }
  }
}

/// What a thread has come to so far, for the one that looks on. Written by the thread.
final class LoadProgress: Sendable {
  /// Connections that are open, or were.
  let opened = Atomic<Int>(0)
  /// Connections that could not be opened.
  let failed = Atomic<Int>(0)
  /// Messages received (or connections opened and closed) since the start.
  let messages = Atomic<UInt64>(0)
  /// Nothing is under way any more of so many publications (0 in other loads than
  /// broadcasts); `.max` while something is.
  let settledOf = Atomic<UInt64>(.max)
  let hasEnded = Atomic<Bool>(false)
}
