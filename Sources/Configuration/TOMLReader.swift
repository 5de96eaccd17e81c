/// A place in a document. Lines and columns count from 1, columns in characters (code points).
package struct TOMLPosition: Sendable, Equatable {
  package let line: Int
  package let column: Int
}

/// Where a document is not TOML, why, and what to write instead.
package struct TOMLError: Error, Sendable, Equatable {
  package let position: TOMLPosition
  package let problem: String
  package let remedy: String
}

/// A key with its parts: `a."b c"` has two.
package struct TOMLKey: Sendable, Equatable {
  package let parts: [String]
  package let position: TOMLPosition

  package var text: String { parts.joined(separator: ".") }
}

/// A value and where it begins.
package struct TOMLNode: Sendable, Equatable {
  package let value: TOMLValue
  package let position: TOMLPosition
}

/// What a key can be set to.
package indirect enum TOMLValue: Sendable, Equatable {
  case string(String)
  case integer(Int64)
  case boolean(Bool)
  /// As it was written: no option takes one, and what is not read cannot be read wrongly.
  case float(String)
  case date(String)
  case array([TOMLNode])
  case inlineTable
  /// A word without quotes: not TOML, but where it ends is known, so that reading can go on.
  case bareWord(String)
}

/// A line of a document, which may be continued on further ones.
package enum TOMLStatement: Sendable, Equatable {
  /// `[a.b]`, or `[[a.b]]`: what follows belongs to this table.
  case table(TOMLKey)
  case pair(TOMLKey, TOMLNode)
}

/// Reads a TOML 1.0 document, statement by statement, with the place of everything in it.
///
/// It knows no meaning: whether a key is set twice, or a table defined twice, is for the caller
/// to find. No input traps: what nests is bounded, and every index is checked. Errors show nothing
/// of the document, which may hold secrets.
package struct TOMLReader {
  private let bytes: [UInt8]
  var offset = 0
  private var line = 1
  private var lineStart = 0
  /// Bytes of this line that continue a character.
  private var continuationBytes = 0

  /// `bytes` are UTF-8, or an error is thrown for the first of them that is not.
  package init(_ bytes: [UInt8]) throws(TOMLError) {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    self.bytes = bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: self.bytes.span)
    } catch {
      while offset < error.byteOffsets.lowerBound { advance() }
      throw self.error("this is not UTF-8", remedy: "save the file as UTF-8")
    }
  }

  /// Nil at the document's end. After an error there is nothing more to read.
  package mutating func next() throws(TOMLError) -> TOMLStatement? {
    try skipEmptyLines()
    guard let first = peek() else { return nil }
    let statement: TOMLStatement
    if first == UInt8(ascii: "[") {
      statement = .table(try readHeader())
    } else {
      let (key, node) = try readPair(depth: 0)
      statement = .pair(key, node)
    }
    skipSpaces()
    try skipComment()
    if peek() != nil {
      guard try takeNewline() else {
        throw error(
          "more follows on the same line", remedy: "write each key on a line of its own")
      }
    }
    return statement
  }

  mutating func readPair(depth: Int) throws(TOMLError) -> (TOMLKey, TOMLNode) {
    let key = try readKey()
    guard take("=") else {
      throw error("'=' is missing after the key", remedy: "as in name = value")
    }
    skipSpaces()
    return (key, try readValue(depth: depth))
  }

  private mutating func readHeader() throws(TOMLError) -> TOMLKey {
    advance()
    let isArray = take("[")
    skipSpaces()
    let key = try readKey()
    guard take("]"), !isArray || take("]") else {
      throw error("the table's ']' is missing", remedy: "as in [name]")
    }
    return key
  }

  mutating func readKey() throws(TOMLError) -> TOMLKey {
    let position = self.position
    var parts: [String] = []
    repeat {
      skipSpaces()
      parts.append(try readKeyPart())
      skipSpaces()
    } while take(".")
    return TOMLKey(parts: parts, position: position)
  }

  private mutating func readKeyPart() throws(TOMLError) -> String {
    if let quote = peek(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      if isAhead([quote, quote, quote]) {
        throw error("a key cannot have several lines", remedy: "as in name = value")
      }
      return try readString()
    }
    let start = offset
    while let byte = peek(), isBareKeyByte(byte) { advance() }
    if start == offset {
      throw error(
        "a key is missing",
        remedy: "keys are letters, digits, '-' and '_', or stand in quotes")
    }
    return text(from: start)
  }

  private func isBareKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

// MARK: - Bytes and places

extension TOMLReader {
  var position: TOMLPosition {
    TOMLPosition(line: line, column: offset - lineStart - continuationBytes + 1)
  }

  func error(
    _ problem: String, at position: TOMLPosition? = nil, remedy: String
  ) -> TOMLError {
    TOMLError(position: position ?? self.position, problem: problem, remedy: remedy)
  }

  func peek(_ distance: Int = 0) -> UInt8? {
    offset + distance < bytes.count ? bytes[offset + distance] : nil
  }

  func isAhead(_ expected: [UInt8]) -> Bool {
    bytes[offset...].starts(with: expected)
  }

  func text(from start: Int) -> String {
    String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  func isNewline(_ byte: UInt8) -> Bool {
    byte == 0x0A || byte == 0x0D
  }

  /// Past one byte, if there is one.
  mutating func advance() {
    guard offset < bytes.count else { return }
    let byte = bytes[offset]
    offset += 1
    if byte == 0x0A {
      line += 1
      lineStart = offset
      continuationBytes = 0
    } else if byte & 0xC0 == 0x80 {
      continuationBytes += 1
    }
  }

  /// Past `character`, if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let byte = peek(), byte == UInt8(ascii: character) else { return false }
    advance()
    return true
  }

  /// Past LF or CRLF. A CR alone ends no line.
  mutating func takeNewline() throws(TOMLError) -> Bool {
    if take("\n") { return true }
    guard peek() == 0x0D else { return false }
    guard peek(1) == 0x0A else {
      throw error("a carriage return without a line feed", remedy: "end lines with LF or CRLF")
    }
    advance()
    advance()
    return true
  }

  mutating func skipSpaces() {
    while let byte = peek(), byte == 0x20 || byte == 0x09 { advance() }
  }

  mutating func skipComment() throws(TOMLError) {
    guard take("#") else { return }
    while let byte = peek(), !isNewline(byte) {
      if isControl(byte) { throw controlCharacter() }
      advance()
    }
  }

  mutating func skipEmptyLines() throws(TOMLError) {
    repeat {
      skipSpaces()
      try skipComment()
    } while try takeNewline()
  }

  /// Apart from the tab, which is allowed everywhere.
  func isControl(_ byte: UInt8) -> Bool {
    (byte < 0x20 && byte != 0x09) || byte == 0x7F
  }

  func controlCharacter() -> TOMLError {
    error("a control character", remedy: "remove it; is this a text file?")
  }
}
