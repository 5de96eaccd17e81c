/// A close status code (RFC 6455 §7.4, and the IANA registry it founded).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  package static let normalClosure = CloseCode(rawValue: 1000)
  package static let goingAway = CloseCode(rawValue: 1001)
  package static let protocolError = CloseCode(rawValue: 1002)
  package static let unsupportedData = CloseCode(rawValue: 1003)
  package static let invalidPayload = CloseCode(rawValue: 1007)
  package static let policyViolation = CloseCode(rawValue: 1008)
  package static let messageTooBig = CloseCode(rawValue: 1009)
  package static let internalError = CloseCode(rawValue: 1011)
  package static let serviceRestart = CloseCode(rawValue: 1012)
  package static let tryAgainLater = CloseCode(rawValue: 1013)

  /// What a registered code stands for, in a word or two; nil for the others.
  package var meaning: String? {
    switch rawValue {
    case 1000: "normal closure"
    case 1001: "going away"
    case 1002: "protocol error"
    case 1003: "unsupported data"
    case 1007: "invalid payload"
    case 1008: "policy violation"
    case 1009: "message too big"
    case 1010: "extension missing"
    case 1011: "internal error"
    case 1012: "service restart"
    case 1013: "try again later"
    case 1014: "bad gateway"
    default: nil
    }
  }

  /// Whether the code may stand in a close frame: the registered codes but for
  /// the three that only report what happened locally (1005, 1006, 1015), and
  /// 3000 to 4999, which belong to libraries and applications (§7.4.2).
  package var mayBeSent: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
