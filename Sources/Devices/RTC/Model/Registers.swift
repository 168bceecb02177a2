// The LS7A bridge's real-time clock: Loongson 7A1000 user manual, chapter on the RTC. All registers are 32 bits wide.

/// Byte offsets of the registers from the start of the region.
enum Register {
  /// Trims of the two counters. Stored; the clocks follow the host and run at the right rate anyway.
  static let toyTrim: UInt32 = 0x20
  static let rtcTrim: UInt32 = 0x60
  /// Time of year: month to tenths of a second, and the year since 1900. Write-only.
  static let toyWriteLow: UInt32 = 0x24
  static let toyWriteHigh: UInt32 = 0x28
  /// The same two, read-only.
  static let toyReadLow: UInt32 = 0x2c
  static let toyReadHigh: UInt32 = 0x30
  /// Three alarms of the time of year, 0x34, 0x38, 0x3c.
  static let toyMatch: UInt32 = 0x34
  /// Control of both counters.
  static let control: UInt32 = 0x40
  /// The 32768 Hz counter: write-only, read-only.
  static let rtcWrite: UInt32 = 0x64
  static let rtcRead: UInt32 = 0x68
  /// Three alarms of the counter, 0x6c, 0x70, 0x74.
  static let rtcMatch: UInt32 = 0x6c
}

/// RTCCTRL. The other bits tell of writes on their way to the slow clock domain and of crystal modes; here writes take effect at
/// once and there is no crystal, so they read 0.
enum Control {
  static let crystalEnable: UInt32 = 1 << 8
  static let toyEnable: UInt32 = 1 << 11
  static let rtcEnable: UInt32 = 1 << 13
  static let stored = crystalEnable | toyEnable | rtcEnable
  /// The time of year runs from the start, because no firmware comes before the guest to switch it on: drivers refuse a clock
  /// that is off.
  static let atReset = toyEnable | crystalEnable
}
