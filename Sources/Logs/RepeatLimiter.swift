/// Lets a problem that repeats itself be told once in a while: at once when it is new, and then
/// with how often it has come.
package struct RepeatLimiter: Sendable {
  /// From one line to the next.
  package static let periodMilliseconds: UInt64 = 10_000

  private var restsUntil: UInt64? = nil
  private var leftOut: UInt64 = 0

  package init() {}

  /// The problem has come. Whether it is to be told now; otherwise it is counted.
  package mutating func mayTell(now milliseconds: UInt64) -> Bool {
    if restsUntil != nil {
      leftOut += 1
      return false
    }
    restsUntil = milliseconds + Self.periodMilliseconds
    return true
  }

  /// When ``due(now:)`` is to be asked; nil when there is nothing to wait for.
  package var nextMilliseconds: UInt64? { restsUntil }

  /// How often the problem has come untold, if that is to be told now.
  package mutating func due(now milliseconds: UInt64) -> UInt64? {
    guard let until = restsUntil, until <= milliseconds else { return nil }
    if leftOut == 0 {
      restsUntil = nil
      return nil
    }
    restsUntil = milliseconds + Self.periodMilliseconds
    return takeLeftOut()
  }

  /// The same at the end, when there is no next time.
  package mutating func takeLeftOut() -> UInt64? {
    if leftOut == 0 { return nil }
    defer { leftOut = 0 }
    return leftOut
  }
}
