import KernelSamples
import LoaderCore
import Machine
import System
import Testing

/// A bad kernel and words of the sentence that it must give.
struct BadKernel: CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let words: String
  var testDescription: String { name }

  init(_ name: String, _ bytes: [UInt8], _ words: String) {
    self.name = name
    self.bytes = bytes
    self.words = words
  }

  private static let image = SyntheticKernel.image()
  private static let zstd = SyntheticKernel.zstd(image)
  private static let gzip = SyntheticKernel.gzip(image)
  private static func damaged(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
    var bytes = bytes
    bytes[offset] ^= 0xff
    return bytes
  }
  private static func segment(_ change: (inout SyntheticKernel.Segment) -> Void) -> [SyntheticKernel.Segment] {
    var segment = SyntheticKernel.Segment()
    change(&segment)
    return [segment]
  }

  static let formats = [
    BadKernel("empty", [], "the kernel file is empty"),
    BadKernel("one byte", [0x4d], "not a kernel"),
    BadKernel("text", Array("#!/bin/sh\necho hello\n".utf8), "not a kernel"),
    BadKernel("zeros", [UInt8](repeating: 0, count: 4096), "not a kernel"),
    BadKernel("bare gzip", gzip, "compressed with gzip as a whole"),
    BadKernel("bare zstd", zstd, "compressed with zstd as a whole"),
    BadKernel("PE for x86-64", SyntheticKernel.image(machine: 0x8664), "kernel for x86-64, not for LoongArch64"),
    BadKernel("zboot for ARM64", SyntheticKernel.zboot(zstd, machine: 0xaa64), "kernel for ARM64"),
    BadKernel("PE for RISC-V", SyntheticKernel.image(machine: 0x5064), "kernel for RISC-V 64"),
    BadKernel("PE for an unknown machine", SyntheticKernel.image(machine: 0x1234), "PE machine 0x1234"),
    BadKernel("PE without Linux's magic", damaged(image, at: 0x38), "not a kernel"),
    BadKernel("PE without its signature", damaged(image, at: 0x40), "not a kernel"),
    BadKernel("PE cut in its header", Array(image[0..<60]), "truncated"),
    BadKernel("PE cut before its machine", Array(image[0..<68]), "truncated"),
    BadKernel("ELF for x86-64", SyntheticKernel.elf(machine: 62), "kernel for x86-64"),
    BadKernel("ELF of 32 bits", SyntheticKernel.elf(kind: 1), "LoongArch32"),
    BadKernel("ELF cut in its header", Array(SyntheticKernel.elf()[0..<40]), "truncated"),
  ]

  static let payloads = [
    BadKernel("zboot cut in its payload", SyntheticKernel.zboot(zstd).dropLast(100), "payload is truncated"),
    BadKernel("zboot payload behind the end", SyntheticKernel.zboot(zstd, offset: .max, size: .max), "truncated"),
    BadKernel("zboot payload without size", SyntheticKernel.zboot(zstd, size: 0), "no place"),
    BadKernel("zboot packed with lzma", SyntheticKernel.zboot(zstd, "lzma"), "packed with 'lzma'"),
    BadKernel("zboot packed with an unprintable name", SyntheticKernel.zboot(zstd, "\u{1b}[2J"), "packed with '?[2J'"),
    BadKernel("zstd ending early", SyntheticKernel.zboot(zstd, size: 2000), "zstd payload of the kernel ends"),
    BadKernel("gzip ending early", SyntheticKernel.zboot(gzip, "gzip", size: 2000), "gzip payload of the kernel ends"),
    BadKernel("gzip with a wrong checksum", SyntheticKernel.zboot(damaged(gzip, at: 2000), "gzip"), "is damaged"),
    BadKernel("zstd without its magic", SyntheticKernel.zboot(damaged(zstd, at: 0)), "is damaged"),
    BadKernel("gzip called zstd", SyntheticKernel.zboot(gzip), "zstd payload of the kernel is damaged"),
    BadKernel("zboot of nothing", SyntheticKernel.zboot(SyntheticKernel.zstd([])), "payload is empty"),
    BadKernel("zboot of text", SyntheticKernel.zboot(SyntheticKernel.zstd(Array("hello".utf8))), "not a kernel"),
    BadKernel(
      "zboot of zboot", SyntheticKernel.zboot(SyntheticKernel.zstd(SyntheticKernel.zboot(zstd))), "not a kernel image"),
    BadKernel(
      "zboot of an x86-64 image", SyntheticKernel.zboot(SyntheticKernel.zstd(SyntheticKernel.image(machine: 0x8664))),
      "kernel for x86-64"),
    BadKernel("zstd bomb", SyntheticKernel.zboot(bomb), "does not fit in the guest's 64 MiB"),
  ]

  /// 64 MiB of one byte in some 1.5 KB: RLE blocks of 128 KiB (RFC 8878, 3.1.1.2.2).
  private static var bomb: [UInt8] {
    let blocks = 512
    var bytes: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58]
    let size = blocks << 17
    for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: size >> (8 * i))) }
    for index in 0..<blocks {
      let header = 1 << 20 | 1 << 1 | (index == blocks - 1 ? 1 : 0)
      for i in 0..<3 { bytes.append(UInt8(truncatingIfNeeded: header >> (8 * i))) }
      bytes.append(0x4d)
    }
    return bytes
  }

  static let headers = [
    BadKernel("entry below", SyntheticKernel.image(entry: 0x1f_f000), "entry point"),
    BadKernel("entry behind", SyntheticKernel.image(entry: 0x30_0000), "entry point"),
    BadKernel("entry odd", SyntheticKernel.image(entry: 0x20_1002), "entry point"),
    BadKernel("no size", SyntheticKernel.image(memorySize: 0), "no size"),
    BadKernel("absurd size", SyntheticKernel.image(memorySize: .max), "no size"),
    BadKernel("load at 0", SyntheticKernel.image(load: 0), "first 2 MiB"),
    BadKernel("load in the I/O space", SyntheticKernel.image(load: 0x1fe0_0000), "64 MiB of RAM"),
    BadKernel("load behind RAM", SyntheticKernel.image(load: 0x9000_0000), "64 MiB of RAM"),
    BadKernel("larger than RAM", SyntheticKernel.image(memorySize: 80 << 20), "the kernel needs 80 MiB at 2 MiB"),
    BadKernel("segment behind the file", SyntheticKernel.elf(segment { $0.offset = 8192 }), "truncated"),
    BadKernel("segment offset wraps", SyntheticKernel.elf(segment { $0.offset = .max }), "truncated"),
    BadKernel("segment stores more than it has", SyntheticKernel.elf(segment { $0.size = 100 }), "impossible size"),
    BadKernel("segment of absurd size", SyntheticKernel.elf(segment { $0.size = .max }), "impossible size"),
    BadKernel("no segment", SyntheticKernel.elf(segment { $0.type = 2 }), "no ELF segment"),
    BadKernel("segments overlap", SyntheticKernel.elf([.init(), .init()]), "overlap"),
    BadKernel(
      "segments reach the firmware", SyntheticKernel.elf(segment { $0.address = 0 }, entry: 0x10), "first 2 MiB"),
    BadKernel(
      "1000 segments",
      SyntheticKernel.elf(
        [SyntheticKernel.Segment](repeating: .init(), count: 60) + [.init(), .init(), .init(), .init(), .init()]),
      "program headers"),
    BadKernel("ELF entry outside", SyntheticKernel.elf(entry: 0x9000_0000_1000_0000), "entry point"),
  ]
}

@Suite struct BadInputTests {
  @Test(arguments: BadKernel.formats + BadKernel.payloads + BadKernel.headers)
  func badKernelIsRefusedInOneSentence(kernel: BadKernel) throws {
    let attempt = try Attempt(kernel.bytes)
    #expect(attempt.entry == nil)
    #expect(attempt.failure.contains(kernel.words), "\(attempt.failure)")
    #expect(attempt.failure.utf8.count <= 200)
    #expect(attempt.failure.utf8.allSatisfy { (32...126).contains($0) })
  }

  @Test func emptyInitrdIsRefused() throws {
    #expect(try Attempt(SyntheticKernel.image(), initrd: []).failure == "the initrd file is empty")
  }

  @Test(
    arguments: [
      (64, 61 << 20, 64), (64, 62 << 20, 65), (256, 300 << 20, 556), (512, 400 << 20, 656), (4096, 8 << 30, 8448),
    ] as [(UInt64, Int, Int)])
  func initrdThatDoesNotFitSaysHowMuchRAMItNeeds(mebibytes: UInt64, size: Int, needed: Int) throws {
    let attempt = try Attempt(SyntheticKernel.image(), mebibytes: mebibytes, sparseInitrd: size)
    if needed <= Int(mebibytes) {
      #expect(attempt.failure == "")
    } else {
      #expect(attempt.failure.contains("at least \(needed) MiB of RAM and has \(mebibytes)"), "\(attempt.failure)")
    }
  }

  @Test func fileThatIsADirectoryIsRefused() throws {
    let directory = try FileDescriptor.open("/", flags: 0)
    let file = try ImageFile("kernel", directory)
    let memory = try GuestMemory(MemoryFile.create("ram", size: 64 << 20), bytes: 64 << 20)
    let shape = MachineShape(vcpus: 1, ramBytes: 64 << 20, deviceTree: false, commandLine: [])
    #expect(throws: LoadError.self) { try Loader.load(shape, into: memory, kernel: file, initrd: nil) }
  }

  @Test func ramThatIsTooSmallOrCanShrinkIsRefused() throws {
    let small = try MemoryFile.create("ram", size: 1 << 20)
    #expect(throws: LoadError.self) { _ = try GuestMemory(small, bytes: 64 << 20) }
  }
}
