// What the machine is called, for firmware that asks (DMTF DSP0134 3.0). EDK2 on LoongArch does not start without. Deliberately
// absent: memory devices, caches, slots: nothing reads them.

/// SMBIOS structures and the entry point that leads to them: two files of fw_cfg.
enum SMBIOS {
  static let tablesName = "etc/smbios/smbios-tables"
  static let anchorName = "etc/smbios/smbios-anchor"

  /// MHz that the processors are said to run at: the stable counter's frequency, the only one that a guest can check.
  private static let megahertz: UInt16 = 100

  /// The structures of a machine with `vcpus` processors: firmware, system, enclosure, one package, end.
  static func tables(vcpus: Int) -> [UInt8] {
    var writer = ByteWriter()
    structure(&writer, type: 0, handle: 0, firmware, ["Atoll", "1", "01/01/2026"])
    structure(&writer, type: 1, handle: 0x100, system, ["Atoll", "ls7a", "1"])
    structure(&writer, type: 3, handle: 0x300, enclosure, ["Atoll"])
    structure(&writer, type: 4, handle: 0x400, package(cores: vcpus), ["CPU 0", "Loongson", "Loongson-3A5000"])
    structure(&writer, type: 127, handle: 0x7f00, [], [])
    return writer.bytes
  }

  /// The 64-bit entry point (5.2.2); firmware that copies the structures puts their address in.
  static func anchor(tablesSize: Int) -> [UInt8] {
    var writer = ByteWriter()
    writer.text("_SM3_")
    writer.raw([0, 24, 3, 0, 0, 1, 0])
    writer.u32(UInt32(truncatingIfNeeded: tablesSize))
    writer.u64(0)
    var bytes = writer.bytes
    bytes[5] = ACPIChecksum.complement(bytes)
    return bytes
  }

  /// Header (6.1.2), fields, and strings that fields refer to by number from 1.
  private static func structure(
    _ writer: inout ByteWriter, type: UInt8, handle: UInt16, _ fields: [UInt8], _ strings: [String]
  ) {
    writer.raw([type, UInt8(truncatingIfNeeded: 4 + fields.count)])
    writer.u16(handle)
    writer.raw(fields)
    for text in strings {
      writer.text(text)
      writer.u8(0)
    }
    writer.zeros(strings.isEmpty ? 2 : 1)
  }

  /// 7.1, version 2.4: vendor, version, segment, date, ROM size; characteristics: none but that it is virtual (extension
  /// byte 2, bit 4) and UEFI (bit 3).
  private static var firmware: [UInt8] {
    [1, 2, 0, 0, 3, 0] + [8, 0, 0, 0, 0, 0, 0, 0] + [0, 1 << 3 | 1 << 4, 1, 0, 0xff, 0xff]
  }

  /// 7.2: maker, product, version, no serial number, no UUID, woken by the power switch, no SKU, no family.
  private static var system: [UInt8] {
    [1, 2, 3, 0] + [UInt8](repeating: 0xff, count: 16) + [6, 0, 0]
  }

  /// 7.4: of another kind, in a safe state.
  private static var enclosure: [UInt8] { [1, 1, 0, 0, 0, 3, 3, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0] }

  /// 7.5, version 3.0. Linux on LoongArch takes speed and cores from here.
  private static func package(cores: Int) -> [UInt8] {
    let few = UInt8(truncatingIfNeeded: min(cores, 255))
    let many = UInt16(truncatingIfNeeded: cores)
    var writer = ByteWriter()
    writer.raw([1, 3, 2, 2])  // socket, central processor, family unknown, maker
    writer.u64(0)
    writer.raw([3, 0])  // version, voltage
    writer.u16(0)
    writer.u16(megahertz)
    writer.u16(megahertz)
    writer.raw([0x41, 2])  // populated and enabled; upgrade unknown
    for _ in 0..<3 { writer.u16(0xffff) }  // caches: not described
    writer.raw([0, 0, 0, few, few, few])
    writer.u16(1 << 2)  // 64 bits
    writer.u16(2)
    for _ in 0..<3 { writer.u16(many) }
    return writer.bytes
  }
}
