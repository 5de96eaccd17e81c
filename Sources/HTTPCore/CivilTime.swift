/// A moment as calendars and clocks have it, in UTC.
package struct CivilTime: Equatable, Sendable {
  package let year: UInt64
  /// 1 to 12.
  package let month: UInt64
  /// 1 to 31.
  package let day: UInt64
  package let hour: UInt64
  package let minute: UInt64
  package let second: UInt64

  /// A time at or after 1970, in seconds since then, leap seconds not counted.
  ///
  /// Years are counted from March, so that the leap day is a year's last and a month's first day
  /// follows from its number alone.
  package init(unixSeconds: UInt64) {
    let daysIn400Years: UInt64 = 146_097
    let days = unixSeconds / 86_400 + 719_468  // from 1 March of the year 0
    let era = days / daysIn400Years
    let dayOfEra = days % daysIn400Years
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    let secondOfDay = unixSeconds % 86_400
    hour = secondOfDay / 3_600
    minute = secondOfDay / 60 % 60
    second = secondOfDay % 60
  }
}
