import Testing
import WebSocketCore

@Suite("Close codes (RFC 6455 §7.4)")
struct CloseCodeTests {
  @Test(
    "the ranges of §7.4.2 and the registry",
    arguments: [
      (0...999, false), (1000...1003, true), (1004...1006, false), (1007...1014, true),
      (1015...1015, false), (1016...2999, false), (3000...4999, true), (5000...65_535, false),
    ] as [(ClosedRange<UInt16>, Bool)])
  func mayBeSent(codes: ClosedRange<UInt16>, expected: Bool) {
    for code in codes {
      #expect(CloseCode(rawValue: code).mayBeSent == expected, "\(code)")
    }
  }

  @Test(
    "the names stand for the registered numbers",
    arguments: [
      (CloseCode.normalClosure, 1000), (.goingAway, 1001), (.protocolError, 1002),
      (.unsupportedData, 1003), (.invalidPayload, 1007), (.policyViolation, 1008),
      (.messageTooBig, 1009), (.internalError, 1011), (.serviceRestart, 1012),
      (.tryAgainLater, 1013),
    ] as [(CloseCode, UInt16)])
  func names(code: CloseCode, number: UInt16) {
    #expect(code.rawValue == number)
    #expect(code.mayBeSent)
  }

  @Test("which code each violation has (§7.4.1)")
  func violations() {
    for violation in ProtocolViolation.allCases {
      let expected: CloseCode =
        switch violation {
        case .invalidUTF8: .invalidPayload
        case .messageTooBig: .messageTooBig
        case .tooManyFragments: .policyViolation
        default: .protocolError
        }
      #expect(violation.closeCode == expected, "\(violation)")
    }
  }

  @Test("a violation's reason is its own, and fits into a close frame")
  func reasons() {
    let reasons = ProtocolViolation.allCases.map(\.reason)
    #expect(Set(reasons).count == reasons.count)
    #expect(reasons.allSatisfy { (1...123).contains($0.utf8.count) })
  }
}
