/// A number of bytes, as `65536`, `64KiB`, `1MiB` or `1GiB`.
package struct ByteSize: Sendable, Equatable, CustomStringConvertible {
  package let bytes: Int

  package init(_ bytes: Int) {
    self.bytes = bytes
  }

  /// Nil for anything that is not a whole number with one of the units, in upper or lower case.
  package init?(parsing text: String) {
    guard let (number, unit) = splitUnit(text), let count = Int(number) else { return nil }
    let factor: Int
    switch unit.lowercased() {
    case "", "b": factor = 1
    case "kib", "k": factor = 1 << 10
    case "mib", "m": factor = 1 << 20
    case "gib", "g": factor = 1 << 30
    default: return nil
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
    if overflow { return nil }
    self.bytes = bytes
  }

  /// In the largest unit of which it is a whole number; ``init(parsing:)`` reads it back.
  package var description: String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes >= factor && bytes % factor == 0 {
      return "\(bytes / factor)\(unit)"
    }
    return "\(bytes)"
  }
}

/// A length of time, as `500ms`, `9s`, `1.5s`, `2m` or `1h`; `0` for none.
package struct TimeSpan: Sendable, Equatable, CustomStringConvertible {
  package let milliseconds: UInt64

  package init(milliseconds: UInt64) {
    self.milliseconds = milliseconds
  }

  /// A day. Longer deadlines are mistakes.
  private static let millisecondsMax = 86_400_000.0

  /// Nil for anything that is not a number with one of the units, and for more than a day.
  package init?(parsing text: String) {
    guard let (number, unit) = splitUnit(text), let count = Double(number) else { return nil }
    let factor: Double
    switch unit {
    case "ms": factor = 1
    case "s": factor = 1_000
    case "m", "min": factor = 60_000
    case "h": factor = 3_600_000
    case "" where count == 0: factor = 1
    default: return nil
    }
    let milliseconds = (count * factor).rounded()
    guard milliseconds >= 0, milliseconds <= Self.millisecondsMax else { return nil }
    self.milliseconds = UInt64(milliseconds)
  }

  /// In seconds where they are whole; ``init(parsing:)`` reads it back.
  package var description: String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }
}

/// `1.5s` as `1.5` and `s`; nil without digits in front.
private func splitUnit(_ text: String) -> (number: String, unit: String)? {
  let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  return number.isEmpty ? nil : (String(number), String(text.dropFirst(number.count)))
}
