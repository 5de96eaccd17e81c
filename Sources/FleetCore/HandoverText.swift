/// The state that goes from a binary to the next, as text: a line with the version, then a
/// line for each thing, with its fields by name, values percent-encoded.
///
///     sluice-fleet 1
///     slot index=0 worker=0.7 attendant=0.7 failures=0
///     worker id=0.7 pid=4711 state=ready since=81263544
///
/// Lines and fields that are not known are ignored; a field that is missing has a default
/// wherever one makes sense. So each version reads what its neighbours write.
struct HandoverText {
  static let version: UInt64 = 1

  struct Line {
    let kind: String
    /// Counted from 1.
    let number: Int
    var fields: [String: String] = [:]
  }

  private(set) var text = "sluice-fleet \(version)\n"
  private(set) var lines: [Line] = []

  init() {}

  mutating func append(_ kind: String, _ fields: KeyValuePairs<String, String?>) {
    text += kind
    for (name, value) in fields {
      if let value { text += " \(name)=\(PercentCoding.encode(value))" }
    }
    text += "\n"
  }

  init(reading text: String) throws(HandoverError) {
    var number = 0
    for line in text.utf8.split(separator: .newline, omittingEmptySubsequences: true) {
      number += 1
      let words = line.split(separator: .space, omittingEmptySubsequences: false)
      guard let first = words.first, let kind = PercentCoding.text(first) else {
        throw .malformedLine(number)
      }
      if number == 1 {
        try Self.verifyVersion(kind, words.dropFirst())
        continue
      }
      var read = Line(kind: kind, number: number)
      for word in words.dropFirst() {
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")),
          let name = PercentCoding.text(word[..<equals]),
          let value = PercentCoding.text(word[word.index(after: equals)...]),
          read.fields.updateValue(value, forKey: name) == nil
        else { throw .malformedLine(number) }
      }
      lines.append(read)
    }
    if number == 0 { throw .malformedLine(1) }
  }

  private static func verifyVersion(
    _ kind: String, _ rest: ArraySlice<Substring.UTF8View>
  ) throws(HandoverError) {
    guard kind == "sluice-fleet", rest.count == 1, let word = rest.first,
      let version = UInt64(digits: word)
    else { throw .malformedLine(1) }
    guard version == Self.version || version == Self.version + 1 else {
      throw .unsupportedVersion(version)
    }
  }
}

/// Why a handed-over state can't be taken over.
package enum HandoverError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Neither this version nor the next.
  case unsupportedVersion(UInt64)
  /// The line, counted from 1, is not as it should be.
  case malformedLine(Int)
  /// The lines contradict each other.
  case inconsistent(String)

  package var description: String {
    switch self {
    case .unsupportedVersion(let version):
      "the state is of version \(version); this is version \(HandoverText.version)"
    case .malformedLine(let line): "line \(line) of the state is malformed"
    case .inconsistent(let problem): "the state contradicts itself: \(problem)"
    }
  }
}

extension HandoverText.Line {
  /// A number; the default if it isn't there.
  func number(_ name: String, default value: UInt64? = nil) throws(HandoverError) -> UInt64 {
    guard let text = fields[name] else {
      if let value { return value }
      throw .malformedLine(number)
    }
    guard let number = UInt64(digits: text.utf8) else { throw .malformedLine(self.number) }
    return number
  }

  func text(_ name: String) throws(HandoverError) -> String {
    guard let text = fields[name] else { throw .malformedLine(number) }
    return text
  }

  func worker(_ name: String) throws(HandoverError) -> WorkerID? {
    guard let text = fields[name] else { return nil }
    guard let id = WorkerID(text) else { throw .malformedLine(number) }
    return id
  }

  func slot(_ name: String) throws(HandoverError) -> SlotID {
    let index = try number(name)
    guard index < UInt64(FleetPolicy.slotsMax) else { throw .malformedLine(number) }
    return SlotID(Int(index))
  }
}

extension WorkerID {
  /// As ``description`` writes it.
  init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 2, let slot = UInt64(digits: parts[0]),
      slot < UInt64(FleetPolicy.slotsMax), let generation = UInt64(digits: parts[1])
    else { return nil }
    self.init(slot: SlotID(Int(slot)), generation: generation)
  }
}
