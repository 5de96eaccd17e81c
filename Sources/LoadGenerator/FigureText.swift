/// Numbers for people, with three significant digits where that is enough.
enum FigureText {
  /// `1,234,567`.
  static func count(_ value: UInt64) -> String {
    let digits = String(value)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
      text.append(digit)
    }
    return text
  }

  /// `1,235`, `12.3`, `0.05`: a whole number where it has three digits.
  static func number(_ value: Double) -> String {
    if value < 0 { return "-" + number(-value) }
    if value >= 99.95 { return value < 1e18 ? count(UInt64(value.rounded())) : "\(value)" }
    let decimals = value >= 9.995 ? 1 : 2
    let scale: UInt64 = decimals == 1 ? 10 : 100
    let scaled = UInt64((value * Double(scale)).rounded())
    if scaled.isMultiple(of: scale) { return "\(scaled / scale)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// `480 µs`, `1.23 ms`, `2.5 s`.
  static func time(microseconds: Double) -> String {
    switch microseconds {
    case ..<999.5: "\(number(microseconds)) µs"
    case ..<999_500: "\(number(microseconds / 1e3)) ms"
    default: "\(number(microseconds / 1e6)) s"
    }
  }

  /// `324 B`, `14.3 KiB`.
  static func bytes(_ bytes: Double) -> String {
    switch abs(bytes) {
    case ..<1024: "\(number(bytes)) B"
    case ..<1_048_576: "\(number(bytes / 1024)) KiB"
    case ..<1_073_741_824: "\(number(bytes / 1_048_576)) MiB"
    default: "\(number(bytes / 1_073_741_824)) GiB"
    }
  }

  static func percent(_ value: Double) -> String {
    value < 1e18 ? "\(count(UInt64(max(0, value.rounded())))) %" : "\(value) %"
  }

  /// `1 connection`, `64 connections`.
  static func amount(_ value: UInt64, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// Rows whose cells stand below each other, the first column to the left, others to the right.
  static func table(_ rows: [[String]]) -> [String] {
    let columnCount = rows.map(\.count).max() ?? 0
    let widths = (0..<columnCount).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }
      let line = cells.joined(separator: "  ")
      return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
    }
  }
}
