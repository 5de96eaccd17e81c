import WebSocketClient
import WebSocketCore

// Retry hints of close reasons: within bounds, and the same when written. A client waits as it was
// told.

func fuzz(_ input: inout FuzzInput) {
  let options = input.choice()
  let text = String(decoding: input.rest, as: UTF8.self)
  if let hint = RetryHint(retryAfter: text) { check(hint, options) }
  guard let hint = RetryHint(closeReason: text) else { return }
  check(hint, options)
  expect(text.utf8.contains(0x3D), "a hint without 'retry='")
  expect(RetryHint(closeReason: "bye; " + text) == hint, "depends on what people read")
}

private func check(_ hint: RetryHint, _ options: UInt8) {
  expect(hint.milliseconds.upperBound <= RetryHint.millisecondsMax, "\(hint)")
  expect(hint.description.utf8.count <= 24, "long: \(hint)")
  expect(RetryHint(closeReason: hint.description) == hint, "\(hint)")
  expect(RetryHint(closeReason: "going away; \(hint)") == hint, "\(hint)")
  expect(RetryHint(milliseconds: hint.milliseconds) == hint, "\(hint)")
  var backoff = Backoff()
  var generator = Generator(state: UInt64(options) + 1)
  let wait = backoff.next(hint: hint, using: &generator)
  expect(hint.milliseconds.contains(wait), "\(wait) ms for \(hint)")
}

/// Xorshift.
private struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
