/// What of a running gateway follows a change of an option.
package enum ChangeEffect: Sendable, Equatable {
  /// New connections, messages and deadlines do, in place.
  case live
  /// The same, as long as this option, which may be itself, does not change from nothing to
  /// something or back.
  case liveWhileSet(String)
  /// Nothing before a restart.
  case restart
}

/// Where an option can be given.
package struct Sources: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  package static let flags = Sources(rawValue: 1)
  package static let environment = Sources(rawValue: 2)
  package static let file = Sources(rawValue: 4)
  package static let all: Sources = [.flags, .environment, .file]
}

/// An option as the table knows it, whatever the type of its values.
package struct OptionDescription: Sendable {
  /// In lower case, with hyphens: the flag without its dashes, and the key in the file.
  package let name: String
  package let syntax: ValueSyntax
  package let arity: Arity
  /// In the form that is shown; none when the option is unset by default.
  package let defaultTexts: [String]
  /// What holds while it is unset, as `no limit`.
  package let unsetMeaning: String
  /// For `--help` and the reference: a sentence or some.
  package let help: String
  /// For the reference alone: what happens at the limit, and the like.
  package let details: String
  package let change: ChangeEffect
  package let isSecret: Bool
  package let sources: Sources
  /// Checks one value, and gives it the form in which values are compared and shown.
  let canonical: @Sendable (String) throws(ValueProblem) -> String

  /// How many values there are.
  package enum Arity: Sendable {
    case one
    /// True or false.
    case flag
    case list
  }
}

/// An option with the type of its values. It is declared once; all else comes from that.
package struct ConfigOption<Value: Sendable>: Sendable {
  package let description: OptionDescription
  /// Of canonical texts, none when unset. Nil for texts that are not.
  let decode: @Sendable ([String]) -> Value?
}

extension ConfigOption {
  /// An option with one value.
  package init(
    _ name: String, _ type: ValueType<Value>, default defaultValue: Value, change: ChangeEffect,
    help: String, details: String = "", sources: Sources = .all
  ) {
    description = OptionDescription(
      name: name, syntax: type.syntax, arity: .one,
      defaultTexts: [type.describe(defaultValue)], unsetMeaning: "", help: help, details: details,
      change: change, isSecret: false, sources: sources, canonical: canonicalForm(type))
    decode = { texts in texts.first.flatMap { try? type.parse($0) } }
  }

  /// An option with one value or none, nil. `unset` says what holds without it: `no limit`.
  package init<Wrapped>(
    _ name: String, _ type: ValueType<Wrapped>, unset: String, change: ChangeEffect,
    secret: Bool = false, help: String, details: String = "", sources: Sources = .all
  ) where Value == Wrapped? {
    description = OptionDescription(
      name: name, syntax: type.syntax, arity: .one, defaultTexts: [], unsetMeaning: unset,
      help: help, details: details, change: change, isSecret: secret, sources: sources,
      canonical: canonicalForm(type))
    decode = { texts in
      guard let text = texts.first else { return .some(nil) }
      return (try? type.parse(text)).map(Optional.some)
    }
  }

  /// An option that can be repeated.
  package init<Element>(
    list name: String, _ type: ValueType<Element>, default defaultValue: [Element] = [],
    unset: String, change: ChangeEffect, secret: Bool = false, help: String,
    details: String = "", sources: Sources = .all
  ) where Value == [Element] {
    description = OptionDescription(
      name: name, syntax: type.syntax, arity: .list,
      defaultTexts: defaultValue.map(type.describe), unsetMeaning: unset, help: help,
      details: details, change: change, isSecret: secret, sources: sources,
      canonical: canonicalForm(type))
    decode = { texts in
      let values = texts.compactMap { try? type.parse($0) }
      return values.count == texts.count ? values : nil
    }
  }

  /// An option that is on or off; off unless given.
  package init(
    flag name: String, change: ChangeEffect, help: String, details: String = "",
    sources: Sources = .all
  ) where Value == Bool {
    description = OptionDescription(
      name: name, syntax: ValueType.flag.syntax, arity: .flag, defaultTexts: ["false"],
      unsetMeaning: "", help: help, details: details, change: change, isSecret: false,
      sources: sources, canonical: canonicalForm(.flag))
    decode = { texts in texts.first.flatMap { try? ValueType.flag.parse($0) } }
  }
}

private func canonicalForm<Value>(
  _ type: ValueType<Value>
) -> @Sendable (String) throws(ValueProblem) -> String {
  { (text) throws(ValueProblem) in type.describe(try type.parse(text)) }
}
