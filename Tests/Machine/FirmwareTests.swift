import Foundation
import Testing

@testable import Machine

/// What firmware reads, taken apart by the documents that describe it rather than by the code that makes it.
@Suite struct FirmwareTests {
  private func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int {
    (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }
  private func big(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int {
    (0..<size).reduce(0) { $0 << 8 | Int(bytes[at + $1]) }
  }
  private func name(_ bytes: [UInt8], _ at: Int) -> String {
    String(decoding: bytes[at..<at + 56].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The files of fw_cfg by name, through its directory.
  private func files(_ items: [FirmwareItem]) throws -> [String: [UInt8]] {
    let directory = try #require(items.first { $0.selector == 0x19 }).bytes
    var files: [String: [UInt8]] = [:]
    for index in 0..<big(directory, 0, 4) {
      let at = 4 + 64 * index
      let item = try #require(items.first { Int($0.selector) == big(directory, at + 4, 2) })
      #expect(big(directory, at, 4) == item.bytes.count)
      #expect(big(directory, at + 6, 2) == 0)
      files[name(directory, at + 8)] = item.bytes
    }
    #expect(directory.count == 4 + 64 * files.count)
    return files
  }

  @Test(arguments: [1, 2, 256]) func itemsAnswerWhatFirmwareAsks(vcpus: Int) throws {
    let items = FirmwareConfiguration.items(vcpus: vcpus, ramBytes: 2 << 30)
    func item(_ selector: UInt16) throws -> [UInt8] { try #require(items.first { $0.selector == selector }).bytes }
    #expect(try item(0) == Array("QEMU".utf8))
    // Without bit 1: no DMA.
    #expect(try item(1) == [1, 0, 0, 0])
    #expect(try number(item(3), 0, 8) == 2 << 30)
    #expect(try number(item(5), 0, 2) == vcpus)
    #expect(try number(item(0xf), 0, 2) == vcpus)
    #expect(Set(items.map(\.selector)).count == items.count)
    let names = try Set(files(items).keys)
    #expect(
      names == [
        "etc/acpi/rsdp", "etc/acpi/tables", "etc/memmap", "etc/smbios/smbios-anchor", "etc/smbios/smbios-tables",
        "etc/table-loader",
      ])
  }

  @Test(arguments: [(128 << 20, 1), (256 << 20, 1), (1 << 30, 2)] as [(UInt64, Int)])
  func memoryMapListsAllRAM(ram: UInt64, parts: Int) throws {
    let map = try #require(files(FirmwareConfiguration.items(vcpus: 1, ramBytes: ram))["etc/memmap"])
    #expect(map.count == 24 * parts)
    let ranges = (0..<parts).map {
      (number(map, 24 * $0, 8), number(map, 24 * $0 + 8, 8), number(map, 24 * $0 + 16, 4))
    }
    #expect(ranges.reduce(0) { $0 + $1.1 } == Int(ram))
    #expect(ranges.allSatisfy { $0.2 == 1 })
    if parts == 2 { #expect(ranges[1].0 == 0x9000_0000) }
  }

  /// Carries the script out, as QEMU's bios-linker-loader describes it.
  private func link(_ files: [String: [UInt8]]) throws -> (memory: [String: [UInt8]], base: [String: Int]) {
    let script = try #require(files["etc/table-loader"])
    var memory: [String: [UInt8]] = [:]
    var base: [String: Int] = [:]
    #expect(script.count % 128 == 0)
    for at in stride(from: 0, to: script.count, by: 128) {
      let file = name(script, at + 4)
      switch number(script, at, 4) {
      case 1:
        base[file] = 0x1000_0000 + base.count * 0x10_0000
        memory[file] = try #require(files[file])
        #expect([16, 64].contains(number(script, at + 60, 4)))
      case 2:
        let (offset, size) = (number(script, at + 116, 4), Int(script[at + 120]))
        let target = try #require(base[name(script, at + 60)])
        let value = number(try #require(memory[file]), offset, size) + target
        for i in 0..<size { memory[file]?[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
      case 3:
        let (result, start, length) = (
          number(script, at + 60, 4), number(script, at + 64, 4), number(script, at + 68, 4)
        )
        let bytes = try #require(memory[file])
        #expect(bytes[result] == 0)
        memory[file]?[result] = 0 &- bytes[start..<start + length].reduce(0, &+)
      default: Issue.record("an unknown command")
      }
    }
    return (memory, base)
  }

  @Test(arguments: [1, 3, 256]) func linkedTablesAreReachedFromTheRootAndAddUpToZero(vcpus: Int) throws {
    let (memory, base) = try link(files(FirmwareConfiguration.items(vcpus: vcpus, ramBytes: 1 << 30)))
    let tables = try #require(memory["etc/acpi/tables"])
    let origin = try #require(base["etc/acpi/tables"])
    let root = try #require(memory["etc/acpi/rsdp"])
    func table(_ address: Int) -> [UInt8] {
      let at = address - origin
      return Array(tables[at..<at + number(tables, at + 4, 4)])
    }
    #expect(root.reduce(0, &+) == 0)
    #expect(root[..<20].reduce(0, &+) == 0)
    let rsdt = table(number(root, 16, 4))
    let listed = stride(from: 36, to: rsdt.count, by: 4).map { table(number(rsdt, $0, 4)) }
    let dsdt = table(number(listed[0], 140, 8))
    let all = [rsdt, dsdt] + listed
    #expect(
      all.map { String(decoding: $0[..<4], as: UTF8.self) } == ["RSDT", "DSDT", "FACP", "APIC", "SRAT", "MCFG", "SPCR"])
    for table in all { #expect(table.reduce(0, &+) == 0) }
  }

  /// EDK2's reset library looks for the FADT in the files as they are, with offsets for addresses.
  @Test func unlinkedTablesLeadToTheResetRegister() throws {
    let tables = RelocatableTables(vcpus: 1, ramBytes: 1 << 30)
    let rsdt = number(tables.rootPointer, 16, 4)
    let fadt = number(tables.tables, rsdt + 36, 4)
    #expect(String(decoding: tables.tables[fadt..<fadt + 4], as: UTF8.self) == "FACP")
    #expect(number(tables.tables, fadt + 120, 8) == Int(PowerRegister.reset))
  }

  @Test(arguments: [1, 256]) func smbiosStructuresFollowEachOtherToTheEnd(vcpus: Int) throws {
    let files = try files(FirmwareConfiguration.items(vcpus: vcpus, ramBytes: 1 << 30))
    let (anchor, tables) = (files["etc/smbios/smbios-anchor"] ?? [], files["etc/smbios/smbios-tables"] ?? [])
    #expect(String(decoding: anchor[..<5], as: UTF8.self) == "_SM3_")
    #expect(anchor.count == 24 && anchor[6] == 24 && anchor.reduce(0, &+) == 0)
    #expect(number(anchor, 12, 4) == tables.count)
    var (at, types) = (0, [UInt8]())
    while at < tables.count {
      types.append(tables[at])
      at += Int(tables[at + 1])
      while tables[at] != 0 || tables[at + 1] != 0 { at += 1 }
      at += 2
    }
    #expect(at == tables.count)
    #expect(types == [0, 1, 3, 4, 127])
  }

  @Test func processorStructureHasTheLengthOfItsVersion() {
    let tables = SMBIOS.tables(vcpus: 300)
    let at = tables.indices.first { tables[$0] == 4 && tables[$0 + 1] == 0x30 && tables[$0 + 3] == 4 } ?? 0
    #expect(tables[at + 0x23] == 255)
    #expect(number(tables, at + 0x2a, 2) == 300)
    #expect(number(tables, at + 0x16, 2) == 100)
  }

  @Test func encodedItemsNameTheirBytes() {
    let items = [FirmwareItem(selector: 0, bytes: [1, 2]), FirmwareItem(selector: 0x20, bytes: [3])]
    let file = FirmwareConfiguration.encode(items)
    #expect(Array(file[..<8]) == Array("ATOLFWCF".utf8))
    #expect(number(file, 8, 4) == 2)
    for (index, item) in items.enumerated() {
      let at = 12 + 12 * index
      let offset = number(file, at + 4, 4)
      #expect(number(file, at, 4) == Int(item.selector))
      #expect(Array(file[offset..<offset + number(file, at + 8, 4)]) == item.bytes)
    }
  }

  @Test func firmwareFindsItsTreeAndStartsInItsROM() throws {
    let shape = MachineShape(vcpus: 256, ramBytes: 1 << 30, deviceTree: true, commandLine: [])
    let blobs = FirmwareEntry.blobs(shape)
    #expect(blobs.map(\.address) == [0x10_0000])
    #expect(blobs[0].bytes.count <= MachineTree.maximumSize)
    for words in ["qemu,fw-cfg-mmio", "cfi-flash", "pci-host-ecam-generic", "loongson,ls7a-rtc", "ns16550a"] {
      #expect(Data(blobs[0].bytes).range(of: Data(words.utf8)) != nil, "\(words)")
    }
    #expect(FirmwareEntry.entryPoint == EntryPoint(pc: 0x1c00_0000, a0: 0, a1: 0, a2: 0, park: 0x1c00_0000))
  }

  /// The kernel's own compiler as an independent reader.
  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/dtc"), "dtc is not installed"),
    arguments: [false, true])
  func dtcReadsTheTree(firmware: Bool) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "atoll-\(UUID().uuidString).dtb")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(MachineTree.blob(vcpus: 2, ramBytes: 1 << 30, commandLine: [], initrd: nil, firmware: firmware)).write(
      to: file)
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/dtc")
    process.arguments = ["-I", "dtb", "-O", "dts", file.path]
    process.standardOutput = pipe
    process.standardError = nil
    try process.run()
    let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(text.contains("bus-range = <0x00 0x7f>;"))
    #expect(text.contains("msi-map = <0x00 0x05 0x00 0x10000>;"))
    #expect(
      text.contains(
        "ranges = <0x1000000 0x00 0x4000 0x00 0x18004000 0x00 0xc000 0x2000000 0x00 0x40000000 0x00 0x40000000 0x00 0x40000000>;"
      ))
    #expect(text.contains("reg = <0x00 0x1e020000 0x00 0x10>;") == firmware)
  }
}
