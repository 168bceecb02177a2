// ACPI's generic event device (ACPI 6.5, 5.6.9) with the sleep and reset registers of a hardware-reduced machine (4.8.3.6, 4.8.3.7).

import DeviceModel

/// Event selector, sleep control and reset.
struct GenericEventDevice: Sendable {
  /// Events that the guest has not read yet. Only the power button ever happens.
  var events: UInt8 = 0
  /// SLP_TYP as last stored, in its place in the sleep control register; SLP_EN always reads 0.
  var sleepType: UInt8 = 0
  var hotplug = HotplugBlocks()

  var interruptPending: Bool { events != 0 }

  /// A 32-bit word at `offset`, a multiple of 4. A load of any part of the selector clears it.
  mutating func read(_ offset: UInt32) -> UInt32 {
    switch offset {
    case EventDevice.selector:
      defer { events = 0 }
      return UInt32(events)
    case EventDevice.sleepControl: return UInt32(sleepType)
    case EventDevice.cpuHotplug: return hotplug.cpu
    default: return 0
    }
  }

  /// Stores the bits of `value` that `mask` selects at `offset`, a multiple of 4.
  mutating func write(_ offset: UInt32, _ value: UInt32, mask: UInt32) -> MachineEvent {
    switch offset {
    case EventDevice.sleepControl: return writeSleepAndReset(value, mask: mask)
    case EventDevice.memoryHotplug: hotplug.writeMemory(value, mask: mask)
    case EventDevice.cpuHotplug: hotplug.writeCPU(value, mask: mask)
    default: break
    }
    return .none
  }

  /// The word in which sleep control is byte 0 and reset byte 2.
  private mutating func writeSleepAndReset(_ value: UInt32, mask: UInt32) -> MachineEvent {
    let control = UInt8(truncatingIfNeeded: value & mask)
    let reset = UInt8(truncatingIfNeeded: (value & mask) >> 16)
    if mask & 0xff != 0 { sleepType = control & EventDevice.sleepType }
    if control & EventDevice.sleepEnable != 0, sleepType == EventDevice.sleepTypeOff { return .powerOff }
    return reset == EventDevice.resetValue ? .reset : .none
  }
}
