/// Percent-encoding (RFC 3986 §2.1).
package enum PercentEncoding {
  /// The text with everything encoded that is not unreserved (RFC 3986 §2.3).
  package static func encode(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        encoded += byte < 16 ? "%0" : "%"
        encoded += String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }

  /// The bytes that the text stands for, or nil when a `%` is not followed by two hexadecimal
  /// digits. Decodes once: `%2541` is `%41`.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? {
    decode(text.utf8, plusIsSpace: false)
  }

  static func decode(_ bytes: some Collection<UInt8>, plusIsSpace: Bool) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var iterator = bytes.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = iterator.next()?.hexDigitValue, let low = iterator.next()?.hexDigitValue
        else { return nil }
        decoded.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace:
        decoded.append(.space)
      default:
        decoded.append(byte)
      }
    }
    return decoded
  }
}
