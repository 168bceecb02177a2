// Everything that a kernel is handed besides itself and its initrd (hand-over: Linux on LoongArch,
// Documentation/arch/loongarch/booting).

/// What the hand-over describes.
public struct MachineShape: Sendable {
  /// Processors, 1 to 256.
  public var vcpus: Int
  /// Bytes of guest RAM.
  public var ramBytes: UInt64
  /// Hand over a device tree instead of ACPI tables.
  public var deviceTree: Bool
  /// The command line without a final zero, at most 4096 bytes.
  public var commandLine: [UInt8]

  /// A machine.
  public init(vcpus: Int, ramBytes: UInt64, deviceTree: Bool, commandLine: [UInt8]) {
    self.vcpus = vcpus
    self.ramBytes = ramBytes
    self.deviceTree = deviceTree
    self.commandLine = commandLine
  }

  /// Throws unless the machine is within `MachineLimits`.
  public func check() throws(MachineLimitError) {
    try MachineLimits.checkVCPUs(vcpus)
    try MachineLimits.checkRAM(ramBytes)
    try MachineLimits.checkCommandLine(commandLine.count)
  }
}

/// Bytes for one place in guest memory.
public struct Blob: Sendable {
  /// Guest physical address.
  public let address: UInt64
  /// What to put there.
  public let bytes: [UInt8]

  /// The guest physical addresses that it fills.
  public var range: AddressRange { AddressRange(address, UInt64(bytes.count)) }
}

/// The boot processor's registers and the parking place of the others.
public struct EntryPoint: Sendable, Equatable {
  /// Physical address of the first instruction.
  public let pc: UInt64
  /// 1: booted by EFI.
  public let a0: UInt64
  /// Physical address of the command line.
  public let a1: UInt64
  /// Physical address of the EFI system table.
  public let a2: UInt64
  /// Physical address at which secondary processors start.
  public let park: UInt64
}

/// The tables of one machine, ready to be copied into its memory.
public struct HandOver: Sendable {
  /// What goes where: inside the first 2 MiB, without overlaps.
  public let blobs: [Blob]

  /// Builds all tables. `kernel` and `initrd` are where the loader put them: multiples of 4 KiB in RAM, above 2 MiB.
  /// The shape must have passed `check`.
  public init(_ shape: MachineShape, kernel: AddressRange, initrd: AddressRange?, initrdSize: UInt64) {
    let initrdContent = initrd.map { AddressRange($0.start, initrdSize) }
    var blobs: [Blob] = []
    var tables = [ConfigurationTable]()
    func put(_ guid: GUID, _ address: UInt64, at place: UInt64, _ bytes: [UInt8]) {
      blobs.append(Blob(address: place, bytes: bytes))
      tables.append(ConfigurationTable(guid, address))
    }
    if shape.deviceTree {
      let place = FirmwareLayout.deviceTree.start
      let tree = MachineTree.blob(
        vcpus: shape.vcpus, ramBytes: shape.ramBytes, commandLine: shape.commandLine, initrd: initrdContent)
      put(.deviceTree, place, at: place, tree)
    } else {
      let acpi = ACPITableSet(vcpus: shape.vcpus, ramBytes: shape.ramBytes, at: FirmwareLayout.acpi.start)
      put(.acpi20, acpi.rootPointer, at: FirmwareLayout.acpi.start, acpi.bytes)
    }
    let map = HandOver.memoryMap(shape, kernel: kernel, initrd: initrd)
    let mapPlace = FirmwareLayout.memoryMap.start
    put(.linuxMemoryMap, mapPlace, at: mapPlace, EFIMemoryMap.linuxTable(map))
    let properties = FirmwareLayout.runtimeProperties.start
    put(.runtimeProperties, properties, at: properties, EFITables.runtimeProperties())
    if let initrdContent {
      let place = FirmwareLayout.initrdTable.start
      put(.linuxInitrd, place, at: place, EFITables.initrdTable(initrdContent))
    }
    self.blobs = blobs + HandOver.fixedBlobs(shape.commandLine, tables)
  }

  /// The registers that go with it; `pc` is the kernel's entry.
  public static func entryPoint(pc: UInt64) -> EntryPoint {
    EntryPoint(
      pc: pc, a0: 1, a1: FirmwareLayout.commandLine.start, a2: FirmwareLayout.systemTable.start,
      park: FirmwareLayout.parking.start)
  }

  private static func fixedBlobs(_ commandLine: [UInt8], _ tables: [ConfigurationTable]) -> [Blob] {
    let services = RuntimeServices()
    let (code, table) = (FirmwareLayout.runtimeCode.start, FirmwareLayout.runtimeTable.start)
    let system = EFITables.systemTable(
      at: FirmwareLayout.systemTable.start, runtimeServices: AddressWindow.cached | table, configuration: tables)
    return [
      Blob(address: FirmwareLayout.commandLine.start, bytes: commandLine + [0]),
      Blob(address: FirmwareLayout.systemTable.start, bytes: system),
      Blob(address: table, bytes: EFITables.runtimeServicesTable(services, code: code)),
      Blob(address: code, bytes: services.code),
      Blob(address: FirmwareLayout.parking.start, bytes: Parking.code()),
    ]
  }

  /// The memory map: firmware area, kernel, initrd, the registers of the runtime services, the rest free.
  static func memoryMap(_ shape: MachineShape, kernel: AddressRange, initrd: AddressRange?) -> [EFIMemoryDescriptor] {
    var uses = FirmwareLayout.uses
    uses.append(EFIMemoryDescriptor(.loaderCode, kernel))
    if let initrd { uses.append(EFIMemoryDescriptor(.loaderData, initrd)) }
    // Whole 4 KiB pages around the RTC and the generic event device.
    for registers in [MemoryMap.realTimeClock, MemoryMap.genericEventDevice] {
      uses.append(EFIMemoryDescriptor(.memoryMappedIO, AddressRange(registers.start & ~0xfff, 0x1000)))
    }
    return EFIMemoryMap.descriptors(ramBytes: shape.ramBytes, uses: uses)
  }
}
