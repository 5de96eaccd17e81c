internal import HTTPCore

/// Times of lines (RFC 3339), in UTC with milliseconds.
struct LogTime {
  private var second: UInt64 = .max
  /// Such as `2025-11-23T08:02:16.000Z`.
  private var text: [UInt8] = []

  mutating func format(unixMilliseconds: UInt64) -> [UInt8] {
    let second = unixMilliseconds / 1000
    if second != self.second {
      self.second = second
      let moment = CivilTime(unixSeconds: second)
      let date = [Self.padded(moment.year, 4), Self.padded(moment.month), Self.padded(moment.day)]
      let time = [moment.hour, moment.minute, moment.second].map { Self.padded($0) }
      text = Array(
        "\(date.joined(separator: "-"))T\(time.joined(separator: ":")).000Z".utf8)
    }
    var rest = unixMilliseconds % 1000
    for index in stride(from: text.count - 2, to: text.count - 5, by: -1) {
      text[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    return text
  }

  private static func padded(_ number: UInt64, _ digits: Int = 2) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
