import Testing
import WebSocketCore

@Suite("Retry hints")
struct RetryHintTests {
  @Test(
    arguments: [
      ("retry=2000", 2000...2000),
      ("retry=500-8000", 500...8000),
      ("server is shutting down; retry=500-8000", 500...8000),
      ("server is shutting down;retry=0", 0...0),
      ("a; b; c;    retry=7-7", 7...7),
      ("retry=1; retry=2", 2...2),
      ("retry=86400000", 86_400_000...86_400_000),
      ("retry=0-86400000", 0...86_400_000),
      ("retry=000000000012", 12...12),
      ("grüße; retry=3", 3...3),
      ("retry=5;", 5...5),
    ] as [(String, ClosedRange<UInt64>)])
  func closeReason(_ reason: String, milliseconds: ClosedRange<UInt64>) {
    #expect(RetryHint(closeReason: reason)?.milliseconds == milliseconds)
    #expect(RetryHint(closeReason: reason[...])?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", ";", "=", "bye", "retry", "retry=", "retry=-", "retry=5-", "retry=-5", "retry=1-2-3",
    "retry=8000-500", "retry=86400001", "retry=0-86400001", "retry=0000000000012",
    "retry=99999999999999999999999999", "retry=+5", "retry=5ms", "retry=5 ", "retry= 5",
    "retry =5", "Retry=5", "retry=٣", "retry=5; bye", "xretry=5", "no retry=5", "retry=5.0",
    "retry=0x5", "retry=\u{0}", "\tretry=5",
  ])
  func noHint(_ reason: String) {
    #expect(RetryHint(closeReason: reason) == nil)
  }

  @Test(
    arguments: [
      ("0", 0), ("120", 120_000), ("86400", 86_400_000), ("86401", nil), ("", nil), ("-1", nil),
      ("1.5", nil), ("Wed, 21 Oct 2015 07:28:00 GMT", nil), ("999999999999", nil),
      ("9999999999999999999999", nil), (" 1", nil),
    ] as [(String, UInt64?)])
  func retryAfter(_ value: String, milliseconds: UInt64?) {
    #expect(RetryHint(retryAfter: value)?.milliseconds == milliseconds.map { $0...$0 })
  }

  @Test func clamped() {
    let day = RetryHint.millisecondsMax
    #expect(RetryHint(milliseconds: 1...UInt64.max).milliseconds == 1...day)
    #expect(RetryHint(milliseconds: (day + 1)...(day + 2)).milliseconds == day...day)
  }

  @Test func roundTrip() {
    var generator = SeededGenerator(state: 7)
    var hints = [RetryHint(milliseconds: 0...0), RetryHint(milliseconds: 0...UInt64.max)]
    for _ in 0..<1000 {
      let first = UInt64.random(in: 0...90_000_000, using: &generator)
      let length = UInt64.random(in: 0...10_000, using: &generator)
      hints.append(RetryHint(milliseconds: first...(first + length)))
    }
    for hint in hints {
      #expect(RetryHint(closeReason: hint.description) == hint)
      #expect(RetryHint(closeReason: "going away; \(hint)") == hint)
      #expect(hint.description.utf8.count <= 24)
    }
  }
}
