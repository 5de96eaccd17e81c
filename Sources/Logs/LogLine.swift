internal import HTTPCore

/// One line under way: time, level, message, and then fields.
///
/// What is not our own text goes into field values, where it is escaped: whatever a peer says, a
/// line stays one line and reads back as what was said. Messages and names are literals.
package struct LogLine: ~Copyable {
  private let format: LogFormat
  private(set) var bytes: [UInt8]

  /// A value is cut off after as many bytes, so that a line has room in one write to a pipe.
  package static let valueBytesMax = 1024

  /// Begins a line behind what is in `bytes`.
  init(
    appendingTo bytes: consuming [UInt8], _ format: LogFormat, _ level: LogLevel,
    _ message: StaticString, at time: [UInt8]
  ) {
    self.format = format
    self.bytes = bytes
    switch format {
    case .json:
      append("{\"time\":\"")
      self.bytes.append(contentsOf: time)
      append("\",\"level\":\"")
      append(level.rawValue)
      append("\",\"message\":\"")
      append(message)
      append("\"")
    case .logfmt:
      append("time=")
      self.bytes.append(contentsOf: time)
      append(" level=")
      append(level.rawValue)
      append(" message=\"")
      append(message)
      append("\"")
    case .text:
      self.bytes.append(contentsOf: time)
      append(" ")
      append(level.rawValue)
      for _ in level.rawValue.utf8.count..<8 { append(" ") }
      append(message)
    }
  }

  /// The line with its end, behind what was there before.
  consuming func finished() -> [UInt8] {
    append(format == .json ? "}\n" : "\n")
    return bytes
  }

  // MARK: Fields

  /// A field whose value is text, of whatever origin.
  package mutating func add(_ name: StaticString, _ value: String) {
    begin(name)
    let isBare = format != .json && LogText.isPlainWord(value)
    if isBare {
      append(value)
    } else {
      append("\"")
      LogText.appendEscaped(value, to: &bytes, bytesMax: Self.valueBytesMax)
      append("\"")
    }
  }

  /// The same; without a value there is no field.
  package mutating func add(_ name: StaticString, _ value: String?) {
    if let value { add(name, value) }
  }

  /// A number; one below 0 is 0.
  package mutating func add(_ name: StaticString, _ value: Int) {
    add(name, UInt64(max(0, value)))
  }

  package mutating func add(_ name: StaticString, _ value: UInt64) {
    begin(name)
    append(decimal: value)
  }

  private mutating func begin(_ name: StaticString) {
    switch format {
    case .json:
      append(",\"")
      append(name)
      append("\":")
    case .logfmt, .text:
      append(" ")
      append(name)
      append("=")
    }
  }

  private mutating func append(_ text: StaticString) {
    // SAFETY: the buffer lives as long as the program.
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func append(decimal number: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var first = digits.count
    var rest = number
    repeat {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    for index in first..<digits.count { bytes.append(digits[index]) }
  }
}
