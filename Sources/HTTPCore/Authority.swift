/// `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2), without user information.
package enum Authority {
  /// Whether the text is a host with an optional port: see `isValid(_:requiresPort:)`.
  package static func isValid(_ text: String) -> Bool {
    isValid(Array(text.utf8)[...])
  }

  /// Whether the bytes are a non-empty host, a registered name, an IPv4 address or an IPv6 address
  /// in brackets, and an optional port up to 65535 (empty after its colon: the default).
  ///
  /// Future address formats (`[v1.x]`) and zone identifiers are refused.
  static func isValid(_ bytes: ArraySlice<UInt8>, requiresPort: Bool = false) -> Bool {
    let hostEnd: Int
    if bytes.first == UInt8(ascii: "[") {
      guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")),
        isIPv6Text(bytes[(bytes.startIndex + 1)..<bracket])
      else { return false }
      hostEnd = bracket + 1
    } else {
      hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
      guard hostEnd > bytes.startIndex, isRegisteredName(bytes[..<hostEnd]) else { return false }
    }
    guard hostEnd < bytes.endIndex else { return !requiresPort }
    guard bytes[hostEnd] == UInt8(ascii: ":") else { return false }
    return isPort(bytes[(hostEnd + 1)...], allowsEmpty: !requiresPort)
  }

  /// The characters of an IPv6 address, at least two colons among them. Not its whole grammar:
  /// nothing here connects to it.
  private static func isIPv6Text(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.count { $0 == UInt8(ascii: ":") } >= 2
      && bytes.allSatisfy {
        $0.hexDigitValue != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
      }
  }

  /// reg-name: unreserved, sub-delims and percent-encoded bytes (RFC 3986 §3.2.2).
  private static func isRegisteredName(_ bytes: ArraySlice<UInt8>) -> Bool {
    var index = bytes.startIndex
    while index < bytes.endIndex {
      switch bytes[index] {
      case let byte where byte.isLetter || byte.isDigit:
        index += 1
      case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
        UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
        UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
        index += 1
      case UInt8(ascii: "%"):
        guard bytes.endIndex - index >= 3, bytes[index + 1].hexDigitValue != nil,
          bytes[index + 2].hexDigitValue != nil
        else { return false }
        index += 3
      default:
        return false
      }
    }
    return true
  }

  private static func isPort(_ bytes: ArraySlice<UInt8>, allowsEmpty: Bool) -> Bool {
    guard !bytes.isEmpty else { return allowsEmpty }
    guard bytes.count <= 5, bytes.allSatisfy(\.isDigit) else { return false }
    // Five digits at most: no overflow.
    return bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 65535
  }
}
