import HTTPCore
import Testing

@Suite("RFC 9110 §5.6.7: dates")
struct HTTPDateTests {
  @Test(
    arguments: [
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (1, "Thu, 01 Jan 1970 00:00:01 GMT"),
      (59, "Thu, 01 Jan 1970 00:00:59 GMT"),
      (3_599, "Thu, 01 Jan 1970 00:59:59 GMT"),
      (86_399, "Thu, 01 Jan 1970 23:59:59 GMT"),
      (86_400, "Fri, 02 Jan 1970 00:00:00 GMT"),
      (5_097_599, "Sat, 28 Feb 1970 23:59:59 GMT"),
      (5_097_600, "Sun, 01 Mar 1970 00:00:00 GMT"),
      (31_535_999, "Thu, 31 Dec 1970 23:59:59 GMT"),
      (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
      (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),  // the RFC's own example
      (946_684_799, "Fri, 31 Dec 1999 23:59:59 GMT"),
      (946_684_800, "Sat, 01 Jan 2000 00:00:00 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
      (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
      (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
      (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
      (1_234_567_890, "Fri, 13 Feb 2009 23:31:30 GMT"),
      (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
      (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
      (1_740_787_200, "Sat, 01 Mar 2025 00:00:00 GMT"),
      (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
      (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
      (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),  // 2100 is no leap year
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
      (4_294_967_296, "Sun, 07 Feb 2106 06:28:16 GMT"),
      (13_574_563_200, "Tue, 29 Feb 2400 00:00:00 GMT"),
      (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] as [(UInt64, String)])
  func knownDates(_ seconds: UInt64, _ text: String) {
    #expect(HTTPDate.format(unixSeconds: seconds) == text)
  }

  /// The calendar counted day by day.
  @Test func everyDayUntil2110() {
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      ("Jan", 31), ("Feb", 28), ("Mar", 31), ("Apr", 30), ("May", 31), ("Jun", 30), ("Jul", 31),
      ("Aug", 31), ("Sep", 30), ("Oct", 31), ("Nov", 30), ("Dec", 31),
    ]
    var days: UInt64 = 0
    for year in 1970..<2110 {
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      for (name, length) in months {
        for day in 1...(name == "Feb" && isLeap ? 29 : length) {
          let weekday = weekdays[Int((days + 4) % 7)]
          let text = "\(weekday), \(day < 10 ? "0" : "")\(day) \(name) \(year) 12:00:00 GMT"
          #expect(HTTPDate.format(unixSeconds: days * 86_400 + 43_200) == text)
          days += 1
        }
      }
    }
  }
}
