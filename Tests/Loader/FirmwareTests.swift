import LoaderCore
import Machine
import System
import Testing

@Suite struct FirmwareLoaderTests {
  private func prepare(mebibytes: UInt64, vcpus: Int = 1) throws -> (entry: EntryPoint, memory: FileImage) {
    let descriptor = try MemoryFile.create("ram", size: Int(mebibytes << 20))
    let memory = try GuestMemory(descriptor, bytes: mebibytes << 20)
    let shape = MachineShape(vcpus: vcpus, ramBytes: mebibytes << 20, deviceTree: true, commandLine: [])
    let entry = try Loader.prepareFirmware(shape, into: memory)
    return (entry, FileImage(descriptor))
  }

  @Test func firmwareFindsADeviceTreeAndNothingElse() throws {
    let (entry, memory) = try prepare(mebibytes: 64)
    #expect(entry.pc == 0x1c00_0000 && entry.park == 0x1c00_0000)
    // Magic of a flattened device tree, big endian (Devicetree Specification 0.4, 5.2).
    #expect(memory.read(0x10_0000, 4) == [0xd0, 0x0d, 0xfe, 0xed])
    let size = memory.read(0x10_0004, 4).reduce(0) { $0 << 8 | Int($1) }
    #expect(memory.read(0, 0x10_0000).allSatisfy { $0 == 0 })
    #expect(memory.read(0x10_0000 + size, 0x10_0000).allSatisfy { $0 == 0 })
  }

  @Test(arguments: [(0, 1), (64, 0), (64, 257)] as [(UInt64, Int)])
  func impossibleMachines_areRefused(mebibytes: UInt64, vcpus: Int) {
    #expect(throws: (any Error).self) { try prepare(mebibytes: mebibytes, vcpus: vcpus) }
  }
}
