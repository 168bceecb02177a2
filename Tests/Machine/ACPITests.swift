import Foundation
import Testing

@testable import Machine

@Suite struct ACPITests {
  private static let address: UInt64 = 0x8_0000

  private func bytes(_ set: ACPITableSet, _ at: UInt64, _ count: Int) -> [UInt8] {
    let start = Int(at - Self.address)
    return Array(set.bytes[start..<start + count])
  }
  private func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> UInt64 {
    (0..<size).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
  }
  private func table(_ set: ACPITableSet, _ at: UInt64) -> [UInt8] {
    bytes(set, at, Int(number(bytes(set, at, 8), 4, 4)))
  }
  private func signature(_ table: [UInt8]) -> String { String(decoding: table[0..<4], as: UTF8.self) }
  private func tables(_ set: ACPITableSet) -> [[UInt8]] {
    let xsdt = table(set, number(bytes(set, set.rootPointer, 36), 24, 8))
    let listed = stride(from: 36, to: xsdt.count, by: 8).map { table(set, number(xsdt, $0, 8)) }
    let dsdt = table(set, number(listed[0], 140, 8))
    return [xsdt, dsdt] + listed
  }

  @Test(arguments: [1, 2, 64, 255, 256])
  func everyTableAddsUpToZeroAndIsReachedFromTheRoot(vcpus: Int) {
    let set = ACPITableSet(vcpus: vcpus, ramBytes: 1 << 30, at: Self.address)
    let root = bytes(set, set.rootPointer, 36)
    #expect(root.reduce(0, &+) == 0)
    #expect(root[0..<20].reduce(0, &+) == 0)
    let all = tables(set)
    #expect(all.map(signature) == ["XSDT", "DSDT", "FACP", "APIC", "SRAT", "MCFG", "SPCR"])
    for table in all { #expect(table.reduce(0, &+) == 0, "\(signature(table))") }
    #expect(UInt64(set.bytes.count) <= FirmwareLayout.acpi.size)
  }

  @Test func tablesHaveTheLengthsOfTheirRevisions() {
    let lengths = tables(ACPITableSet(vcpus: 1, ramBytes: 1 << 30, at: Self.address)).map(\.count)
    #expect(lengths[2] == 276)
    #expect(lengths[3] == 44 + 15 + 13 + 19 + 17)
    #expect(lengths[4] == 48 + 16 + 2 * 40)
    #expect(lengths[5] == 60)
    #expect(lengths[6] == 80)
  }

  @Test func fixedDescriptionPointsToTheEventDevice() {
    let fadt = ACPITables.fixedDescription(dsdt: 0x1234_5678_9abc)
    #expect(number(fadt, 112, 4) & 1 << 20 != 0)
    #expect(number(fadt, 120, 8) == 0x100e_001e)
    #expect(fadt[128] == 0x42)
    #expect(number(fadt, 140, 8) == 0x1234_5678_9abc)
    #expect(number(fadt, 248, 8) == 0x100e_001c)
    #expect(number(fadt, 260, 8) == 0x100e_001d)
  }

  @Test func interruptControllersListEveryProcessorOnce() {
    let madt = ACPITables.interruptControllers(vcpus: 256)
    var (types, processors, at) = ([UInt8](), [UInt64](), 44)
    while at < madt.count {
      types.append(madt[at])
      if madt[at] == 17 { processors.append(number(madt, at + 7, 4)) }
      at += Int(madt[at + 1])
    }
    #expect(at == madt.count)
    #expect(processors == Array(0..<256))
    #expect(types.suffix(3) == [20, 21, 22])
  }

  @Test(arguments: [(0, [1]), (62, [63]), (63, [0x41, 4]), (4093, [0x4f, 0xff]), (4094, [0x81, 0, 1])])
  func packageLengthCountsItself(count: Int, expected: [UInt8]) {
    #expect(AML.packageLength(count) == expected)
  }

  @Test func namesArePaddedAndPrefixed() {
    #expect(AML.name("\\_SB.PWRB") == Array("\\".utf8) + [0x2e] + Array("_SB_PWRB".utf8))
    #expect(AML.name("\\_S5") == Array("\\_S5_".utf8))
    #expect(AML.name("ESEL") == Array("ESEL".utf8))
  }

  @Test func everyInterruptIsEdgeAndActiveHigh() {
    let descriptor = Resource.edgeInterrupt(gsi: 66).bytes
    #expect(descriptor == [0x89, 6, 0, 3, 1, 66, 0, 0, 0])
  }

  /// ACPICA's disassembler as an independent reader.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/iasl"), "iasl is not installed"))
  func iaslDisassemblesTheNamespace() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "atoll-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(ACPITables.dsdt(vcpus: 3)).write(to: folder.appending(path: "dsdt.aml"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/iasl")
    process.arguments = ["-d", "dsdt.aml"]
    process.currentDirectoryURL = folder
    process.standardOutput = nil
    process.standardError = nil
    try process.run()
    process.waitUntilExit()
    let text = try String(contentsOf: folder.appending(path: "dsdt.dsl"), encoding: .utf8)
    #expect(process.terminationStatus == 0)
    for line in [
      "Device (C002)", "Name (_HID, \"PNP0501\"", "Name (_HID, \"LOON0001\"", "Method (_EVT, 1, Serialized)",
      "Notify (\\_SB.PWRB, 0x80)", "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )",
      "OperationRegion (EREG, SystemMemory, 0x100E0000, 0x04)", "Field (EREG, DWordAcc, NoLock, WriteAsZeros)",
      "0x1FE001E0,         // Address Base", "Name (\\_S5, Package (0x04)",
      "Name (_HID, \"PNP0A08\"", "Name (_CID, \"PNP0A03\"", "Method (_OSC, 4, Serialized)", "Return (Arg3)",
      "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,",
      "0x007F,             // Range Maximum",
      "DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,",
      "0x40000000,         // Range Minimum", "0x7FFFFFFF,         // Range Maximum",
      "DWordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,",
      "0x00004000,         // Range Minimum", "0x18000000,         // Translation Offset",
      "0x0000C000,         // Length", "TypeTranslation, DenseTranslation",
    ] { #expect(text.contains(line), "\(line)") }
  }
}
