// The static ACPI tables (ACPI 6.5, 5.2). The machine is hardware-reduced: no FACS, no fixed events, no SMI.

/// ACPI's 8-bit checksum: all bytes of a table add up to 0.
public enum ACPIChecksum {
  /// The byte that makes the sum of `bytes` and itself 0.
  public static func complement(_ bytes: [UInt8]) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}

/// Builders of the static tables; each returns a whole table with header and checksum.
public enum ACPITables {
  private static let lengthOffset = 4
  private static let checksumOffset = 9
  private static let oem = "ATOLL "
  private static let oemTable = "LS7A    "

  private static func table(_ signature: String, revision: UInt8, _ body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.text(signature)
    writer.u32(UInt32(36 + body.count))
    writer.u8(revision)
    writer.u8(0)
    writer.text(oem)
    writer.text(oemTable)
    writer.u32(1)
    writer.text("ATLL")
    writer.u32(1)
    writer.raw(body)
    var bytes = writer.bytes
    bytes[checksumOffset] = ACPIChecksum.complement(bytes)
    return bytes
  }

  /// Root pointer (5.2.5.3), revision 2. Usually only the 64-bit pointer is set.
  public static func rootPointer(xsdt: UInt64, rsdt: UInt32 = 0) -> [UInt8] {
    var writer = ByteWriter()
    writer.text("RSD PTR ")
    writer.u8(0)
    writer.text(oem)
    writer.u8(2)
    writer.u32(rsdt)
    writer.u32(36)
    writer.u64(xsdt)
    writer.zeros(4)
    var bytes = writer.bytes
    bytes[8] = ACPIChecksum.complement(Array(bytes[0..<20]))
    bytes[32] = ACPIChecksum.complement(bytes)
    return bytes
  }

  /// Extended system description table (5.2.8): the addresses of the others.
  public static func extendedRoot(_ tables: [UInt64]) -> [UInt8] {
    var body = ByteWriter()
    for address in tables { body.u64(address) }
    return table("XSDT", revision: 1, body.bytes)
  }

  /// Root system description table (5.2.7): the same with 32-bit addresses, for firmware that makes an XSDT itself.
  public static func root(_ tables: [UInt32]) -> [UInt8] {
    var body = ByteWriter()
    for address in tables { body.u32(address) }
    return table("RSDT", revision: 1, body.bytes)
  }

  /// Differentiated system description table (5.2.11.1).
  public static func dsdt(vcpus: Int) -> [UInt8] { table("DSDT", revision: 2, DSDT.body(vcpus: vcpus)) }

  // MARK: fixed description

  /// Generic address structure (5.2.3.2) of one byte in memory.
  private static func byteRegister(_ address: UInt64, _ writer: inout ByteWriter) {
    writer.raw([0, 8, 0, 1])
    writer.u64(address)
  }

  /// Flags (table 5.10): cache flush works, power and sleep buttons are not fixed hardware, reset register present,
  /// hardware-reduced.
  private static let fixedFlags: UInt32 = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 10 | 1 << 20
  /// Table 5.11: no VGA, no CMOS clock.
  private static let bootFlags: UInt16 = 1 << 2 | 1 << 5

  /// Fixed ACPI description table (5.2.9), revision 6.5. Offsets in comments are those of the table.
  public static func fixedDescription(dsdt: UInt64) -> [UInt8] {
    var body = ByteWriter()
    body.zeros(109 - 36)  // addresses of fixed hardware: none
    body.u16(bootFlags)
    body.u8(0)
    body.u32(fixedFlags)
    byteRegister(PowerRegister.reset, &body)
    body.u8(PowerRegister.resetValue)
    body.u16(0)
    body.u8(5)  // 131: minor version
    body.u64(0)
    body.u64(dsdt)  // 140
    body.zeros(244 - 148)
    byteRegister(PowerRegister.sleepControl, &body)
    byteRegister(PowerRegister.sleepStatus, &body)
    body.zeros(8)  // 268: hypervisor vendor
    return table("FACP", revision: 6, body.bytes)
  }

  // MARK: interrupt controllers

  /// Multiple APIC description table (5.2.12) with the LoongArch structures of ACPI 6.5, 5.2.12.20 and following.
  public static func interruptControllers(vcpus: Int) -> [UInt8] {
    var body = ByteWriter()
    body.u32(0)
    body.u32(0)
    for number in 0..<vcpus { corePIC(UInt32(number), &body) }
    extendedPIC(&body)
    messagePIC(&body)
    bridgePIC(&body)
    return table("APIC", revision: 6, body.bytes)
  }

  private static func corePIC(_ number: UInt32, _ writer: inout ByteWriter) {
    writer.raw([17, 15, 1])
    writer.u32(number)  // ACPI UID
    writer.u32(number)  // CPUID
    writer.u32(1)  // enabled
  }

  /// EIOINTC of node 0, cascaded to hardware interrupt 1 (ESTAT bit 3).
  private static func extendedPIC(_ writer: inout ByteWriter) {
    writer.raw([20, 13, 1, 3, 0])
    writer.u64(0xffff)
  }

  /// MSI vectors 64 to 255: the lower ones belong to pins.
  private static func messagePIC(_ writer: inout ByteWriter) {
    writer.raw([21, 19, 1])
    writer.u64(MemoryMap.messageInterrupts.start)
    writer.u32(0x40)
    writer.u32(0xc0)
  }

  private static func bridgePIC(_ writer: inout ByteWriter) {
    writer.raw([22, 17, 1])
    writer.u64(MemoryMap.interruptController.start)
    writer.u16(UInt16(truncatingIfNeeded: MemoryMap.interruptController.size))
    writer.u16(0)
    writer.u16(UInt16(truncatingIfNeeded: InterruptPin.firstGSI))
  }

  // MARK: PCI

  /// PCI Express memory-mapped configuration table (PCI Firmware Specification 3.3, 4.1.2), one segment. Linux on
  /// LoongArch joins the PCH-PIC to the EIOINTC by this table's node, so that without it no GSI works.
  public static func pciConfiguration() -> [UInt8] {
    var body = ByteWriter()
    body.u64(0)
    body.u64(MemoryMap.pcieConfiguration.start)
    body.u16(0)
    body.raw([0, UInt8(truncatingIfNeeded: PCIHost.buses &- 1)])
    body.u32(0)
    return table("MCFG", revision: 1, body.bytes)
  }

  // MARK: locality

  /// System resource affinity table (5.2.16): one node. Linux on LoongArch with NUMA does not get through its memory
  /// set-up without one.
  public static func affinity(vcpus: Int, ramBytes: UInt64) -> [UInt8] {
    var body = ByteWriter()
    body.u32(1)
    body.u64(0)
    for number in 0..<vcpus {
      body.raw([0, 16, 0, UInt8(truncatingIfNeeded: number)])
      body.u32(1)  // enabled
      body.zeros(8)
    }
    for part in RAMLayout.ranges(bytes: ramBytes) {
      body.raw([1, 40])
      body.zeros(6)
      body.u64(part.range.start)
      body.u64(part.range.size)
      body.zeros(4)
      body.u32(1)  // enabled
      body.zeros(8)
    }
    return table("SRAT", revision: 3, body.bytes)
  }

  // MARK: console

  /// Serial port console redirection table, revision 2 (Microsoft SPCR 1.04): the UART at 115200 8N1. Linux on
  /// LoongArch uses it for `earlycon` without arguments, where it is configured with ACPI_SPCR_TABLE.
  public static func serialConsole() -> [UInt8] {
    var body = ByteWriter()
    body.raw([0, 0, 0, 0])  // full 16550
    byteRegister(MemoryMap.serialPort.start, &body)
    body.raw([0, 0])
    body.u32(InterruptPin.firstGSI + InterruptPin.serial)
    body.raw([7, 0, 1, 0, 3, 0])  // 115200, no parity, 1 stop bit, no flow control, ANSI, language
    body.raw([0xff, 0xff, 0xff, 0xff])  // no PCI device
    body.zeros(12)
    return table("SPCR", revision: 2, body.bytes)
  }
}
