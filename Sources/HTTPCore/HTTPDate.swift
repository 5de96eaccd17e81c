/// Dates as HTTP writes them: IMF-fixdate (RFC 9110 §5.6.7).
package enum HTTPDate {
  private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`, for a time at or after 1970 that
  /// is given in seconds since then, leap seconds not counted.
  package static func format(unixSeconds: UInt64) -> String {
    let moment = CivilTime(unixSeconds: unixSeconds)
    let time = [moment.hour, moment.minute, moment.second].map(twoDigits)
    return "\(weekdays[Int(unixSeconds / 86_400 % 7)]), \(twoDigits(moment.day)) "
      + "\(months[Int(moment.month) - 1]) \(moment.year) \(time.joined(separator: ":")) GMT"
  }

  private static func twoDigits(_ number: UInt64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}
