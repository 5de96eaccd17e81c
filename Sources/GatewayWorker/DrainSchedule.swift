internal import FleetCore
internal import SystemIO
internal import WebSocketCore

/// When which connection is closed in a drain: each at a random moment within the
/// window, so that neither we nor those whom the clients turn to get them all at once.
/// Pure.
struct DrainSchedule {
  let deadline: UInt64
  let windowEnd: UInt64
  private let hint: RetryHint
  /// The next one last.
  private var closes: [(at: UInt64, token: Token)] = []

  init(
    _ drain: WorkerDrain, of tokens: [Token], now: UInt64,
    using generator: inout some RandomNumberGenerator
  ) {
    deadline = now + drain.deadlineMilliseconds
    windowEnd = now + drain.windowMilliseconds
    hint = RetryHint(milliseconds: drain.retryHintMilliseconds)
    closes = tokens.map { token in
      (now + UInt64.random(in: 0...drain.windowMilliseconds, using: &generator), token)
    }
    closes.sort { $0.at > $1.at }
  }

  /// What clients are told: for people, and for programs that understand it.
  var closeReason: String { "server is restarting; \(hint)" }

  /// The next connection that is due.
  mutating func next(at now: UInt64) -> Token? {
    guard let last = closes.last, last.at <= now else { return nil }
    return closes.removeLast().token
  }

  /// How long until the next one is due; nil when there is none left.
  func millisecondsUntilNext(at now: UInt64) -> UInt64? {
    closes.last.map { $0.at - min(now, $0.at) }
  }
}
