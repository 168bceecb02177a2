/// All ACPI tables as one block of bytes for a given guest physical address.
public struct ACPITableSet: Sendable {
  /// The block; lies at the address that `init` was given.
  public let bytes: [UInt8]
  /// Guest physical address of the root pointer.
  public let rootPointer: UInt64

  /// Tables for `vcpus` processors (1 to 256), laid out from `address` (a multiple of 16), each aligned to 16 bytes.
  public init(vcpus: Int, ramBytes: UInt64, at address: UInt64) {
    var writer = ByteWriter()
    func append(_ table: [UInt8]) -> UInt64 {
      writer.align(16)
      defer { writer.raw(table) }
      return address + UInt64(writer.count)
    }
    let dsdt = append(ACPITables.dsdt(vcpus: vcpus))
    let listed = [
      append(ACPITables.fixedDescription(dsdt: dsdt)),
      append(ACPITables.interruptControllers(vcpus: vcpus)),
      append(ACPITables.affinity(vcpus: vcpus, ramBytes: ramBytes)),
      append(ACPITables.pciConfiguration()),
      append(ACPITables.serialConsole()),
    ]
    let xsdt = append(ACPITables.extendedRoot(listed))
    rootPointer = append(ACPITables.rootPointer(xsdt: xsdt))
    bytes = writer.bytes
  }
}
