// The TOY counter: a calendar clock in UTC with three alarms.

import DeviceModel

/// A moment that never comes, in either counter's unit.
let never = Int64.max

/// The time of year is the host's realtime plus an offset, so that it follows when the host's clock is set; writing the counter
/// changes the offset alone.
struct TimeOfYear: Sendable {
  /// Nanoseconds from the host's realtime.
  var offset: Int64 = 0
  /// What TOYWRITE0 was given, while no other register was touched since: the TOYWRITE1 that follows makes one date of both.
  /// Taken one by one, 29 February would fall into the old year, where it may not exist.
  var writtenLow: UInt32?
  /// TOYMATCH0–2.
  var match = InlineArray<3, UInt32>(repeating: 0)
  /// When each alarm comes, in nanoseconds of this clock; `never` without one. Kept, not derived: an alarm that fell into the time
  /// while the device was away has to come afterwards.
  var due = InlineArray<3, Int64>(repeating: never)

  /// The clock's nanoseconds since 1970 at `instant`; it stops at the ends of the range that its registers can show.
  func nanoseconds(at instant: Instant) -> Int64 {
    let time = instant.realtime.addingSaturated(offset)
    return min(max(time, CalendarTime.range.lowerBound), CalendarTime.range.upperBound)
  }

  /// The clock's date at `instant`.
  func date(at instant: Instant) -> CalendarTime { CalendarTime(nanoseconds: nanoseconds(at: instant)) }

  /// TOYWRITE0: everything but the year.
  mutating func writeLow(_ value: UInt32, at instant: Instant) {
    set(CalendarTime(low: value, yearsSince1900: date(at: instant).yearsSince1900), at: instant)
    writtenLow = value
  }

  /// TOYWRITE1: the year, with the date that TOYWRITE0 has just been given or else with the current one.
  mutating func writeHigh(_ value: UInt32, at instant: Instant) {
    set(CalendarTime(low: writtenLow ?? date(at: instant).low, yearsSince1900: value), at: instant)
    writtenLow = nil
  }

  private mutating func set(_ date: CalendarTime, at instant: Instant) {
    offset = date.nanoseconds.subtractingSaturated(instant.realtime)
  }

  /// Works out when alarm `index` comes next: in the second that runs now, or later. `running` false: never.
  mutating func arm(_ index: Int, at instant: Instant, running: Bool) {
    let second = nanoseconds(at: instant).flooredQuotient(CalendarTime.nanosecondsPerSecond)
    due[index] = running ? nextMatch(match[index], from: second) : never
  }

  /// Bits 2:0: the alarms that have come by `instant`. Each is set for its next time, 64 years on or more.
  mutating func takeDue(at instant: Instant) -> UInt8 {
    let time = nanoseconds(at: instant)
    var came: UInt8 = 0
    for index in 0..<3 where due[index] <= time {
      came |= 1 << UInt8(index)
      due[index] = nextMatch(match[index], from: time.flooredQuotient(CalendarTime.nanosecondsPerSecond) + 1)
    }
    return came
  }

  /// Nanoseconds from `instant` to the next alarm, at least 0; nil without one.
  func untilDue(at instant: Instant) -> Int64? {
    let first = min(due[0], due[1], due[2])
    return first == never ? nil : max(0, first - nanoseconds(at: instant))
  }

  /// The first second at or after `start` (seconds since 1970) that agrees with `match` in all fields, in nanoseconds. A match that
  /// names no moment, such as 0 with its month 0, is an alarm that is off.
  private func nextMatch(_ match: UInt32, from start: Int64) -> Int64 {
    let (earliest, overflow) = start.multipliedReportingOverflow(by: CalendarTime.nanosecondsPerSecond)
    var year = Calendar.years.lowerBound + Int64(match >> 26)
    while !overflow, year <= Calendar.years.upperBound {
      let candidate = CalendarTime(match: match, year: year)
      if candidate.isValid, candidate.nanoseconds >= earliest { return candidate.nanoseconds }
      year += 64
    }
    return never
  }

  /// True if `due[index]` is a moment that `match[index]` names.
  func agrees(_ index: Int) -> Bool {
    guard due[index] != never else { return true }
    guard CalendarTime.range.contains(due[index]) else { return false }
    let year = CalendarTime(nanoseconds: due[index]).year
    let named = CalendarTime(match: match[index], year: year)
    return UInt32(truncatingIfNeeded: year - 1900) & 0x3f == match[index] >> 26
      && named.isValid && named.nanoseconds == due[index]
  }
}
