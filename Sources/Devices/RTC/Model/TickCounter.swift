// The RTC counter: 32 bits at 32768 Hz with three alarms.

import DeviceModel

/// The counter is a number of ticks of the monotonic clock plus an offset, modulo 2³²; writing it changes the offset alone.
struct TickCounter: Sendable {
  static let ticksPerSecond: Int64 = 32_768
  static let period: Int64 = 1 << 32
  /// Beyond what any 64-bit clock reaches, and far from overflow.
  static let ticksLimit: Int64 = 1 << 50

  /// What the counter shows more than the monotonic ticks.
  var offset: UInt32 = 0
  /// RTCMATCH0–2.
  var match = InlineArray<3, UInt32>(repeating: 0)
  /// When each alarm comes, in monotonic ticks; `never` without one.
  var due = InlineArray<3, Int64>(repeating: never)

  /// Monotonic ticks at `instant`, rounded down.
  static func ticks(at instant: Instant) -> Int64 {
    let seconds = instant.monotonic.flooredQuotient(CalendarTime.nanosecondsPerSecond)
    let rest = instant.monotonic &- seconds &* CalendarTime.nanosecondsPerSecond
    return seconds * ticksPerSecond + rest * ticksPerSecond / CalendarTime.nanosecondsPerSecond
  }

  /// The first nanosecond of a tick.
  static func nanoseconds(ofTick tick: Int64) -> Int64 {
    let seconds = tick.flooredQuotient(ticksPerSecond)
    let rest = (tick - seconds * ticksPerSecond) * CalendarTime.nanosecondsPerSecond
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: CalendarTime.nanosecondsPerSecond)
    guard !overflow else { return seconds < 0 ? .min : .max }
    return whole.addingSaturated((rest + ticksPerSecond - 1) / ticksPerSecond)
  }

  /// RTCREAD.
  func value(at instant: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: Self.ticks(at: instant)) &+ offset
  }

  /// RTCWRITE.
  mutating func write(_ value: UInt32, at instant: Instant) {
    offset = value &- UInt32(truncatingIfNeeded: Self.ticks(at: instant))
  }

  /// Works out when alarm `index` comes next: at once if the counter shows its value. Value 0, as after reset, is an alarm that is
  /// off. `running` false: never.
  mutating func arm(_ index: Int, at instant: Instant, running: Bool) {
    let left = match[index] &- value(at: instant)
    due[index] = running && match[index] != 0 ? Self.ticks(at: instant) + Int64(left) : never
  }

  /// Bits 2:0: the alarms that have come by `instant`. Each is set for its next time, when the counter has gone round.
  mutating func takeDue(at instant: Instant) -> UInt8 {
    let ticks = Self.ticks(at: instant)
    var came: UInt8 = 0
    for index in 0..<3 where due[index] <= ticks {
      came |= 1 << UInt8(index)
      due[index] += ((ticks - due[index]) / Self.period + 1) * Self.period
    }
    return came
  }

  /// Monotonic nanoseconds of the next alarm; nil without one.
  var nextDue: Int64? {
    let first = min(due[0], due[1], due[2])
    return first == never ? nil : Self.nanoseconds(ofTick: first)
  }

  /// True if `due[index]` is a tick at which the counter shows `match[index]`.
  func agrees(_ index: Int) -> Bool {
    guard due[index] != never else { return true }
    return match[index] != 0 && due[index].magnitude <= UInt64(Self.ticksLimit)
      && UInt32(truncatingIfNeeded: due[index]) &+ offset == match[index]
  }
}
