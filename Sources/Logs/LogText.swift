/// Text of others, made safe to stand in a line.
enum LogText {
  /// Whether a value can stand without quotes.
  static func isPlainWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= LogLine.valueBytesMax
      && text.utf8.allSatisfy { byte in
        0x21...0x7E ~= byte && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
          && byte != UInt8(ascii: "=")
      }
  }

  /// Appends the inside of a JSON string (RFC 8259 §7). Besides what must be, everything is
  /// escaped that could do things to a terminal, or hide what stands in the line: control and
  /// format characters, and separators of lines. What has no room is left out, and `…` in its
  /// place.
  static func appendEscaped(_ text: String, to bytes: inout [UInt8], bytesMax: Int) {
    let start = bytes.count
    for scalar in text.unicodeScalars {
      if bytes.count - start >= bytesMax {
        bytes.append(contentsOf: "…".utf8)
        return
      }
      switch scalar {
      case "\"": bytes.append(contentsOf: "\\\"".utf8)
      case "\\": bytes.append(contentsOf: "\\\\".utf8)
      case "\n": bytes.append(contentsOf: "\\n".utf8)
      case "\r": bytes.append(contentsOf: "\\r".utf8)
      case "\t": bytes.append(contentsOf: "\\t".utf8)
      case " "..."~": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      default:
        if isHarmless(scalar) {
          bytes.append(contentsOf: String(scalar).utf8)
        } else {
          for unit in UTF16.encode(scalar)! { appendEscape(unit, to: &bytes) }
        }
      }
    }
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
    default: true
    }
  }

  private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: "\\u".utf8)
    for shift in stride(from: 12, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: unit >> UInt16(shift)) & 0xF
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }
  }
}
