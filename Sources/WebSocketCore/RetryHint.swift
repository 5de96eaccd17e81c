/// When a client that is sent away shall come back: a time span, within which each
/// client chooses a random moment, so that a crowd doesn't come back at once.
///
/// It travels as the last part of a close frame's reason, behind what people read:
///
///     server is shutting down; retry=500-8000
///
/// Both numbers are milliseconds from now; a single one (`retry=2000`) stands for
/// both. This makes at most 24 of the reason's 123 bytes. A client that doesn't know
/// it has a reason with an odd end.
package struct RetryHint: Hashable, Sendable, CustomStringConvertible {
  package let milliseconds: ClosedRange<UInt64>

  /// A day. Nobody is sent away for longer.
  package static var millisecondsMax: UInt64 { 86_400_000 }

  /// Clamped to ``millisecondsMax``.
  package init(milliseconds: ClosedRange<UInt64>) {
    self.milliseconds =
      min(
        milliseconds.lowerBound, Self.millisecondsMax)...min(
        milliseconds.upperBound, Self.millisecondsMax)
  }

  /// The hint of a close frame's reason; nil if there is none, or none that makes sense.
  package init?(closeReason: some StringProtocol) {
    guard let last = closeReason.utf8.split(separator: UInt8(ascii: ";")).last,
      let equals = last.firstIndex(of: UInt8(ascii: "=")),
      last[..<equals].drop(while: { $0 == UInt8(ascii: " ") }).elementsEqual("retry".utf8)
    else { return nil }
    let numbers = last[last.index(after: equals)...].split(
      separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    let bounds = numbers.compactMap { Self.number($0) }
    guard bounds.count == numbers.count, let first = bounds.first, let last = bounds.last,
      first <= last, last <= Self.millisecondsMax
    else { return nil }
    milliseconds = first...last
  }

  /// The hint of a Retry-After field in seconds (RFC 9110 §10.2.3); nil for a date,
  /// which would need a clock that agrees with the server's.
  package init?(retryAfter: String) {
    guard let seconds = Self.number(retryAfter.utf8), seconds <= Self.millisecondsMax / 1000 else {
      return nil
    }
    milliseconds = (seconds * 1000)...(seconds * 1000)
  }

  /// As it stands in a close frame's reason.
  package var description: String {
    milliseconds.lowerBound == milliseconds.upperBound
      ? "retry=\(milliseconds.lowerBound)"
      : "retry=\(milliseconds.lowerBound)-\(milliseconds.upperBound)"
  }

  /// Digits alone: no sign, no more than fit.
  private static func number(_ digits: some Collection<UInt8>) -> UInt64? {
    guard !digits.isEmpty, digits.count <= 12,
      digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
    else { return nil }
    return digits.reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
  }
}
