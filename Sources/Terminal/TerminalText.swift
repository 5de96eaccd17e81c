/// Text from a peer, made safe to print on a terminal.
package enum TerminalText {
  /// `text` with everything that a terminal might obey instead of showing it replaced by its
  /// Swift escape, such as `\u{1b}`: control characters (C0 but for newline and tab, DEL, C1), and
  /// the characters that reorder text (bidirectional embeddings, overrides and isolates).
  ///
  /// A backslash stays as it is, so the result cannot be read back.
  ///
  /// - Complexity: O(*n*). The result takes at most six times as many bytes.
  package static func printable(_ text: String) -> String {
    printable(text, where: isHarmless)
  }

  /// The same on one line: with newlines and tabs replaced too.
  package static func printableLine(_ text: String) -> String {
    printable(text) { isHarmless($0) && $0 != "\n" && $0 != "\t" }
  }

  private static func printable(
    _ text: String, where isHarmless: (Unicode.Scalar) -> Bool
  ) -> String {
    guard text.unicodeScalars.contains(where: { !isHarmless($0) }) else { return text }
    var printable = ""
    for scalar in text.unicodeScalars {
      if isHarmless(scalar) {
        printable.unicodeScalars.append(scalar)
      } else {
        printable += "\\u{" + String(scalar.value, radix: 16) + "}"
      }
    }
    return printable
  }

  /// Binary data as its size and its first bytes: `5 bytes: 00 ff 10 2a 07`. An ellipsis stands
  /// for what is left out.
  package static func preview(of bytes: Span<UInt8>, bytesMax: Int) -> String {
    var preview = bytes.count == 1 ? "1 byte" : "\(bytes.count) bytes"
    let shown = min(bytes.count, max(0, bytesMax))
    if !bytes.isEmpty { preview += ":" }
    for index in 0..<shown {
      let digits = String(bytes[index], radix: 16)
      preview += digits.utf8.count == 1 ? " 0" : " "
      preview += digits
    }
    if shown < bytes.count { preview += " …" }
    return preview
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A, 0x09: true
    case 0x00...0x1F, 0x7F...0x9F: false
    case 0x202A...0x202E, 0x2066...0x2069: false
    default: true
    }
  }
}
