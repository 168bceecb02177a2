// The platform devices of the machine: what each process serves. The order of regions is the order of
// `DeviceModel.regions`, so that an index means the same to the VMM, the bus and the model.

/// A kind of platform device; the raw value is its index in `MachineMap.devices`.
public enum DeviceKind: UInt8, Sendable, CaseIterable {
  /// 16550 UART and debug console.
  case serial = 0
  /// LS7A real-time clock.
  case rtc = 1
  /// Generic event device, LS7A power management and the hotplug block.
  case power = 2
  /// PCIe host bridge with its functions.
  case pcie = 3
  /// Flash with the firmware's variables; only in a machine with firmware.
  case flash = 4
  /// Firmware configuration interface; only in a machine with firmware.
  case fwcfg = 5
}

/// One range of guest physical addresses that a device process serves.
public struct DeviceRegion: Sendable, Equatable {
  /// Guest physical address of the first byte.
  public let address: UInt64
  /// Bytes.
  public let size: UInt32
  /// A store need not be waited for. Only where the guest cannot see when its effect happens.
  public let posted: Bool

  /// A region at one of `MemoryMap`'s ranges.
  public init(_ range: AddressRange, posted: Bool) {
    address = range.start
    size = UInt32(truncatingIfNeeded: range.size)
    self.posted = posted
  }
}

/// A platform device as the machine sees it: name, pin, registers.
public struct PlatformDevice: Sendable {
  /// Which device.
  public let kind: DeviceKind
  /// The name that people use (`atoll restart serial`) and that its process has behind `atoll-`.
  public let name: StaticString
  /// LS7A interrupt pin, edge; `InterruptPin.none`; nil for a device that binds its own vectors.
  public let pin: UInt32?
  /// Registers, in the model's order.
  public let regions: [DeviceRegion]

  /// A device of the table below.
  public init(kind: DeviceKind, name: StaticString, pin: UInt32?, regions: [DeviceRegion]) {
    self.kind = kind
    self.name = name
    self.pin = pin
    self.regions = regions
  }
}

/// Message-signalled interrupts, as the MADT divides the EIOINTC's 256 vectors.
public enum InterruptVectors {
  /// Below are those of the PCH-PIC's pins.
  public static let messageSignalled: Range<UInt32> = 64..<256
}

/// The machine's devices.
public enum MachineMap {
  /// Every platform device; index = `DeviceKind.rawValue`.
  public static var devices: [PlatformDevice] { DeviceKind.allCases.map(device) }

  /// One device of the table.
  public static func device(_ kind: DeviceKind) -> PlatformDevice {
    switch kind {
    case .serial:
      PlatformDevice(
        kind: .serial, name: "serial", pin: InterruptPin.serial,
        regions: [
          DeviceRegion(MemoryMap.serialPort, posted: false),
          DeviceRegion(MemoryMap.debugConsole, posted: false),
        ])
    case .rtc:
      PlatformDevice(
        kind: .rtc, name: "rtc", pin: InterruptPin.realTimeClock,
        regions: [DeviceRegion(MemoryMap.realTimeClock, posted: false)])
    case .power:
      PlatformDevice(
        kind: .power, name: "power", pin: InterruptPin.power,
        regions: [
          DeviceRegion(MemoryMap.powerManagement, posted: false),
          DeviceRegion(MemoryMap.acpiRegisters, posted: false),
          DeviceRegion(MemoryMap.genericEventDevice, posted: false),
          DeviceRegion(MemoryMap.hotplug, posted: false),
        ])
    case .pcie:
      // Nothing is posted: a doorbell that is not bound yet must have rung before the guest looks at its ring again, and
      // the others configure.
      PlatformDevice(
        kind: .pcie, name: "pcie", pin: nil,
        regions: [
          DeviceRegion(MemoryMap.pcieConfiguration, posted: false),
          DeviceRegion(MemoryMap.pciLegacyConfiguration, posted: false),
          DeviceRegion(MemoryMap.pciPorts, posted: false),
          DeviceRegion(MemoryMap.pciMemory, posted: false),
        ])
    case .flash:
      PlatformDevice(
        kind: .flash, name: "flash", pin: InterruptPin.none,
        regions: [DeviceRegion(MemoryMap.flashVariables, posted: false)])
    case .fwcfg:
      PlatformDevice(
        kind: .fwcfg, name: "fwcfg", pin: InterruptPin.none,
        regions: [DeviceRegion(MemoryMap.firmwareConfiguration, posted: false)])
    }
  }
}
