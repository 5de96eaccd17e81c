/// The field lines of a message, in order; names compare without regard to case (RFC 9110 §5).
///
/// All text sits in one byte array, beside the positions of names and values: a head of twenty
/// fields costs two allocations. Strings are made when asked for. Lookups are linear in the number
/// of fields, which `HTTPLimits.headerFieldsMax` bounds.
///
/// Holds valid fields only: names are tokens, and no value has a CR, LF, NUL or another control
/// character (but HTAB). What is written from here cannot split a message.
///
/// A value with bytes that are not UTF-8 (obs-text) reads with U+FFFD in their place.
package struct HeaderFields: Sendable {
  /// Where a field line's parts are in `storage`.
  struct Line: Sendable {
    let nameStart: UInt32
    let nameEnd: UInt32
    let valueStart: UInt32
    let valueEnd: UInt32

    /// The ends are within a head, which `HTTPLimits` keeps under 16 MiB, or within fields of our
    /// own making.
    init(name: Range<Int>, value: Range<Int>) {
      nameStart = UInt32(name.lowerBound)
      nameEnd = UInt32(name.upperBound)
      valueStart = UInt32(value.lowerBound)
      valueEnd = UInt32(value.upperBound)
    }

    var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
    var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
  }

  private var storage: [UInt8]
  private var lines: [Line]

  package init() {
    storage = []
    lines = []
  }

  /// Takes over parsed lines and the bytes that they point into.
  init(storage: [UInt8], lines: [Line]) {
    self.storage = storage
    self.lines = lines
  }

  /// The number of field lines.
  package var count: Int { lines.count }

  package var isEmpty: Bool { lines.isEmpty }

  /// The value of the first field line of that name, or nil.
  package subscript(_ name: String) -> String? {
    for line in lines where matches(line, name) {
      return string(line.value)
    }
    return nil
  }

  /// The values of all field lines of that name, in order.
  package func values(_ name: String) -> [String] {
    lines.filter { matches($0, name) }.map { string($0.value) }
  }

  /// How many field lines have that name.
  package func count(of name: String) -> Int {
    lines.count { matches($0, name) }
  }

  package func contains(_ name: String) -> Bool {
    lines.contains { matches($0, name) }
  }

  /// The elements of a comma-separated list over all field lines of that name (RFC 9110 §5.6.1).
  ///
  /// Whitespace around elements is trimmed and empty elements are dropped. A comma within a quoted
  /// string does not separate; a quoted string that is not closed reaches to the end of its line.
  package func listElements(_ name: String) -> [String] {
    var elements: [String] = []
    for line in lines where matches(line, name) {
      var start = Int(line.valueStart)
      var index = start
      var isQuoted = false
      while index < Int(line.valueEnd) {
        switch storage[index] {
        case UInt8(ascii: "\""):
          isQuoted.toggle()
        case UInt8(ascii: "\\") where isQuoted:
          index += 1
        case .comma where !isQuoted:
          appendElement(start..<index, to: &elements)
          start = index + 1
        default:
          break
        }
        index += 1
      }
      appendElement(start..<Int(line.valueEnd), to: &elements)
    }
    return elements
  }

  /// Whether a list of tokens has that one, without regard to case: `Connection: Upgrade, close`.
  ///
  /// Every comma separates here: tokens have no quoted strings.
  package func containsToken(_ name: String, _ token: String) -> Bool {
    lines.contains { line in
      matches(line, name)
        && storage[line.value].split(separator: .comma).contains {
          $0.trimmingWhitespace.equalsIgnoringASCIICase(token.utf8)
        }
    }
  }

  /// Appends a field line of our own.
  ///
  /// Control characters in the value (CR and LF among them) become spaces, as RFC 9110 §5.5 has
  /// it. Traps when the name is not a token: names are the program's. Fields that a user or a
  /// backend names go through `append(validating:_:)`.
  package mutating func append(_ name: String, _ value: String) {
    precondition(name.utf8.isToken, "a field name is a token")
    let nameStart = storage.count
    storage.append(contentsOf: name.utf8)
    let valueStart = storage.count
    for byte in value.utf8 {
      storage.append(byte.isFieldValueByte ? byte : .space)
    }
    lines.append(Line(name: nameStart..<valueStart, value: valueStart..<storage.count))
  }

  /// Appends a field line from outside: throws 400 when the name is not a token, or when the value
  /// has control characters.
  package mutating func append(validating name: String, _ value: String) throws(HTTPError) {
    guard name.utf8.isToken else { throw .badRequest("invalid field name") }
    guard value.utf8.allSatisfy(\.isFieldValueByte) else {
      throw .badRequest("control character in a field value")
    }
    append(name, value)
  }

  /// Appends all field lines of `other`.
  package mutating func append(contentsOf other: HeaderFields) {
    for (name, value) in other {
      append(name, value)
    }
  }

  /// Writes every field line with its CRLF, without the empty line that ends a head.
  package func append(to output: inout [UInt8]) {
    for line in lines {
      output.append(contentsOf: storage[line.name])
      output.append(contentsOf: ": ".utf8)
      output.append(contentsOf: storage[line.value])
      output.append(contentsOf: "\r\n".utf8)
    }
  }

  private func matches(_ line: Line, _ name: String) -> Bool {
    storage[line.name].equalsIgnoringASCIICase(name.utf8)
  }

  private func string(_ range: Range<Int>) -> String {
    String(decoding: storage[range], as: UTF8.self)
  }

  private func appendElement(_ range: Range<Int>, to elements: inout [String]) {
    let element = storage[range].trimmingWhitespace
    if !element.isEmpty {
      elements.append(String(decoding: element, as: UTF8.self))
    }
  }
}

extension HeaderFields: Sequence {
  package struct Iterator: IteratorProtocol {
    fileprivate let fields: HeaderFields
    fileprivate var index = 0

    package mutating func next() -> (name: String, value: String)? {
      guard index < fields.lines.count else { return nil }
      let line = fields.lines[index]
      index += 1
      return (fields.string(line.name), fields.string(line.value))
    }
  }

  /// Names as they were written, and values, in order.
  package func makeIterator() -> Iterator {
    Iterator(fields: self)
  }
}

extension HeaderFields: ExpressibleByDictionaryLiteral {
  /// `["Content-Type": "text/plain"]`, in that order; names may repeat.
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (name, value) in elements {
      append(name, value)
    }
  }
}

extension HeaderFields: CustomStringConvertible {
  package var description: String {
    map { "\($0.name): \($0.value)" }.joined(separator: "\n")
  }
}
