import Machine

/// Registers of the 3A5000 package and the LS7A bridge that only identify the machine: the core answers them itself,
/// because there is no device behind them. Values: reference C.5 and E.2.
struct ChipRegisters {
  private static let version: UInt64 = 0x11
  /// MSI, EIOINTC, CSR IPI.
  private static let features: UInt64 = 1 << 2 | 1 << 3 | 1 << 4
  /// VM: the guest's kernel looks for what a hypervisor offers it.
  private static let isVirtual: UInt64 = 1 << 11
  /// "Loongson"
  private static let vendor: UInt64 = 0x6e6f_7367_6e6f_6f4c
  /// "3A5000"
  private static let name: UInt64 = 0x0000_3030_3035_4133

  private let features: UInt64

  /// The registers of a machine whose hypervisor says this of itself (`Hypervisor.isParavirtual`).
  init(isParavirtual: Bool) { features = Self.features | (isParavirtual ? Self.isVirtual : 0) }

  /// IOCSR registers outside the interrupt controllers; everything else reads 0. MISC_FUNC (0x420) too: as with KVM's
  /// irqchip, the extended interrupt controller is on whatever is written there.
  func readIOCSR(_ address: UInt32, size: UInt8) -> UInt64 {
    identification(UInt64(address), size: size) ?? 0
  }

  /// The same registers in guest physical memory at 0x1fe00000, and the two words of the bridge. nil: not one of them.
  func readMMIO(_ address: UInt64, size: UInt8) -> UInt64? {
    switch address {
    case 0x1001_041c: return 0xa800
    case 0x1001_3ffc: return 0x80
    case 0x1fe0_0000...0x1fe0_01df, 0x1fe0_0400...0x1fe0_04ff:
      return identification(address - 0x1fe0_0000, size: size) ?? 0
    // KVM before 6.17 lets odd accesses to the PCH-PIC fall out to the VMM (reference B.3).
    case 0x1000_0000...0x1000_0fff: return 0
    default: return nil
    }
  }

  /// True if a store to `address` has a place to go, even if nothing comes of it.
  /// The boot ROM is one: firmware tries whether it can write there.
  func acceptsMMIO(_ address: UInt64) -> Bool {
    let rom = MemoryMap.flashCode
    return readMMIO(address, size: 4) != nil || (address >= rom.start && address < rom.end)
  }

  private func identification(_ offset: UInt64, size: UInt8) -> UInt64? {
    let (base, value): (UInt64, UInt64)
    switch offset {
    case 0x00..<0x08: (base, value) = (0x00, Self.version)
    case 0x08..<0x10: (base, value) = (0x08, features)
    case 0x10..<0x18: (base, value) = (0x10, Self.vendor)
    case 0x20..<0x28: (base, value) = (0x20, Self.name)
    default: return nil
    }
    let shifted = value >> ((offset - base) * 8)
    return size >= 8 ? shifted : shifted & (1 << (UInt64(size) * 8) - 1)
  }
}
