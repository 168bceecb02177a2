import Testing

@testable import RTCModel

@Suite("RTC: calendar")
struct CalendarTests {
  @Test("every day from 1900 to 2163 follows the one before it, and turns into its number and back")
  func everyDay() {
    var day = Calendar.daysBeforeYear(1900)
    var (year, month, dayOfMonth) = (Int64(1900), Int64(1), Int64(1))
    var wrong = 0
    while year <= 2163 {
      let date = Calendar.date(ofDay: day)
      if date != (year, month, dayOfMonth) { wrong += 1 }
      if Calendar.dayNumber(year: year, month: month, day: dayOfMonth) != day { wrong += 1 }
      day += 1
      dayOfMonth += 1
      if dayOfMonth > Calendar.days(inMonth: month, of: year) { (month, dayOfMonth) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect(wrong == 0)
    #expect(day == Calendar.daysBeforeYear(2164))
  }

  @Test(
    "days that are known have their numbers",
    arguments: [
      (1900, 1, 1, -25567), (1969, 12, 31, -1), (1970, 1, 1, 0), (2000, 2, 29, 11016), (2000, 3, 1, 11017),
      (2026, 7, 25, 20659), (2038, 1, 19, 24855), (2100, 2, 28, 47540), (2100, 3, 1, 47541), (2160, 2, 29, 69455),
    ] as [(Int64, Int64, Int64, Int64)])
  func known(year: Int64, month: Int64, day: Int64, number: Int64) {
    #expect(Calendar.dayNumber(year: year, month: month, day: day) == number)
    #expect(Calendar.date(ofDay: number) == (year, month, day))
  }

  @Test(
    "leap years are those of the Gregorian calendar",
    arguments: [(1900, false), (2000, true), (2024, true), (2100, false)])
  func leap(year: Int64, leap: Bool) {
    #expect(Calendar.isLeap(year) == leap)
    #expect(Calendar.days(inMonth: 2, of: year) == (leap ? 29 : 28))
  }

  @Test(
    "a date that does not exist carries on, and months and years stay in range",
    arguments: [
      (toyLow(2, 31, 0, 0, 0), 126, "2026-3-3 0:0:0.0"),
      (toyLow(1, 31, 31, 63, 63, tenths: 15), 126, "2026-2-1 8:4:4.5"),
      (toyLow(0, 0, 0, 0, 0), 126, "2026-1-1 0:0:0.0"), (toyLow(63, 31, 0, 0, 0), 126, "2026-12-31 0:0:0.0"),
      (toyLow(12, 31, 31, 63, 63), 0xffff_ffff, "2163-12-31 23:59:59.9"),
      (toyLow(1, 1, 0, 0, 0), 0, "1900-1-1 0:0:0.0"),
    ] as [(UInt32, UInt32, String)])
  func carries(low: UInt32, year: UInt32, text: String) {
    let written = CalendarTime(low: low, yearsSince1900: year)
    let time = CalendarTime(nanoseconds: written.nanoseconds)
    let day = "\(time.year)-\(time.month)-\(time.day)"
    #expect("\(day) \(time.hour):\(time.minute):\(time.second).\(time.tenth)" == text)
  }
}
