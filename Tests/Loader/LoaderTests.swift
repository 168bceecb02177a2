import Foundation
import KernelSamples
import LoaderCore
import Machine
import Testing

@Suite struct LoaderTests {
  private static let image = SyntheticKernel.image()

  @Test(arguments: ["zstd", "gzip"])
  func packedKernelIsUnpackedToItsPlace(compression: String) throws {
    let payload = compression == "zstd" ? SyntheticKernel.zstd(Self.image) : SyntheticKernel.gzip(Self.image)
    let attempt = try Attempt(SyntheticKernel.zboot(payload, compression))
    #expect(attempt.failure == "")
    #expect(attempt.entry?.pc == 0x20_1000)
    #expect(attempt.memory(0x20_0000, Self.image.count) == Self.image)
  }

  @Test func packedKernelThatBelongsElsewhereIsMoved() throws {
    let image = SyntheticKernel.image(load: 0x20_3000)
    let attempt = try Attempt(SyntheticKernel.zboot(SyntheticKernel.zstd(image)))
    #expect(attempt.failure == "")
    #expect(attempt.entry?.pc == 0x20_4000)
    #expect(attempt.memory(0x20_3000, image.count) == image)
  }

  @Test func imageIsCopiedToItsPlace() throws {
    let attempt = try Attempt(Self.image)
    #expect(attempt.entry?.pc == 0x20_1000)
    #expect(attempt.memory(0x20_0000, Self.image.count) == Self.image)
  }

  @Test func virtualAddressesOfOlderImagesAreMasked() throws {
    let image = SyntheticKernel.image(load: 0x20_0000, entry: 0x9000_0000_0020_1000)
    #expect(try Attempt(image).entry?.pc == 0x20_1000)
  }

  @Test func elfSegmentsAreCopiedAndTheRestIsZero() throws {
    let elf = SyntheticKernel.elf()
    let attempt = try Attempt(elf)
    #expect(attempt.failure == "")
    #expect(attempt.entry?.pc == 0x20_0010)
    #expect(attempt.memory(0x20_0000, 4096) == Array(elf[4096...]))
    #expect(attempt.memory(0x20_1000, 4096).allSatisfy { $0 == 0 })
  }

  @Test(arguments: [(64, 0x21_0000), (256, 0x21_0000), (512, 0x1000_0000)] as [(UInt64, UInt64)])
  func initrdGoesToHighMemoryOrBehindTheKernel(mebibytes: UInt64, offset: UInt64) throws {
    let initrd = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    let attempt = try Attempt(Self.image, initrd: initrd, mebibytes: mebibytes)
    #expect(attempt.failure == "")
    #expect(attempt.memory(offset, 5000) == initrd)
    let address = mebibytes > 256 ? 0x9000_0000 : offset
    #expect(attempt.number(FirmwareLayout.initrdTable.start) == address)
    #expect(attempt.number(FirmwareLayout.initrdTable.start + 8) == 5000)
  }

  @Test func tablesLieWhereTheRegistersPoint() throws {
    let attempt = try Attempt(Self.image, commandLine: 7)
    let entry = try #require(attempt.entry)
    #expect(attempt.memory(entry.a1, 8) == Array("aaaaaaa".utf8) + [0])
    #expect(attempt.number(entry.a2) == 0x5453_5953_2049_4249)
    #expect(attempt.memory(entry.park, 4) != [0, 0, 0, 0])
    #expect(attempt.memory(FirmwareLayout.acpi.start + 16, 4) != [0, 0, 0, 0])
    #expect(attempt.number(FirmwareLayout.deviceTree.start) == 0)
  }

  @Test func deviceTreeReplacesACPI() throws {
    let attempt = try Attempt(Self.image, deviceTree: true)
    #expect(attempt.memory(FirmwareLayout.deviceTree.start, 4) == [0xd0, 0x0d, 0xfe, 0xed])
    #expect(attempt.number(FirmwareLayout.acpi.start) == 0)
  }

  @Test func commandLineOf4096BytesIsTakenAnd4097Refused() throws {
    #expect(try Attempt(Self.image, commandLine: 4096).failure == "")
    #expect(try Attempt(Self.image, commandLine: 4097).failure.contains("4097 bytes"))
  }

  @Test(arguments: [0, 257])
  func vcpusOutsideOfTheLimitAreRefused(vcpus: Int) throws {
    #expect(try Attempt(Self.image, vcpus: vcpus).failure == "the guest can have 1 to 256 CPUs, not \(vcpus)")
  }

  @Test func tooLittleRAMIsRefused() throws {
    #expect(try Attempt(Self.image, mebibytes: 1).failure.contains("at least 64 MiB"))
  }

  @Test(.enabled(if: RealKernel.exists, "no kernel in the cache; ATOLL_GUEST_KERNEL can name one"))
  func realKernelLoads() throws {
    let kernel = try #require(FileManager.default.contents(atPath: RealKernel.path))
    let attempt = try Attempt(Array(kernel), mebibytes: 256)
    let entry = try #require(attempt.entry, "\(attempt.failure)")
    #expect(attempt.memory(0x20_0000, 2) == Array("MZ".utf8))
    #expect(entry.pc > 0x20_0000 && entry.pc < 0x1000_0000)
  }
}

enum RealKernel {
  static var exists: Bool { FileManager.default.isReadableFile(atPath: path) }
  /// Where the person or the fetch put one.
  static var path: String {
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["ATOLL_GUEST_KERNEL"] { return named }
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return cache + "/atoll/guest/vmlinuz"
  }
}
