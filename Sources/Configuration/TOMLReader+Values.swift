// Values (TOML 1.0, "String" to "Inline Table").

extension TOMLReader {
  private static var depthMax: Int { 16 }

  /// `depth` is how many arrays and inline tables the value is in.
  mutating func readValue(depth: Int) throws(TOMLError) -> TOMLNode {
    let position = self.position
    if depth > Self.depthMax {
      throw error("nested more than \(Self.depthMax) deep", remedy: "no option takes that")
    }
    switch peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      return TOMLNode(value: .string(try readString()), position: position)
    case UInt8(ascii: "["):
      return TOMLNode(value: .array(try readArray(depth: depth)), position: position)
    case UInt8(ascii: "{"):
      try readInlineTable(depth: depth)
      return TOMLNode(value: .inlineTable, position: position)
    default:
      return TOMLNode(value: try readWord(), position: position)
    }
  }

  private mutating func readArray(depth: Int) throws(TOMLError) -> [TOMLNode] {
    let start = position
    advance()
    var elements: [TOMLNode] = []
    while true {
      try skipEmptyLines()
      if take("]") { return elements }
      if peek() == nil { throw error("the array has no ']'", at: start, remedy: "add it") }
      elements.append(try readValue(depth: depth + 1))
      try skipEmptyLines()
      if take(",") { continue }
      if take("]") { return elements }
      if peek() == nil { throw error("the array has no ']'", at: start, remedy: "add it") }
      throw error("',' or ']' is missing", remedy: "elements are separated by commas")
    }
  }

  private mutating func readInlineTable(depth: Int) throws(TOMLError) {
    let start = position
    advance()
    skipSpaces()
    if take("}") { return }
    while true {
      skipSpaces()
      if peek() == nil { throw error("the table has no '}'", at: start, remedy: "add it") }
      _ = try readPair(depth: depth + 1)
      skipSpaces()
      if take(",") { continue }
      if take("}") { return }
      throw error("the table has no '}'", at: start, remedy: "it stands on one line")
    }
  }

  // MARK: Strings

  mutating func readString() throws(TOMLError) -> String {
    guard let quote = peek() else { return "" }
    let start = position
    let isLong = isAhead([quote, quote, quote])
    for _ in 0..<(isLong ? 3 : 1) { advance() }
    if isLong { _ = try takeNewline() }
    var content: [UInt8] = []
    while let byte = peek() {
      if byte == quote {
        if !isLong {
          advance()
          return String(decoding: content, as: UTF8.self)
        }
        if isAhead([quote, quote, quote]) {
          // Up to two quotes may stand right before the three that end it.
          var run = 3
          while run < 5, peek(run) == quote { run += 1 }
          content += Array(repeating: quote, count: run - 3)
          for _ in 0..<run { advance() }
          return String(decoding: content, as: UTF8.self)
        }
      } else if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
        try readEscape(into: &content, isLong: isLong)
        continue
      } else if isNewline(byte) {
        guard isLong else { break }
        _ = try takeNewline()
        content.append(0x0A)
        continue
      } else if isControl(byte) {
        throw controlCharacter()
      }
      content.append(byte)
      advance()
    }
    throw error("the string has no end", at: start, remedy: "close its quotes")
  }

  private mutating func readEscape(
    into content: inout [UInt8], isLong: Bool
  ) throws(TOMLError) {
    let start = position
    advance()
    switch peek() {
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "\""): content.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): content.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "u"): return try readScalar(digits: 4, into: &content, at: start)
    case UInt8(ascii: "U"): return try readScalar(digits: 8, into: &content, at: start)
    case 0x20, 0x09, 0x0A, 0x0D:
      // A backslash at the end of a line joins it with the next text.
      guard isLong else { fallthrough }
      skipSpaces()
      guard try takeNewline() else { throw badEscape(at: start) }
      repeat { skipSpaces() } while try takeNewline()
      return
    default:
      throw badEscape(at: start)
    }
    advance()
  }

  private mutating func readScalar(
    digits: Int, into content: inout [UInt8], at start: TOMLPosition
  ) throws(TOMLError) {
    advance()
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw badEscape(at: start)
      }
      value = value << 4 | UInt32(digit)
      advance()
    }
    guard let scalar = Unicode.Scalar(value) else { throw badEscape(at: start) }
    content += Array(String(Character(scalar)).utf8)
  }

  private func badEscape(at start: TOMLPosition) -> TOMLError {
    error(
      "this is no escape sequence", at: start,
      remedy: "write \\\\ for a backslash, or put the text in single quotes")
  }

  // MARK: Numbers, booleans, dates

  private mutating func readWord() throws(TOMLError) -> TOMLValue {
    let position = self.position
    let start = offset
    skipWord()
    // A date and a time may have a space between them.
    if isDate(text(from: start)), peek() == 0x20, let digit = peek(1), (48...57).contains(digit) {
      advance()
      skipWord()
    }
    let word = text(from: start)
    switch word {
    case "":
      throw error("a value is missing", remedy: "as in name = 100, or name = \"text\"")
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    default: break
    }
    switch IntegerWord(word) {
    case .value(let value): return .integer(value)
    case .overflow:
      throw error("this number is too large", at: position, remedy: "numbers have 64 bits")
    case .none: break
    }
    if isFloat(word) { return .float(word) }
    if isDate(word) { return .date(word) }
    return .bareWord(word)
  }

  private mutating func skipWord() {
    while let byte = peek(), !isNewline(byte), !isControl(byte),
      !" \t,]}#=\"'[{".utf8.contains(byte)
    {
      advance()
    }
  }

  /// Only its beginning is looked at: `2026-11-23` or `07:16`.
  private func isDate(_ word: String) -> Bool {
    let bytes = Array(word.utf8)
    func isPattern(_ pattern: String) -> Bool {
      bytes.count >= pattern.utf8.count
        && zip(bytes, pattern.utf8).allSatisfy { byte, wanted in
          wanted == UInt8(ascii: "0") ? (48...57).contains(byte) : byte == wanted
        }
    }
    return isPattern("0000-00-00") || isPattern("00:00")
  }

  private func isFloat(_ word: String) -> Bool {
    let unsigned = word.hasPrefix("+") || word.hasPrefix("-") ? word.dropFirst() : word[...]
    if unsigned == "inf" || unsigned == "nan" { return true }
    let parts = unsigned.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
    guard parts.count <= 2 else { return false }
    if parts.count == 2 {
      let exponent = parts[1]
      let digits =
        exponent.hasPrefix("+") || exponent.hasPrefix("-") ? exponent.dropFirst() : exponent
      guard IntegerWord.areDigits(digits) else { return false }
    }
    let number = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard number.count <= 2, number.count == 2 || parts.count == 2 else { return false }
    return number.allSatisfy { IntegerWord.areDigits($0) }
      && (number[0] == "0" || !number[0].hasPrefix("0"))
  }
}

/// A word read as an integer (TOML 1.0, "Integer").
private enum IntegerWord {
  case value(Int64)
  case overflow

  init?(_ word: String) {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
      self.init(digits: word.dropFirst(2), sign: "", radix: radix)
      return
    }
    let isSigned = word.hasPrefix("+") || word.hasPrefix("-")
    let digits = isSigned ? word.dropFirst() : word[...]
    // 0010 is octal to some and ten to others.
    guard digits == "0" || !digits.hasPrefix("0") else { return nil }
    self.init(digits: digits, sign: word.hasPrefix("-") ? "-" : "", radix: 10)
  }

  private init?(digits: Substring, sign: String, radix: Int) {
    guard Self.areDigits(digits, radix: radix) else { return nil }
    let plain = digits.filter { $0 != "_" }
    self = Int64(sign + plain, radix: radix).map { .value($0) } ?? .overflow
  }

  /// Digits, with underscores between them only.
  static func areDigits(_ text: Substring, radix: Int = 10) -> Bool {
    text.split(separator: "_", omittingEmptySubsequences: false).allSatisfy { run in
      !run.isEmpty
        && run.utf8.allSatisfy { byte in
          Character(Unicode.Scalar(byte)).hexDigitValue.map { $0 < radix } ?? false
        }
    }
  }
}
