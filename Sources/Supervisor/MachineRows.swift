import System
import Control
import Machine

/// Guest physical memory as a flat list: what lies where, and who serves it.
enum MachineRows {
  /// Every range that something answers in, lowest address first.
  static func rows(memory: UInt64, functions: [Function] = [], firmware: Bool = false) -> [MapRow] {
    var rows = RAMLayout.ranges(bytes: memory).map { row($0.range, "RAM", "-") }
    rows += core
    if firmware { rows.append(row(MemoryMap.flashCode, "boot ROM", "vmm")) }
    for device in MachineMap.devices where firmware || !device.kind.isFirmware {
      for (index, region) in device.regions.enumerated() {
        let range = AddressRange(region.address, UInt64(region.size))
        rows.append(row(range, regionName(device.kind, index), device.name.text))
      }
    }
    rows += functions.map { configuration(of: $0) }
    return rows.sorted { $0.start < $1.start || $0.start == $1.start && $0.size > $1.size }
  }

  /// A function's configuration space in the ECAM (PCIe 5.0, 7.2.2: bus in bits 27 – 20, device in bits 19 – 15). Where its
  /// BAR lies is the guest's business.
  private static func configuration(of function: Function) -> MapRow {
    let start = MemoryMap.pcieConfiguration.start + UInt64(function.slot) << 15
    let device = String(function.slot, radix: 16)
    let address = "00:\(function.slot < 16 ? "0" : "")\(device).0"
    return MapRow(
      start: start, size: 4096, region: "PCI function \(address), virtio \(function.description.stem)",
      process: function.name)
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
