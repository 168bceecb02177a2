// Days and dates of the proleptic Gregorian calendar, and how the TOY registers spell them.

/// The time of year as the registers hold it: UTC, with tenths of a second.
struct CalendarTime: Equatable, Sendable {
  /// 1900... in full.
  var year: Int64
  /// 1...12.
  var month: Int64
  /// 1...31.
  var day: Int64
  /// 0...23.
  var hour: Int64
  /// 0...59.
  var minute: Int64
  /// 0...59.
  var second: Int64
  /// 0...9.
  var tenth: Int64
}

/// Counts days since 1970-01-01 from dates, and back.
enum Calendar {
  static let secondsPerDay: Int64 = 86_400
  /// The years that the clock can show: the registers' year 0, to the last one of the fourth round of the alarms' 6-bit year and
  /// the start of the fifth. All of them stay inside 64 bits of nanoseconds.
  static let years: ClosedRange<Int64> = 1900...2163

  static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  /// Days of `month`, 1...12; 0 for a month that does not exist.
  static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    case 1, 3, 5, 7, 8, 10, 12: 31
    default: 0
    }
  }

  /// Days from 1970-01-01 to `year`-01-01; negative before. For years 1...9999.
  static func daysBeforeYear(_ year: Int64) -> Int64 {
    let past = year - 1
    let daysSinceYearOne = past * 365 + past / 4 - past / 100 + past / 400
    return daysSinceYearOne - 719_162
  }

  /// Days from 1970-01-01 to the date, for a month in 1...12. A day beyond the month's end counts on into the next.
  static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    var days = daysBeforeYear(year) + day - 1
    var earlier: Int64 = 1
    while earlier < month {
      days += Self.days(inMonth: earlier, of: year)
      earlier += 1
    }
    return days
  }

  /// The date of a day counted from 1970-01-01, for days within `years`.
  static func date(ofDay dayNumber: Int64) -> (year: Int64, month: Int64, day: Int64) {
    // The estimate is at most one year low: 400 years have 146097 days.
    var year = 1970 + (dayNumber * 400).flooredQuotient(146_097)
    while daysBeforeYear(year + 1) <= dayNumber { year += 1 }
    while daysBeforeYear(year) > dayNumber { year -= 1 }
    var rest = dayNumber - daysBeforeYear(year)
    var month: Int64 = 1
    while rest >= days(inMonth: month, of: year) {
      rest -= days(inMonth: month, of: year)
      month += 1
    }
    return (year, month, rest + 1)
  }
}

extension CalendarTime {
  static let nanosecondsPerTenth: Int64 = 100_000_000
  static let nanosecondsPerSecond: Int64 = 1_000_000_000

  /// The first and the last instant that the clock can show, in nanoseconds since 1970.
  static let range: ClosedRange<Int64> =
    startOfYear(Calendar.years.lowerBound)...startOfYear(Calendar.years.upperBound + 1) - 1

  private static func startOfYear(_ year: Int64) -> Int64 {
    Calendar.daysBeforeYear(year) * Calendar.secondsPerDay * nanosecondsPerSecond
  }

  /// The time of year at `nanoseconds` since 1970, which lies in `range`.
  init(nanoseconds: Int64) {
    let seconds = nanoseconds.flooredQuotient(Self.nanosecondsPerSecond)
    let dayNumber = seconds.flooredQuotient(Calendar.secondsPerDay)
    let inDay = seconds - dayNumber * Calendar.secondsPerDay
    (year, month, day) = Calendar.date(ofDay: dayNumber)
    hour = inDay / 3600
    minute = inDay / 60 % 60
    second = inDay % 60
    tenth = (nanoseconds - seconds * Self.nanosecondsPerSecond) / Self.nanosecondsPerTenth
  }

  /// Nanoseconds since 1970. Fields beyond their range, which the registers can hold, carry on into the next larger one, as the
  /// 31st of a short month does; months are brought into 1...12, and the whole into `range`.
  var nanoseconds: Int64 {
    let boundedYear = min(max(year, Calendar.years.lowerBound), Calendar.years.upperBound)
    let dayNumber = Calendar.dayNumber(year: boundedYear, month: min(max(month, 1), 12), day: max(day, 1))
    let seconds = dayNumber * Calendar.secondsPerDay + hour * 3600 + minute * 60 + second
    // The last day may carry past the end by some hours; that still fits.
    let whole = seconds * Self.nanosecondsPerSecond + tenth * Self.nanosecondsPerTenth
    return min(max(whole, Self.range.lowerBound), Self.range.upperBound)
  }

  /// All fields name a moment that exists.
  var isValid: Bool {
    guard Calendar.years.contains(year), day >= 1, day <= Calendar.days(inMonth: month, of: year) else { return false }
    return hour < 24 && minute < 60 && second < 60
  }
}

extension CalendarTime {
  /// From TOYWRITE0 (month 31:26, day 25:21, hour 20:16, minute 15:10, second 9:4, tenths 3:0) and TOYWRITE1 (years since 1900).
  init(low: UInt32, yearsSince1900: UInt32) {
    year = 1900 + Int64(yearsSince1900)
    month = Int64(low >> 26)
    day = Int64(low >> 21 & 0x1f)
    hour = Int64(low >> 16 & 0x1f)
    minute = Int64(low >> 10 & 0x3f)
    second = Int64(low >> 4 & 0x3f)
    tenth = Int64(low & 0xf)
  }

  /// TOYREAD0.
  var low: UInt32 {
    let date = month << 26 | day << 21 | hour << 16
    return UInt32(truncatingIfNeeded: date | minute << 10 | second << 4 | tenth)
  }

  /// TOYREAD1.
  var yearsSince1900: UInt32 { UInt32(truncatingIfNeeded: year - 1900) }

  /// From TOYMATCH (month 25:22, day 21:17, hour 16:12, minute 11:6, second 5:0; the year's low bits 31:26 are left out) in `year`.
  init(match: UInt32, year: Int64) {
    self.year = year
    month = Int64(match >> 22 & 0xf)
    day = Int64(match >> 17 & 0x1f)
    hour = Int64(match >> 12 & 0x1f)
    minute = Int64(match >> 6 & 0x3f)
    second = Int64(match & 0x3f)
    tenth = 0
  }
}

extension Int64 {
  /// The quotient rounded down; `divisor` is positive.
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }

  /// The sum, or the nearest value that there is.
  func addingSaturated(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The difference, or the nearest value that there is.
  func subtractingSaturated(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}
