/// How values of a kind look, apart from their Swift type.
package struct ValueSyntax: Sendable {
  /// What stands for a value in the help, as `size`.
  package let placeholder: String
  /// What a TOML file may have.
  let fileForms: Set<FileForm>
  /// For the reference; empty when there is nothing to say.
  package let range: String
  /// The only values there are; empty when they cannot be listed.
  package let permitted: [String]
  /// Any good value, for messages.
  package let example: String

  /// Kinds of TOML values.
  enum FileForm: Sendable, Hashable {
    case string
    case integer
    case boolean
  }
}

/// Why a text is no value: `is not a size`, which follows the text, and what to write instead.
/// The text itself may be a secret, and is in neither.
package struct ValueProblem: Error, Sendable {
  let problem: String
  let remedy: String

  package init(_ problem: String, remedy: String) {
    self.problem = problem
    self.remedy = remedy
  }
}

/// Values of one kind: how they are read, checked and shown.
package struct ValueType<Value: Sendable>: Sendable {
  let syntax: ValueSyntax
  let parse: @Sendable (String) throws(ValueProblem) -> Value
  /// In the form that `parse` reads; equal values have equal texts.
  let describe: @Sendable (Value) -> String
}

extension ValueType {
  /// A kind that is written as text. `range` is for the reference; `describe` gives the form
  /// that `parse` reads back, and that is compared.
  package static func text(
    _ placeholder: String, range: String, example: String,
    parse: @escaping @Sendable (String) throws(ValueProblem) -> Value,
    describe: @escaping @Sendable (Value) -> String
  ) -> Self {
    Self(
      syntax: ValueSyntax(
        placeholder: placeholder, fileForms: [.string], range: range, permitted: [],
        example: example),
      parse: parse, describe: describe)
  }
}

extension ValueType where Value == String {
  /// Any text but an empty one.
  package static func text(_ placeholder: String, range: String, example: String) -> Self {
    .text(
      placeholder, range: range, example: example,
      parse: { (text) throws(ValueProblem) in
        if text.isEmpty { throw ValueProblem("is empty", remedy: "as in \(example)") }
        // A file's name would end there for the system.
        if text.utf8.contains(0) {
          throw ValueProblem("has a zero byte in it", remedy: "as in \(example)")
        }
        return text
      },
      describe: { $0 })
  }

  /// The path of a file, relative to the working directory.
  package static func file(_ example: String) -> Self {
    .text("file", range: "", example: example)
  }
}

extension ValueType where Value == ByteSize {
  package static func size(_ range: ClosedRange<Int>) -> Self {
    let bounds = "\(ByteSize(range.lowerBound)) to \(ByteSize(range.upperBound))"
    return Self(
      syntax: ValueSyntax(
        placeholder: "size", fileForms: [.string, .integer], range: bounds,
        permitted: [],
        example: "\(ByteSize(min(max(64 << 10, range.lowerBound), range.upperBound)))"),
      parse: { (text) throws(ValueProblem) in
        guard let size = ByteSize(parsing: text) else {
          throw ValueProblem(
            "is not a size", remedy: "sizes are bytes, or have a unit, as in 64KiB or 1MiB")
        }
        guard range.contains(size.bytes) else {
          throw ValueProblem("is out of range", remedy: "it can be \(bounds)")
        }
        return size
      },
      describe: \.description)
  }
}

extension ValueType where Value == TimeSpan {
  /// At most a day.
  package static func time(canBeZero: Bool) -> Self {
    Self(
      syntax: ValueSyntax(
        placeholder: "time", fileForms: [.string],
        range: canBeZero ? "0 to 24h" : "above 0, to 24h", permitted: [], example: "1.5s"),
      parse: { (text) throws(ValueProblem) in
        guard let span = TimeSpan(parsing: text) else {
          throw ValueProblem(
            "is not a time",
            remedy: "times have a unit, as in 500ms, 1.5s or 2m, and are 24h at most")
        }
        if span.milliseconds == 0 && !canBeZero {
          throw ValueProblem("is out of range", remedy: "it can be above 0, to 24h")
        }
        return span
      },
      describe: \.description)
  }
}

extension ValueType where Value == Int {
  package static func count(_ range: ClosedRange<Int>) -> Self {
    let bounds = "\(range.lowerBound) to \(range.upperBound)"
    return Self(
      syntax: ValueSyntax(
        placeholder: "count", fileForms: [.integer], range: bounds, permitted: [],
        example: "\(min(max(100, range.lowerBound), range.upperBound))"),
      parse: { (text) throws(ValueProblem) in
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
          throw ValueProblem("is not a whole number", remedy: "it can be \(bounds)")
        }
        guard let count = Int(text), range.contains(count) else {
          throw ValueProblem("is out of range", remedy: "it can be \(bounds)")
        }
        return count
      },
      describe: { "\($0)" })
  }
}

extension ValueType where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
  /// One of the cases, by its raw value.
  package static func choice(_ placeholder: String, example: Value) -> Self {
    let names = Value.allCases.map(\.rawValue)
    return Self(
      syntax: ValueSyntax(
        placeholder: placeholder, fileForms: [.string], range: "", permitted: names,
        example: example.rawValue),
      parse: { (text) throws(ValueProblem) in
        guard let value = Value(rawValue: text) else {
          throw ValueProblem(
            "is not a \(placeholder) that there is", remedy: "it can be \(alternatives(names))")
        }
        return value
      },
      describe: \.rawValue)
  }
}

extension ValueType where Value == Bool {
  static var flag: Self {
    Self(
      syntax: ValueSyntax(
        placeholder: "", fileForms: [.boolean], range: "",
        permitted: ["true", "false"], example: "true"),
      parse: { (text) throws(ValueProblem) in
        switch text {
        case "true": return true
        case "false": return false
        default:
          throw ValueProblem("is neither true nor false", remedy: "it can be true or false")
        }
      },
      describe: { $0 ? "true" : "false" })
  }
}

/// `a, b or c`.
func alternatives(_ names: [String]) -> String {
  guard let last = names.last, names.count > 1 else { return names.first ?? "" }
  return names.dropLast().joined(separator: ", ") + " or " + last
}
