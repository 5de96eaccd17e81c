internal import ArgumentParser

/// A number of bytes, as `65536`, `64KiB`, `1MiB` or `1GiB`.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
  let bytes: Int

  init(_ bytes: Int) {
    self.bytes = bytes
  }

  init?(argument: String) {
    guard let (number, unit) = splitUnit(argument), let count = Int(number) else { return nil }
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

  var description: String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes >= factor && bytes % factor == 0 {
      return "\(bytes / factor)\(unit)"
    }
    return "\(bytes)"
  }

  var defaultValueDescription: String { description }
}

/// A length of time, as `500ms`, `9s`, `1.5s`, `2m` or `1h`; `0` for none.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
  let milliseconds: UInt64

  init(milliseconds: UInt64) {
    self.milliseconds = milliseconds
  }

  /// A day. Longer deadlines are mistakes.
  private static let millisecondsMax = 86_400_000.0

  init?(argument: String) {
    guard let (number, unit) = splitUnit(argument), let count = Double(number) else { return nil }
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

  var description: String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }

  var defaultValueDescription: String { description }
}

/// `1.5s` as `1.5` and `s`; nil without digits in front.
private func splitUnit(_ text: String) -> (number: String, unit: String)? {
  let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  return number.isEmpty ? nil : (String(number), String(text.dropFirst(number.count)))
}
