// ACPI tables for firmware that places them itself. The firmware reads them from fw_cfg as one file in which pointers are
// offsets, and a script that says where memory is needed, where pointers are, and which checksums they change.
// Format of the script: QEMU's hw/acpi/bios-linker-loader.c and EDK2's OvmfPkg/Include/IndustryStandard/QemuLoader.h describe
// it; there is no other specification. Numbers are little endian.

/// Builder of the script: entries of 128 bytes.
struct TableLoader {
  private static let entrySize = 128
  /// Bytes of a file name with its final zero.
  private static let nameSize = 56

  private var writer = ByteWriter()

  /// The script so far.
  var bytes: [UInt8] { writer.bytes }

  /// Gives `file` memory that starts at a multiple of `alignment`; in the low zone where old systems look for the root
  /// pointer, or anywhere.
  mutating func allocate(_ file: String, alignment: UInt32, low: Bool = false) {
    entry(command: 1) {
      $0.name(file)
      $0.writer.u32(alignment)
      $0.writer.u8(low ? 2 : 1)
    }
  }

  /// Adds the address of `pointee` to the `size` bytes at `offset` of `file`.
  mutating func pointer(in file: String, at offset: Int, size: UInt8, to pointee: String) {
    entry(command: 2) {
      $0.name(file)
      $0.name(pointee)
      $0.writer.u32(UInt32(truncatingIfNeeded: offset))
      $0.writer.u8(size)
    }
  }

  /// Makes `length` bytes from `start` of `file` add up to 0 by the byte at `offset`, which is 0 before.
  mutating func checksum(in file: String, at offset: Int, start: Int, length: Int) {
    entry(command: 3) {
      $0.name(file)
      for field in [offset, start, length] { $0.writer.u32(UInt32(truncatingIfNeeded: field)) }
    }
  }

  private mutating func entry(command: UInt32, _ fields: (inout TableLoader) -> Void) {
    let start = writer.count
    writer.u32(command)
    fields(&self)
    writer.zeros(start + Self.entrySize - writer.count)
  }

  private mutating func name(_ text: String) {
    writer.text(text)
    writer.zeros(Self.nameSize - text.utf8.count)
  }
}

/// ACPI tables as firmware reads them: three files of fw_cfg.
public struct RelocatableTables: Sendable {
  static let tablesName = "etc/acpi/tables"
  static let rootName = "etc/acpi/rsdp"
  private static let checksumOffset = 9

  /// `etc/acpi/tables`: every table; pointers are offsets in this file, and checksums that they change are 0.
  public let tables: [UInt8]
  /// `etc/acpi/rsdp`
  public let rootPointer: [UInt8]
  /// `etc/table-loader`
  public let script: [UInt8]

  /// Tables for `vcpus` processors, 1 to 256. There is no XSDT: the firmware makes its own, and EDK2's reset library for
  /// LoongArch looks for the FADT in the RSDT of these very files.
  public init(vcpus: Int, ramBytes: UInt64) {
    var writer = ByteWriter()
    var loader = TableLoader()
    func append(_ table: [UInt8]) -> Int {
      writer.align(16)
      defer { writer.raw(table) }
      return writer.count
    }
    let dsdt = append(ACPITables.dsdt(vcpus: vcpus))
    var fadt = ACPITables.fixedDescription(dsdt: UInt64(dsdt))
    fadt[Self.checksumOffset] = 0
    let fixed = append(fadt)
    let listed = [
      fixed,
      append(ACPITables.interruptControllers(vcpus: vcpus)),
      append(ACPITables.affinity(vcpus: vcpus, ramBytes: ramBytes)),
      append(ACPITables.pciConfiguration()),
      append(ACPITables.serialConsole()),
    ]
    var rsdt = ACPITables.root(listed.map { UInt32(truncatingIfNeeded: $0) })
    rsdt[Self.checksumOffset] = 0
    let root = append(rsdt)

    loader.allocate(Self.rootName, alignment: 16, low: true)
    loader.allocate(Self.tablesName, alignment: 64)
    // FADT, X_DSDT (ACPI 6.5, 5.2.9).
    loader.pointer(in: Self.tablesName, at: fixed + 140, size: 8, to: Self.tablesName)
    loader.checksum(in: Self.tablesName, at: fixed + Self.checksumOffset, start: fixed, length: fadt.count)
    for index in 0..<listed.count {
      loader.pointer(in: Self.tablesName, at: root + 36 + 4 * index, size: 4, to: Self.tablesName)
    }
    loader.checksum(in: Self.tablesName, at: root + Self.checksumOffset, start: root, length: rsdt.count)
    // Root pointer (5.2.5.3): RSDT at 16, checksums of the first 20 and of all 36 bytes at 8 and 32.
    loader.pointer(in: Self.rootName, at: 16, size: 4, to: Self.tablesName)
    loader.checksum(in: Self.rootName, at: 8, start: 0, length: 20)
    loader.checksum(in: Self.rootName, at: 32, start: 0, length: 36)

    var pointer = ACPITables.rootPointer(xsdt: 0, rsdt: UInt32(truncatingIfNeeded: root))
    (pointer[8], pointer[32]) = (0, 0)
    tables = writer.bytes
    rootPointer = pointer
    script = loader.bytes
  }
}
