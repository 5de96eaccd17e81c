/// The bytes that a terminal sends for keys in the notation of these tests: `ab<left><C-w><M-b>`,
/// where C is Ctrl, M is Alt, and all that is not in angle brackets is typed as it is.
func typed(_ keys: String) -> [UInt8] {
  var bytes: [UInt8] = []
  var rest = Substring(keys)
  while let character = rest.popFirst() {
    if character == "<", let end = rest.firstIndex(of: ">"), let key = key(rest[..<end]) {
      bytes += Array(key.utf8)
      rest = rest[rest.index(after: end)...]
    } else {
      bytes += Array(String(character).utf8)
    }
  }
  return bytes
}

private func key(_ name: Substring) -> String? {
  if name.hasPrefix("M-") {
    let rest = name.dropFirst(2)
    return "\u{1B}" + (key(rest) ?? String(rest))
  }
  if let key = named[String(name)] { return key }
  guard name.hasPrefix("C-"), name.count == 3, let letter = name.last?.asciiValue else {
    return nil
  }
  return String(Unicode.Scalar(letter & 0x1F))
}

private let named = [
  "enter": "\r", "backspace": "\u{7F}", "delete": "\u{1B}[3~",
  "up": "\u{1B}[A", "down": "\u{1B}[B", "right": "\u{1B}[C", "left": "\u{1B}[D",
  "C-right": "\u{1B}[1;5C", "C-left": "\u{1B}[1;5D", "home": "\u{1B}[H", "end": "\u{1B}[F",
  "paste": "\u{1B}[200~", "paste-end": "\u{1B}[201~",
]
