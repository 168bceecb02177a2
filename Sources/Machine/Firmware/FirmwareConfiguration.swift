// What firmware asks the machine about by fw_cfg (QEMU's docs/specs/fw_cfg; the items are those that EDK2's
// OvmfPkg/LoongArchVirt reads). Deliberately absent: DMA, because the process behind fw_cfg has no guest memory; kernel,
// initrd and command line, because with firmware a guest boots from a disk.

/// One item: what reading its selector gives.
public struct FirmwareItem: Sendable, Equatable {
  /// What the guest writes to select it.
  public let selector: UInt16
  /// Its bytes.
  public let bytes: [UInt8]

  /// An item.
  public init(selector: UInt16, bytes: [UInt8]) {
    self.selector = selector
    self.bytes = bytes
  }
}

/// The items of a machine.
public enum FirmwareConfiguration {
  /// Selectors that are not files.
  private enum Key {
    static let signature: UInt16 = 0
    static let version: UInt16 = 1
    static let ramSize: UInt16 = 3
    static let processors: UInt16 = 5
    static let maximumProcessors: UInt16 = 0xf
    static let directory: UInt16 = 0x19
    static let firstFile: UInt16 = 0x20
  }

  /// Every item of a machine with `vcpus` processors (1 to 256).
  public static func items(vcpus: Int, ramBytes: UInt64) -> [FirmwareItem] {
    let tables = RelocatableTables(vcpus: vcpus, ramBytes: ramBytes)
    let smbios = SMBIOS.tables(vcpus: vcpus)
    let files: [(String, [UInt8])] = [
      (RelocatableTables.rootName, tables.rootPointer),
      (RelocatableTables.tablesName, tables.tables),
      ("etc/memmap", memoryMap(ramBytes)),
      (SMBIOS.anchorName, SMBIOS.anchor(tablesSize: smbios.count)),
      (SMBIOS.tablesName, smbios),
      ("etc/table-loader", tables.script),
    ]
    let count = little(UInt64(vcpus), 2)
    return [
      FirmwareItem(selector: Key.signature, bytes: Array("QEMU".utf8)),
      // Bit 0: this interface. Bit 1 would be DMA.
      FirmwareItem(selector: Key.version, bytes: little(1, 4)),
      FirmwareItem(selector: Key.ramSize, bytes: little(ramBytes, 8)),
      FirmwareItem(selector: Key.processors, bytes: count),
      FirmwareItem(selector: Key.maximumProcessors, bytes: count),
      FirmwareItem(selector: Key.directory, bytes: directory(files)),
    ] + files.enumerated().map { FirmwareItem(selector: Key.firstFile + UInt16($0.offset), bytes: $0.element.1) }
  }

  /// The files by name: their number, and for each size, selector, a reserved word, and a name of 56 bytes; big endian.
  private static func directory(_ files: [(String, [UInt8])]) -> [UInt8] {
    var writer = ByteWriter()
    writer.bigEndian(UInt32(files.count))
    for (index, file) in files.enumerated() {
      writer.bigEndian(UInt32(truncatingIfNeeded: file.1.count))
      writer.bigEndian(UInt32(Key.firstFile + UInt16(index)) << 16)
      writer.text(file.0)
      writer.zeros(56 - file.0.utf8.count)
    }
    return writer.bytes
  }

  /// RAM, lowest first: address, size, type (1: RAM), a reserved word.
  private static func memoryMap(_ ramBytes: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    for part in RAMLayout.ranges(bytes: ramBytes) {
      writer.u64(part.range.start)
      writer.u64(part.range.size)
      writer.u32(1)
      writer.u32(0)
    }
    return writer.bytes
  }

  private static func little(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  // MARK: the file that hands them to the process

  /// "ATOLFWCF", little endian.
  static let magic: UInt64 = 0x4643_5746_4c4f_5441
  /// Bytes of a whole file at most.
  public static let limit = 1 << 20

  /// The items in one file: magic, their number as u32, and for each selector, offset in the file and size as u32; then
  /// their bytes. Little endian.
  public static func encode(_ items: [FirmwareItem]) -> [UInt8] {
    var writer = ByteWriter()
    writer.u64(magic)
    writer.u32(UInt32(items.count))
    var offset = 12 + 12 * items.count
    for item in items {
      for field in [Int(item.selector), offset, item.bytes.count] { writer.u32(UInt32(truncatingIfNeeded: field)) }
      offset += item.bytes.count
    }
    for item in items { writer.raw(item.bytes) }
    return writer.bytes
  }
}
