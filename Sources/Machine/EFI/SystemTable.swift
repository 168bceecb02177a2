// The EFI system table and what hangs on it (UEFI 2.10, 4). There are no boot services: the kernel is entered as if
// ExitBootServices had been called.

/// One entry of the configuration table.
public struct ConfigurationTable: Sendable, Equatable {
  /// What it is.
  public let guid: GUID
  /// Guest physical address of the table.
  public let address: UInt64

  /// An entry.
  public init(_ guid: GUID, _ address: UInt64) {
    self.guid = guid
    self.address = address
  }
}

/// Builders of the EFI tables; each returns bytes for a given guest physical address.
public enum EFITables {
  private static let revision: UInt32 = 2 << 16 | 100
  private static let systemTableSize = 120
  private static let runtimeTableSize = 136
  private static let checksumOffset = 16

  /// EFI_SYSTEM_TABLE, then the vendor's name, then the configuration table: one block at `address`.
  /// `runtimeServices` is the virtual address of the runtime services table.
  public static func systemTable(
    at address: UInt64, runtimeServices: UInt64, configuration: [ConfigurationTable]
  ) -> [UInt8] {
    var vendor = ByteWriter()
    for unit in "Atoll".utf16 { vendor.u16(unit) }
    vendor.u16(0)
    vendor.align(8)
    let vendorAddress = address + UInt64(systemTableSize)
    var writer = header(signature: 0x5453_5953_2049_4249, size: systemTableSize)
    writer.u64(vendorAddress)
    writer.u32(1)
    writer.zeros(4 + 6 * 8)  // no consoles
    writer.u64(runtimeServices)
    writer.u64(0)  // no boot services
    writer.u64(UInt64(configuration.count))
    writer.u64(vendorAddress + UInt64(vendor.count))
    seal(&writer)
    writer.raw(vendor.bytes)
    for entry in configuration {
      writer.raw(entry.guid.bytes)
      writer.u64(entry.address)
    }
    return writer.bytes
  }

  /// EFI_RUNTIME_SERVICES with virtual pointers into code that lies at guest physical address `code`.
  public static func runtimeServicesTable(_ services: RuntimeServices, code: UInt64) -> [UInt8] {
    let base = AddressWindow.cached | code
    let none = base + UInt64(services.unsupported)
    var writer = header(signature: 0x5652_4553_544e_5552, size: runtimeTableSize)
    writer.u64(base + UInt64(services.getTime))
    writer.u64(base + UInt64(services.setTime))
    // GetWakeupTime … GetNextHighMonotonicCount
    for _ in 0..<8 { writer.u64(none) }
    writer.u64(base + UInt64(services.resetSystem))
    // UpdateCapsule … QueryVariableInfo
    for _ in 0..<3 { writer.u64(none) }
    seal(&writer)
    return writer.bytes
  }

  /// EFI_RT_PROPERTIES_TABLE (UEFI 2.10, 4.6.2).
  public static func runtimeProperties() -> [UInt8] {
    var writer = ByteWriter()
    writer.u16(1)
    writer.u16(8)
    writer.u32(RuntimeServices.supportedMask)
    return writer.bytes
  }

  /// Linux's initrd table: address and size.
  public static func initrdTable(_ range: AddressRange) -> [UInt8] {
    var writer = ByteWriter()
    writer.u64(range.start)
    writer.u64(range.size)
    return writer.bytes
  }

  private static func header(signature: UInt64, size: Int) -> ByteWriter {
    var writer = ByteWriter()
    writer.u64(signature)
    writer.u32(revision)
    writer.u32(UInt32(size))
    writer.zeros(8)
    return writer
  }

  private static func seal(_ writer: inout ByteWriter) {
    writer.patch(CRC32.checksum(writer.bytes), at: checksumOffset)
  }
}
