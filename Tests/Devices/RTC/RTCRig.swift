// A real-time clock with a driver and a host's clock around it.

import DeviceModel

@testable import RTCModel

let second: Int64 = 1_000_000_000

/// Drives a device as a guest, with a clock that a test moves.
struct RTCRig {
  /// 2026-07-25 17:20:00.3 UTC.
  static let start = Instant(monotonic: 5 * second, realtime: 1_785_000_000 * second + 300_000_000)

  var now: Instant
  var device: RTCDevice
  /// Did the last operation pulse the pin?
  var pulsed = false

  init(at now: Instant = RTCRig.start) {
    self.now = now
    device = RTCDevice(at: now)
  }

  mutating func store(_ offset: UInt32, _ value: UInt32) { store(offset, UInt64(value), size: 4) }

  mutating func store(_ offset: UInt32, _ value: UInt64, size: UInt8) {
    var effects = Effects()
    device.write(Access(region: 0, offset: offset, size: size), value: value, at: now, &effects)
    pulsed = effects.interrupt
  }

  mutating func load(_ offset: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: load(offset, size: 4)) }

  mutating func load(_ offset: UInt32, size: UInt8) -> UInt64 {
    var effects = Effects()
    defer { pulsed = effects.interrupt }
    return device.read(Access(region: 0, offset: offset, size: size), at: now, &effects)
  }

  /// Both of the host's clocks go on, without the device being told.
  mutating func pass(_ nanoseconds: Int64) {
    now.monotonic += nanoseconds
    now.realtime += nanoseconds
  }

  /// The driver calls `elapse` now.
  mutating func elapse() {
    var effects = Effects()
    device.elapse(at: now, &effects)
    pulsed = effects.interrupt
  }

  /// Goes from deadline to deadline until the pin pulses or `limit` nanoseconds have passed; the time that it took.
  mutating func waitForPulse(limit: Int64) -> Int64? {
    let begin = now.monotonic
    while let deadline = device.deadline, deadline - begin <= limit {
      pass(max(0, deadline - now.monotonic))
      elapse()
      if pulsed { return now.monotonic - begin }
    }
    return nil
  }

  /// Sets the calendar clock as Linux' driver does: both halves, low first.
  mutating func setClock(
    _ year: UInt32, _ month: UInt32, _ day: UInt32, _ hour: UInt32, _ minute: UInt32, _ second: UInt32
  ) {
    store(0x24, toyLow(month, day, hour, minute, second))
    store(0x28, year - 1900)
  }
}

/// TOYWRITE0 and TOYREAD0, from the month in bits 31:26 to the tenths in bits 3:0.
func toyLow(
  _ month: UInt32, _ day: UInt32, _ hour: UInt32, _ minute: UInt32, _ second: UInt32, tenths: UInt32 = 0
) -> UInt32 {
  let date = month << 26 | day << 21
  return date | hour << 16 | minute << 10 | second << 4 | tenths
}

/// TOYMATCH.
func toyMatch(
  _ year: UInt32, _ month: UInt32, _ day: UInt32, _ hour: UInt32, _ minute: UInt32, _ second: UInt32
) -> UInt32 {
  let date = (year - 1900) << 26 | month << 22 | day << 17
  return date | hour << 12 | minute << 6 | second
}

/// The device's saved state.
func saved(_ device: RTCDevice) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: RTCDevice.stateSize)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  device.save(into: &raw)
  return bytes
}
