import Testing

@testable import Machine

@Suite struct EFITests {
  private func number(_ bytes: [UInt8], _ at: Int, _ size: Int = 8) -> UInt64 {
    (0..<size).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
  }

  @Test func crcOfTheUsualTestStringIsTheUsualOne() {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xcbf4_3926)
  }

  @Test func guidLiesInMixedEndianOrder() {
    #expect(
      GUID.acpi20.bytes == [
        0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81,
      ])
  }

  @Test func systemTableHasItsChecksumAndPointsToItsParts() {
    let table = EFITables.systemTable(
      at: 0x2_0000, runtimeServices: 0x9000_0000_0002_1000,
      configuration: [ConfigurationTable(.acpi20, 0x8_0380), ConfigurationTable(.linuxInitrd, 0x1_4000)])
    var header = Array(table[0..<120])
    let crc = UInt32(number(header, 16, 4))
    for i in 16..<20 { header[i] = 0 }
    #expect(number(header, 0) == 0x5453_5953_2049_4249)
    #expect(CRC32.checksum(header) == crc)
    #expect(number(table, 0x58) == 0x9000_0000_0002_1000)
    #expect(number(table, 0x68) == 2)
    let entries = Int(number(table, 0x70) - 0x2_0000)
    #expect(Array(table[entries..<entries + 16]) == GUID.acpi20.bytes)
    #expect(number(table, entries + 16) == 0x8_0380)
    #expect(entries + 48 == table.count)
  }

  @Test func runtimeServicesPointIntoTheirCodeInTheCachedWindow() {
    let services = RuntimeServices()
    let table = EFITables.runtimeServicesTable(services, code: 0x3_0000)
    let pointers = stride(from: 24, to: 136, by: 8).map { number(table, $0) }
    #expect(pointers.count == 14)
    for pointer in pointers {
      #expect(pointer & 3 == 0)
      #expect((0x9000_0000_0003_0000..<0x9000_0000_0003_0000 + UInt64(services.code.count)).contains(pointer))
    }
    #expect(pointers[10] == 0x9000_0000_0003_0000 + UInt64(services.resetSystem))
  }

  @Test(arguments: [64, 256, 257, 1024, 4096, 1 << 20] as [UInt64])
  func memoryMapCoversAllRAMOnceInOrder(mebibytes: UInt64) {
    let ram = mebibytes << 20
    let shape = MachineShape(vcpus: 1, ramBytes: ram, deviceTree: false, commandLine: [])
    let map = HandOver.memoryMap(
      shape, kernel: AddressRange(0x20_0000, 0x1a0_0000), initrd: AddressRange(0x1c0_0000, 0x11_0000))
    let memory = map.filter { $0.type != .memoryMappedIO }
    #expect(memory.reduce(0) { $0 + $1.range.size } == ram)
    for (first, second) in zip(memory, memory.dropFirst()) { #expect(first.range.end <= second.range.start) }
    for entry in map { #expect(entry.range.start % 4096 == 0 && entry.range.size % 4096 == 0 && entry.range.size > 0) }
    for type in [EFIMemoryType.runtimeServicesCode, .runtimeServicesData, .acpiReclaim, .reserved, .loaderCode] {
      #expect(memory.contains { $0.type == type })
    }
  }

  @Test func memoryMapTableSaysItsOwnSize() {
    let map = [EFIMemoryDescriptor(.conventional, AddressRange(0, 0x4000))]
    let table = EFIMemoryMap.linuxTable(map)
    #expect(table.count == 40 + 40)
    #expect(number(table, 0) == 40)
    #expect(number(table, 8) == 40)
    #expect(number(table, 40 + 24) == 4)
  }
}
