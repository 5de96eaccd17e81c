/// Text that stands in one word of a line: percent-encoding (RFC 3986 §2.1) of every byte
/// that isn't a visible ASCII character, and of `%` itself.
enum PercentCoding {
  static func append(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in bytes {
      if 0x21...0x7E ~= byte && byte != UInt8(ascii: "%") {
        output.append(byte)
      } else {
        output.append(UInt8(ascii: "%"))
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 0xF))
      }
    }
  }

  static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    append(text.utf8, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Nil where a `%` is not followed by two hexadecimal digits, or a byte stands as it is
  /// that is not a visible ASCII character.
  static func decode(_ word: some Collection<UInt8>) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(word.count)
    var iterator = word.makeIterator()
    while let byte = iterator.next() {
      if byte == UInt8(ascii: "%") {
        guard let high = iterator.next().flatMap(value), let low = iterator.next().flatMap(value)
        else { return nil }
        decoded.append(high << 4 | low)
      } else {
        guard 0x21...0x7E ~= byte else { return nil }
        decoded.append(byte)
      }
    }
    return decoded
  }

  /// As ``decode(_:)``, and nil if it isn't UTF-8.
  static func text(_ word: some Collection<UInt8>) -> String? {
    decode(word).flatMap { String(validating: $0, as: UTF8.self) }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
