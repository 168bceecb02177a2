// Power registers: byte offsets in each of the device's four regions, and their bits.

/// The regions, in the order of `PowerDevice.regions`.
enum Region {
  static let powerManagement: UInt8 = 0
  static let acpi: UInt8 = 1
  static let events: UInt8 = 2
  static let hotplug: UInt8 = 3
}

/// Region 0, the power management block of Loongson's virtual machines. One register means something; the rest reads 0.
enum PowerManagement {
  static let size: UInt32 = 0x100
  /// A byte that acts when it is stored and reads 0.
  static let mode: UInt32 = 0x10
  static let reset: UInt8 = 0x00
  static let powerOff: UInt8 = 0xff
}

/// Region 1, the ACPI fixed hardware of the LS7A, from the PM1 event block on. ACPI 6.5, 4.8.3; offsets from that block's start,
/// which is 0x0c in the LS7A's numbering.
enum ACPIBlock {
  static let size: UInt32 = 0x2c
  /// PM1_STS, 16 bits, write 1 to clear: 4.8.3.1.1.
  static let pm1Status: UInt32 = 0x00
  /// PM1_EN, 16 bits: 4.8.3.1.2.
  static let pm1Enable: UInt32 = 0x04
  /// PM1_CNT: 4.8.3.2.1.
  static let pm1Control: UInt32 = 0x08
  /// PM_TMR, 24 bits: 4.8.3.3.
  static let timer: UInt32 = 0x0c
  /// GPE0_STS, write 1 to clear, and GPE0_EN: 4.8.4.1.
  static let gpeStatus: UInt32 = 0x1c
  static let gpeEnable: UInt32 = 0x20
  /// Bit 0 resets the machine: 4.8.3.6.
  static let reset: UInt32 = 0x24
}

/// PM1_STS and PM1_EN.
enum PM1Event {
  static let timer: UInt16 = 1 << 0
  static let powerButton: UInt16 = 1 << 8
  static let rtc: UInt16 = 1 << 10
  /// The enables that can be stored: timer, global lock, power button, sleep button, RTC.
  static let enables: UInt16 = 0x0721
}

/// PM1_CNT.
enum PM1Control {
  /// Always set: there is no legacy mode to leave.
  static let sciEnable: UInt32 = 1 << 0
  static let sleepType: UInt32 = 7 << 10
  static let sleepEnable: UInt32 = 1 << 13
  /// The sleep type by which the LS7A switches its power off.
  static let sleepTypeOff: UInt32 = 7 << 10
}

/// PM_TMR.
enum PMTimer {
  static let frequency: Int64 = 3_579_545
  static let bits: Int64 = 24
}

/// Region 2, the generic event device as QEMU's virt machine lays it out.
enum EventDevice {
  static let size: UInt32 = 0x2c
  /// 32 bits: the events that happened; a read clears them. ACPI 6.5, 5.6.9 leaves the register to the machine's AML.
  static let selector: UInt32 = 0x00
  /// Memory hot-plug, 24 bytes.
  static let memoryHotplug: UInt32 = 0x04
  /// SLEEP_CONTROL_REG, a byte: ACPI 6.5, 4.8.3.7.
  static let sleepControl: UInt32 = 0x1c
  /// SLEEP_STATUS_REG, a byte, always 0 here: WAK_STS would tell of a sleep that was survived.
  static let sleepStatus: UInt32 = 0x1d
  /// RESET_REG, a byte.
  static let reset: UInt32 = 0x1e
  /// CPU hot-plug, 12 bytes.
  static let cpuHotplug: UInt32 = 0x20

  static let powerButtonEvent: UInt8 = 1 << 1
  static let sleepEnable: UInt8 = 0x20
  static let sleepType: UInt8 = 0x1c
  /// SLP_TYP 5, in its place.
  static let sleepTypeOff: UInt8 = 5 << 2
  static let resetValue: UInt8 = 0x42
}

/// Region 3: CPU and memory hot-plug at fixed addresses, as older firmware looks for them.
enum HotplugBlock {
  static let size: UInt32 = 0x20
  static let cpu: UInt32 = 0x00
  static let memory: UInt32 = 0x0c
}
