/// A message between coordinator and worker as it travels: one packet of a SOCK_SEQPACKET
/// socket.
///
///     sluice/1 drain
///     window_ms 8000
///     deadline_ms 8800
///
/// A line with the version and the verb; lines of a key and a value, percent-encoded; an
/// empty line; then a body of any bytes. Keys that are not known are ignored, and the next
/// version is read like this one, so that processes of two successive versions understand
/// each other.
struct ControlPacket {
  /// The most bytes of a packet.
  static let bytesMax = 128 * 1024
  static let version: UInt64 = 1

  let verb: String
  /// In the order of writing. No key occurs twice.
  private(set) var fields: [(key: String, value: [UInt8])] = []
  var body: [UInt8] = []

  init(verb: String) {
    self.verb = verb
  }

  mutating func set(_ key: String, _ value: [UInt8]) {
    fields.append((key, value))
  }

  mutating func set(_ key: String, _ value: String) {
    fields.append((key, Array(value.utf8)))
  }

  mutating func set(_ key: String, _ number: UInt64) {
    set(key, String(number))
  }

  func encoded() throws(ControlMessageError) -> [UInt8] {
    var bytes = Array("sluice/\(Self.version) \(verb)\n".utf8)
    for (key, value) in fields {
      PercentCoding.append(key.utf8, to: &bytes)
      bytes.append(.space)
      PercentCoding.append(value, to: &bytes)
      bytes.append(.newline)
      if bytes.count > Self.bytesMax { throw .tooLong(bytes.count) }
    }
    bytes.append(.newline)
    guard body.count <= Self.bytesMax - bytes.count else {
      throw .tooLong(bytes.count + body.count)
    }
    return bytes + body
  }
}

/// What is wrong with a message.
package enum ControlMessageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It has, or would have, more than 128 KiB.
  case tooLong(Int)
  /// The line, counted from 1, is not as it should be.
  case malformedLine(Int)
  /// Neither this version nor the next.
  case unsupportedVersion(UInt64)
  case unknownVerb(String)
  case duplicateKey(String)
  case missingKey(String)
  case invalidValue(key: String)

  package var description: String {
    switch self {
    case .tooLong(let count):
      "a control message of \(count) bytes; the limit is \(ControlPacket.bytesMax)"
    case .malformedLine(let line): "line \(line) of a control message is malformed"
    case .unsupportedVersion(let version):
      "control messages of version \(version); this is version \(ControlPacket.version)"
    case .unknownVerb(let verb): "unknown control message “\(verb)”"
    case .duplicateKey(let key): "“\(key)” stands twice in a control message"
    case .missingKey(let key): "“\(key)” is missing in a control message"
    case .invalidValue(let key): "the value of “\(key)” in a control message makes no sense"
    }
  }
}

/// Reading.
extension ControlPacket {
  init(decoding bytes: Span<UInt8>) throws(ControlMessageError) {
    guard bytes.count <= Self.bytesMax else { throw .tooLong(bytes.count) }
    var lines = LineReader(bytes: Array(copying: bytes))
    self.init(verb: try Self.verb(of: try lines.next()))
    var keys: Set<String> = []
    while true {
      let line = try lines.next()
      if line.isEmpty { break }
      guard let space = line.firstIndex(of: .space),
        let key = PercentCoding.text(line[..<space]), !key.isEmpty,
        let value = PercentCoding.decode(line[(space + 1)...])
      else { throw .malformedLine(lines.number) }
      guard keys.insert(key).inserted else { throw .duplicateKey(key) }
      fields.append((key, value))
    }
    body = lines.rest()
  }

  private static func verb(of line: ArraySlice<UInt8>) throws(ControlMessageError) -> String {
    let prefix = Array("sluice/".utf8)
    guard line.starts(with: prefix), let space = line.firstIndex(of: .space),
      let version = UInt64(digits: line[(line.startIndex + prefix.count)..<space])
    else { throw .malformedLine(1) }
    guard version == Self.version || version == Self.version + 1 else {
      throw .unsupportedVersion(version)
    }
    guard let verb = PercentCoding.text(line[(space + 1)...]), !verb.isEmpty else {
      throw .malformedLine(1)
    }
    return verb
  }

  private struct LineReader {
    let bytes: [UInt8]
    var position = 0
    var number = 0

    init(bytes: [UInt8]) {
      self.bytes = bytes
    }

    mutating func next() throws(ControlMessageError) -> ArraySlice<UInt8> {
      number += 1
      guard let end = bytes[position...].firstIndex(of: .newline) else {
        throw .malformedLine(number)
      }
      defer { position = end + 1 }
      return bytes[position..<end]
    }

    func rest() -> [UInt8] { Array(bytes[position...]) }
  }
}

/// Values by their key.
extension ControlPacket {
  func bytes(_ key: String) throws(ControlMessageError) -> [UInt8] {
    guard let field = fields.first(where: { $0.key == key }) else { throw .missingKey(key) }
    return field.value
  }

  func text(_ key: String) throws(ControlMessageError) -> String {
    guard let text = String(validating: try bytes(key), as: UTF8.self) else {
      throw .invalidValue(key: key)
    }
    return text
  }

  func number(_ key: String) throws(ControlMessageError) -> UInt64 {
    guard let number = UInt64(digits: try bytes(key)) else { throw .invalidValue(key: key) }
    return number
  }

  func has(_ key: String) -> Bool {
    fields.contains { $0.key == key }
  }

  func slot(_ key: String = "slot") throws(ControlMessageError) -> SlotID {
    let number = try number(key)
    guard number < UInt64(FleetPolicy.slotsMax) else { throw .invalidValue(key: key) }
    return SlotID(Int(number))
  }

  /// All numbers whose key begins so, by the rest of the key.
  func numbers(_ prefix: String) throws(ControlMessageError) -> [String: UInt64] {
    var numbers: [String: UInt64] = [:]
    for (key, value) in fields where key.hasPrefix(prefix) {
      guard let number = UInt64(digits: value) else { throw .invalidValue(key: key) }
      numbers[String(key.dropFirst(prefix.count))] = number
    }
    return numbers
  }

  /// In the order of their names, so that the same numbers make the same packet.
  mutating func set(_ prefix: String, _ numbers: [String: UInt64]) {
    for (name, number) in numbers.sorted(by: { $0.key < $1.key }) {
      set(prefix + name, number)
    }
  }
}

extension UInt8 {
  static var newline: UInt8 { UInt8(ascii: "\n") }
  static var space: UInt8 { UInt8(ascii: " ") }
}

extension UInt64 {
  /// Decimal digits alone: no sign, no more than fit.
  init?(digits: some Collection<UInt8>) {
    guard !digits.isEmpty, digits.count <= 20 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      if tooLarge || overflow { return nil }
      value = sum
    }
    self = value
  }
}

extension [UInt8] {
  init(copying span: Span<UInt8>) {
    self.init()
    reserveCapacity(span.count)
    for index in span.indices { append(span[index]) }
  }
}
