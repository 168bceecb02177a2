// Where everything of the machine `ls7a` lies in guest physical memory, as one table.
// Numbers: Loongson 3A5000 processor manual (CPU registers, EIOINTC), LS7A1000 bridge user manual (PCH-PIC 5, RTC 13,
// ACPI 12); QEMU's `virt` machine for the fw_cfg and GED blocks, which have no counterpart in silicon.
// Deliberately absent: who serves a region (the supervisor decides that) and any I/O.

/// A range of guest physical addresses.
public struct AddressRange: Sendable, Equatable {
  /// Guest physical address of the first byte.
  public let start: UInt64
  /// Bytes, more than 0.
  public let size: UInt64

  /// `size` bytes from `start`. The sum must not wrap; all callers pass table constants or checked sizes.
  public init(_ start: UInt64, _ size: UInt64) {
    self.start = start
    self.size = size
  }

  /// First address behind the range.
  public var end: UInt64 { start &+ size }

  /// True if the two ranges have a byte in common.
  public func overlaps(_ other: AddressRange) -> Bool { start < other.end && other.start < end }

  /// True if every byte of `other` lies in this range.
  public func contains(_ other: AddressRange) -> Bool { start <= other.start && other.end <= end }
}

/// Guest physical addresses of everything that is not RAM.
public enum MemoryMap {
  /// LS7A IOAPIC (PCH-PIC): 64 pins, of which the id register admits 32.
  public static let interruptController = AddressRange(0x1000_0000, 0x1000)
  /// LS7A chip configuration word that firmware reads; value 0xa800.
  public static let chipConfigurationLow = AddressRange(0x1001_041c, 4)
  /// LS7A chip configuration word that firmware reads; value 0x80.
  public static let chipConfigurationHigh = AddressRange(0x1001_3ffc, 4)
  /// LS7A power management block.
  public static let powerManagement = AddressRange(0x1008_0000, 0x100)
  /// ACPI PM1 event, control, timer, GPE0 and reset registers.
  public static let acpiRegisters = AddressRange(0x100d_000c, 0x2c)
  /// LS7A real-time clock.
  public static let realTimeClock = AddressRange(0x100d_0100, 0x100)
  /// ACPI generic event device: events, sleep control, reset.
  public static let genericEventDevice = AddressRange(0x100e_0000, 0x2c)
  /// PCI I/O ports.
  public static let pciPorts = AddressRange(0x1800_0000, 0x1_0000)
  /// LS7A legacy PCI configuration space.
  public static let pciLegacyConfiguration = AddressRange(0x1a00_0000, 0x200_0000)
  /// Boot ROM; the reset vector is its first byte.
  public static let flashCode = AddressRange(0x1c00_0000, 0x100_0000)
  /// Firmware variables.
  public static let flashVariables = AddressRange(0x1d00_0000, 0x100_0000)
  /// CPU and memory hotplug registers.
  public static let hotplug = AddressRange(0x1e00_0000, 0x20)
  /// Firmware configuration interface.
  public static let firmwareConfiguration = AddressRange(0x1e02_0000, 0x18)
  /// Inter-processor interrupts, MMIO view.
  public static let interProcessorInterrupts = AddressRange(0x1f00_0000, 0x100)
  /// EIOINTC, MMIO view.
  public static let extendedInterrupts = AddressRange(0x1f01_0000, 0x2_0000)
  /// 3A5000 chip registers: version, features, vendor, name, miscellaneous.
  public static let chipRegisters = AddressRange(0x1fe0_0008, 0x1d8)
  /// UART 0, a 16550.
  public static let serialPort = AddressRange(0x1fe0_01e0, 8)
  /// 3A5000 miscellaneous function register, which lies behind the UART.
  public static let chipMiscellaneous = AddressRange(0x1fe0_0420, 8)
  /// Debug console: bytes written here appear on the serial back-end.
  public static let debugConsole = AddressRange(0x1fe0_02e0, 8)
  /// PCIe configuration space (ECAM), buses 0 to 127.
  public static let pcieConfiguration = AddressRange(0x2000_0000, 0x800_0000)
  /// Where a message-signalled interrupt is written.
  public static let messageInterrupts = AddressRange(0x2ff0_0000, 8)
  /// PCI memory window.
  public static let pciMemory = AddressRange(0x4000_0000, 0x4000_0000)

  /// RAM below the I/O space: at most this much.
  public static let lowRAM = AddressRange(0, 256 << 20)
  /// Guest physical address at which the rest of RAM starts.
  public static let highRAMStart: UInt64 = 0x9000_0000
  /// What the kernel reserves for firmware tables at the bottom of RAM, and where it is loaded itself.
  public static let kernelStart: UInt64 = 0x20_0000
}

/// The PCI Express host bridge as every table describes it.
public enum PCIHost {
  /// Buses 0 and up, a MiB of configuration space each.
  public static let buses = UInt16(truncatingIfNeeded: MemoryMap.pcieConfiguration.size >> 20)
  /// The first I/O port of functions. The ports below are ISA's, which Linux keeps apart.
  public static let firstPort: UInt32 = 0x4000
  /// I/O ports of functions.
  public static let portCount = UInt32(truncatingIfNeeded: MemoryMap.pciPorts.size) - firstPort
}

/// LS7A interrupt numbers. Every pin is edge in every table that the guest reads.
public enum InterruptPin {
  /// UART 0.
  public static let serial: UInt32 = 2
  /// RTC alarm.
  public static let realTimeClock: UInt32 = 6
  /// Generic event device.
  public static let power: UInt32 = 7
  /// What a device without interrupts has instead of a pin.
  public static let none: UInt32 = 64
  /// ACPI's global system interrupt of pin 0.
  public static let firstGSI: UInt32 = 64
}

/// Guest RAM as the VM sees it: one range of guest physical addresses and where it lies in the RAM file.
public struct RAMRange: Sendable, Equatable {
  /// Guest physical addresses.
  public let range: AddressRange
  /// Offset of the first byte in the memfd that holds all guest RAM.
  public let fileOffset: UInt64

  /// A part of guest RAM.
  public init(_ range: AddressRange, fileOffset: UInt64) {
    self.range = range
    self.fileOffset = fileOffset
  }
}

/// How guest RAM is laid out: one memory file, low part first.
public enum RAMLayout {
  /// The ranges of a guest with `bytes` of RAM, lowest first: at most 256 MiB at 0, the rest from 0x90000000.
  /// File offset 0 is guest address 0, file offset 256 MiB is guest address 0x90000000. Empty for 0 bytes.
  public static func ranges(bytes: UInt64) -> [RAMRange] {
    guard bytes > 0 else { return [] }
    let low = min(bytes, MemoryMap.lowRAM.size)
    var ranges = [RAMRange(AddressRange(0, low), fileOffset: 0)]
    if bytes > low {
      ranges.append(RAMRange(AddressRange(MemoryMap.highRAMStart, bytes - low), fileOffset: low))
    }
    return ranges
  }

  /// Where `range` of guest physical memory lies in the RAM file; nil unless all of it is RAM in one piece.
  public static func fileOffset(of range: AddressRange, bytes: UInt64) -> UInt64? {
    guard range.start <= range.end else { return nil }
    for part in ranges(bytes: bytes) where part.range.contains(range) {
      return part.fileOffset + (range.start - part.range.start)
    }
    return nil
  }
}
