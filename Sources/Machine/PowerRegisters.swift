/// Registers of the generic event device and the values that switch the machine off or reset it
/// (layout as QEMU's `virt` machine; sleep control as ACPI 6.5, 4.8.3.7).
public enum PowerRegister {
  /// Event select, 4 bytes: reading clears it. Bit 1: power button.
  public static let eventSelect = MemoryMap.genericEventDevice.start
  /// Bit of `eventSelect` that says that the power button was pressed.
  public static let powerButtonEvent: UInt8 = 2
  /// Sleep control, 1 byte.
  public static let sleepControl = MemoryMap.genericEventDevice.start + 0x1c
  /// Sleep status, 1 byte.
  public static let sleepStatus = MemoryMap.genericEventDevice.start + 0x1d
  /// Reset, 1 byte.
  public static let reset = MemoryMap.genericEventDevice.start + 0x1e
  /// Sleep type of S5 as the event device wants it.
  public static let sleepTypeOff: UInt8 = 5
  /// SLP_EN and the type of S5: switches the machine off.
  public static let powerOffValue: UInt8 = 0x20 | sleepTypeOff << 2
  /// Resets the machine when written to `reset`.
  public static let resetValue: UInt8 = 0x42
}
