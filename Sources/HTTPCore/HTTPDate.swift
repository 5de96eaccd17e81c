/// Dates as HTTP writes them: IMF-fixdate (RFC 9110 §5.6.7).
package enum HTTPDate {
  private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`, for a time at or after 1970 that
  /// is given in seconds since then, leap seconds not counted.
  package static func format(unixSeconds: UInt64) -> String {
    let days = unixSeconds / 86_400
    let second = unixSeconds % 86_400
    let (year, month, day) = civilDate(daysSince1970: days)
    let time = [second / 3_600, second / 60 % 60, second % 60].map(twoDigits)
    return "\(weekdays[Int(days % 7)]), \(twoDigits(day)) \(months[Int(month) - 1]) \(year) "
      + time.joined(separator: ":") + " GMT"
  }

  private static func twoDigits(_ number: UInt64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }

  /// The Gregorian date. Years are counted from March, so that the leap day is a
  /// year's last and a month's first day follows from its number alone.
  private static func civilDate(
    daysSince1970: UInt64
  ) -> (year: UInt64, month: UInt64, day: UInt64) {
    let daysIn400Years: UInt64 = 146_097
    let days = daysSince1970 + 719_468  // from 1 March of the year 0
    let era = days / daysIn400Years
    let dayOfEra = days % daysIn400Years
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }
}
