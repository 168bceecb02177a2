import System
import Control
import Machine

/// Guest physical memory as a flat list: what lies where, and who serves it.
enum MachineRows {
  /// Every range that something answers in, lowest address first.
  static func rows(memory: UInt64, functions: [Function] = []) -> [MapRow] {
    var rows = RAMLayout.ranges(bytes: memory).map { row($0.range, "RAM", "-") }
    rows += core
    for device in MachineMap.devices {
      for (index, region) in device.regions.enumerated() {
        let range = AddressRange(region.address, UInt64(region.size))
        rows.append(row(range, regionName(device.kind, index), device.name.text))
      }
    }
    return rows.sorted { $0.start < $1.start }
  }

  private static func row(_ range: AddressRange, _ region: String, _ process: String) -> MapRow {
    MapRow(start: range.start, size: range.size, region: region, process: process)
  }

  /// What the VMM serves by itself: the interrupt controllers and a few words of the chips.
  private static var core: [MapRow] {
    [
      row(MemoryMap.interruptController, "interrupt controller (PCH-PIC)", "vmm"),
      row(MemoryMap.chipConfigurationLow, "LS7A configuration", "vmm"),
      row(MemoryMap.chipConfigurationHigh, "LS7A configuration", "vmm"),
      row(MemoryMap.interProcessorInterrupts, "inter-processor interrupts", "vmm"),
      row(MemoryMap.extendedInterrupts, "extended interrupts (EIOINTC)", "vmm"),
      row(MemoryMap.chipRegisters, "3A5000 registers", "vmm"),
      row(MemoryMap.chipMiscellaneous, "3A5000 miscellaneous", "vmm"),
      row(MemoryMap.messageInterrupts, "message-signalled interrupts", "vmm"),
    ]
  }

  private static func regionName(_ kind: DeviceKind, _ index: Int) -> String {
    let names: [StaticString] =
      switch kind {
      case .serial: ["UART 16550", "debug console"]
      case .rtc: ["real-time clock"]
      case .power: ["LS7A power management", "ACPI registers", "generic event device", "hotplug"]
      case .pcie: ["PCIe configuration (ECAM)", "LS7A configuration window", "PCI I/O window", "PCI memory window"]
      case .flash: ["flash: firmware variables"]
      case .fwcfg: ["firmware configuration"]
      }
    return index < names.count ? names[index].text : "registers"
  }
}
