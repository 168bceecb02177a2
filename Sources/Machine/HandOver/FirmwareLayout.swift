/// Where the tables lie in the first 2 MiB of RAM, which Linux reserves for firmware. Every part is aligned to 64 KiB,
/// so that the kernel's page size does not matter.
public enum FirmwareLayout {
  /// Command line, memory map, initrd table.
  public static let bootData = AddressRange(0x1_0000, 0x1_0000)
  /// EFI system table, configuration table, runtime services table.
  public static let runtimeData = AddressRange(0x2_0000, 0x1_0000)
  /// Code of the runtime services.
  public static let runtimeCode = AddressRange(0x3_0000, 0x1_0000)
  /// Where secondary CPUs wait.
  public static let parking = AddressRange(0x4_0000, 0x1_0000)
  /// ACPI tables.
  public static let acpi = AddressRange(0x8_0000, 0x4_0000)
  /// Device tree: Linux maps 64 KiB of it.
  public static let deviceTree = AddressRange(0xc_0000, 0x1_0000)
  /// The whole firmware area.
  public static let area = AddressRange(0, MemoryMap.kernelStart)

  /// The command line with its final zero; Linux maps 4096 bytes from here.
  public static let commandLine = AddressRange(bootData.start, 0x2000)
  /// The boot memory map.
  public static let memoryMap = AddressRange(bootData.start + 0x2000, 0x2000)
  /// Where the initrd lies.
  public static let initrdTable = AddressRange(bootData.start + 0x4000, 0x1000)
  /// The system table and what it points to.
  public static let systemTable = AddressRange(runtimeData.start, 0x1000)
  /// The runtime services table.
  public static let runtimeTable = AddressRange(runtimeData.start + 0x1000, 0x1000)
  /// What the runtime services promise.
  public static let runtimeProperties = AddressRange(runtimeData.start + 0x2000, 0x1000)

  /// What the memory map says of the area.
  static var uses: [EFIMemoryDescriptor] {
    [
      EFIMemoryDescriptor(.loaderData, bootData),
      EFIMemoryDescriptor(.runtimeServicesData, runtimeData),
      EFIMemoryDescriptor(.runtimeServicesCode, runtimeCode),
      EFIMemoryDescriptor(.reserved, parking),
      EFIMemoryDescriptor(.acpiReclaim, acpi),
      EFIMemoryDescriptor(.loaderData, deviceTree),
    ]
  }
}
