import Foundation
import LoaderCore
import Machine
import System

/// One ELF file that holds what Atoll's loader puts into guest RAM: kernel, initial RAM disk, EFI and ACPI tables. QEMU
/// starts it without firmware (its own -kernel hands over a device tree, with which Debian's kernel panics when it looks
/// for a keyboard controller), so that both machines run the same instructions from the same memory.
enum PeerImage {
  private static let chunk = 64 << 10
  /// The end of low RAM: read once, before the kernel takes it.
  private static let stubAddress = MemoryMap.lowRAM.end - 0x1000
  /// Where the tables of the first 2 MiB wait until the stub copies them down: QEMU clears that memory at reset.
  private static let stagingAddress = MemoryMap.lowRAM.end - 2 * FirmwareLayout.area.end

  /// Builds it for one vCPU.
  static func build(
    kernel: String, initrd: String, commandLine: String, memory: UInt64
  ) throws -> [UInt8] {
    let file = try MemoryFile.create("bench-ram", size: Int(memory))
    let entry = try load(file, kernel, initrd, commandLine, memory)
    let mapping = try Mapping.guestRAM(file, size: Int(memory))
    let ram = UnsafeRawBufferPointer(start: mapping.base, count: Int(memory))
    let all = RAMLayout.ranges(bytes: memory).flatMap { used($0, of: ram) }
    let tables = all.filter { $0.address < FirmwareLayout.area.end }
    var segments = all.filter { $0.address >= FirmwareLayout.area.end }
    for segment in tables {
      segments.append(
        ELFWriter.Segment(address: stagingAddress + segment.address, bytes: segment.bytes, memory: segment.memory))
    }
    let stub = stub(entry, copying: tables)
    segments.append(ELFWriter.Segment(address: stubAddress, bytes: stub, memory: UInt64(stub.count)))
    return ELFWriter.write(segments, entry: stubAddress)
  }

  private static func load(
    _ file: borrowing FileDescriptor, _ kernel: String, _ initrd: String, _ commandLine: String, _ memory: UInt64
  ) throws -> EntryPoint {
    let shape = MachineShape(vcpus: 1, ramBytes: memory, deviceTree: false, commandLine: Array(commandLine.utf8))
    let kernelFile = try ImageFile("kernel", FileDescriptor.open(kernel, flags: 0))
    let initrdFile = try ImageFile("initrd", FileDescriptor.open(initrd, flags: 0))
    return try Loader.load(shape, into: GuestMemory(file, bytes: memory), kernel: kernelFile, initrd: initrdFile)
  }

  /// The runs of chunks that are not all zero.
  private static func used(_ part: RAMRange, of ram: UnsafeRawBufferPointer) -> [ELFWriter.Segment] {
    var segments: [ELFWriter.Segment] = []
    var start: Int?
    let end = Int(part.fileOffset + part.range.size)
    for offset in stride(from: Int(part.fileOffset), through: end, by: chunk) {
      let isUsed = offset < end && ram[offset..<offset + chunk].contains { $0 != 0 }
      if isUsed, start == nil { start = offset }
      guard !isUsed, let first = start else { continue }
      let bytes = Array(ram[first..<offset])
      let address = part.range.start + UInt64(first) - part.fileOffset
      segments.append(ELFWriter.Segment(address: address, bytes: bytes, memory: UInt64(bytes.count)))
      start = nil
    }
    return segments
  }

  /// Copies the tables to their places, sets the registers of the hand-over and jumps to the kernel.
  private static func stub(_ entry: EntryPoint, copying tables: [ELFWriter.Segment]) -> [UInt8] {
    var asm = GuestAssembler()
    for table in tables {
      asm.load(R.t0, stagingAddress + table.address)
      asm.load(R.t1, table.address)
      asm.load(R.t2, table.address + table.memory)
      let word = asm.here()
      asm.ldD(R.t3, R.t0, 0)
      asm.stD(R.t3, R.t1, 0)
      asm.addiD(R.t0, R.t0, 8)
      asm.addiD(R.t1, R.t1, 8)
      asm.bne(R.t1, R.t2, word)
    }
    asm.load(R.a0, entry.a0)
    asm.load(R.a1, entry.a1)
    asm.load(R.a2, entry.a2)
    asm.load(R.t0, entry.pc)
    asm.jumpRegister(R.t0)
    return asm.assembled()
  }
}
