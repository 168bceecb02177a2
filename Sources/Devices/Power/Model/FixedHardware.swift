// ACPI's fixed hardware (ACPI 6.5, 4.8.3), for guests that do not take the hardware-reduced way.
// Deliberately absent: sleep states other than S5, general-purpose events (nothing raises one), and the RTC's wake-up event:
// the clock is another device, with an interrupt of its own.

import DeviceModel

/// PM1 event and control registers, PM timer and GPE0.
struct FixedHardware: Sendable {
  /// PM1_STS.
  var status: UInt16 = 0
  /// PM1_EN.
  var enable: UInt16 = 0
  /// PM1_CNT without the bit that cannot change.
  var control: UInt32 = 0
  /// GPE0_EN.
  var gpeEnable: UInt32 = 0
  /// How often the timer's top bit has changed, as last seen; each change sets TMR_STS.
  var timerHalves: Int64

  /// No 64-bit clock changes the timer's top bit more often.
  static let halvesLimit: UInt64 = 1 << 36

  init(at monotonic: Int64) { timerHalves = Self.ticks(at: monotonic) >> (PMTimer.bits - 1) }

  var interruptPending: Bool { status & enable != 0 }

  /// Ticks of the PM timer since the start of the monotonic clock, in nanoseconds.
  static func ticks(at monotonic: Int64) -> Int64 {
    let second: Int64 = 1_000_000_000
    let (seconds, rest) = monotonic.quotientAndRemainder(dividingBy: second)
    return seconds * PMTimer.frequency + rest * PMTimer.frequency / second
  }

  /// The first nanosecond at which the timer has counted `ticks`, which are positive.
  static func nanoseconds(ofTicks ticks: Int64) -> Int64 {
    let second: Int64 = 1_000_000_000
    let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: PMTimer.frequency)
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: second)
    let (sum, carried) = whole.addingReportingOverflow((rest * second + PMTimer.frequency - 1) / PMTimer.frequency)
    return overflow || carried ? .max : sum
  }

  /// Takes note of the time: TMR_STS is set when the timer's top bit has changed since the last look.
  mutating func observeTimer(at monotonic: Int64) {
    let halves = Self.ticks(at: monotonic) >> (PMTimer.bits - 1)
    if halves != timerHalves { status |= PM1Event.timer }
    timerHalves = halves
  }

  /// When the timer's next interrupt comes; nil if the guest does not want one or has not cleared the last.
  var deadline: Int64? {
    guard enable & PM1Event.timer != 0, status & PM1Event.timer == 0, timerHalves >= 0 else { return nil }
    return Self.nanoseconds(ofTicks: (timerHalves + 1) << (PMTimer.bits - 1))
  }

  /// A 32-bit register at `offset`, a multiple of 4. The reset register and what lies between the blocks read 0.
  func read(_ offset: UInt32, at monotonic: Int64) -> UInt32 {
    switch offset {
    case ACPIBlock.pm1Status: UInt32(status)
    case ACPIBlock.pm1Enable: UInt32(enable)
    case ACPIBlock.pm1Control: control | PM1Control.sciEnable
    case ACPIBlock.timer: UInt32(truncatingIfNeeded: Self.ticks(at: monotonic)) & 0xff_ffff
    case ACPIBlock.gpeEnable: gpeEnable
    default: 0
    }
  }

  /// Stores the bits of `value` that `mask` selects into the register at `offset`, a multiple of 4.
  mutating func write(_ offset: UInt32, _ value: UInt32, mask: UInt32) -> MachineEvent {
    let selected = value & mask
    switch offset {
    case ACPIBlock.pm1Status: status &= ~UInt16(truncatingIfNeeded: selected)
    case ACPIBlock.pm1Enable:
      enable = UInt16(truncatingIfNeeded: (UInt32(enable) & ~mask) | selected) & PM1Event.enables
    case ACPIBlock.pm1Control:
      control = ((control & ~mask) | selected) & PM1Control.sleepType
      if selected & PM1Control.sleepEnable != 0, control == PM1Control.sleepTypeOff { return .powerOff }
    case ACPIBlock.gpeEnable: gpeEnable = (gpeEnable & ~mask) | selected
    case ACPIBlock.reset where selected & 1 != 0: return .reset
    default: break
    }
    return .none
  }
}
