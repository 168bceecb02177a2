import KernelSamples
import LoaderCore
import Machine
import System
import Testing

/// Random damage to small valid kernels: whatever comes out, nothing traps and an error is one sentence.
@Suite struct MutationTests {
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  private static let interesting: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]

  private func mutated(_ bytes: [UInt8], _ random: inout Random) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
      // Mostly in the headers, where decisions are made.
      let reach = Bool.random(using: &random) ? min(160, bytes.count) : bytes.count
      let at = Int.random(in: 0..<reach, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[at] = Self.interesting.randomElement(using: &random) ?? 0
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: for i in at..<min(at + 8, bytes.count) { bytes[i] = 0xff }
      case 3: for i in at..<min(at + 8, bytes.count) { bytes[i] = UInt8.random(in: 0...255, using: &random) }
      default: if Int.random(in: 0..<8, using: &random) == 0 { bytes = Array(bytes[0..<at]) }
      }
    }
    return bytes
  }

  private func seed(_ format: Int) -> [UInt8] {
    let image = SyntheticKernel.image(size: 5000)
    return switch format {
    case 0: image
    case 1: SyntheticKernel.elf([.init(), .init(offset: 4096, address: 0x40_0000, stored: 16, size: 99)])
    case 2: SyntheticKernel.zboot(SyntheticKernel.zstd(image))
    default: SyntheticKernel.zboot(SyntheticKernel.gzip(image), "gzip")
    }
  }

  @Test(arguments: 0..<4)
  func mutatedHeadersNeverTrapTheParser(format: Int) {
    var random = Random(state: UInt64(format) + 1)
    let seed = seed(format)
    for _ in 0..<1500 {
      let bytes = mutated(seed, &random)
      let head = Array(bytes.prefix(KernelImage.headSize))
      do throws(LoadError) {
        _ = try KernelImage.parse(head: head.span.bytes, fileSize: bytes.count)
      } catch {
        #expect(!error.sentence.isEmpty)
      }
    }
  }

  @Test(arguments: 0..<4)
  func mutatedKernelsLoadOrAreRefused(format: Int) throws {
    var random = Random(state: UInt64(format) + 99)
    let ram = try MemoryFile.create("ram", size: 64 << 20)
    let memory = try GuestMemory(ram, bytes: 64 << 20)
    let shape = MachineShape(vcpus: 2, ramBytes: 64 << 20, deviceTree: false, commandLine: [])
    let seed = seed(format)
    for _ in 0..<100 {
      let bytes = mutated(seed, &random)
      do throws(LoadError) {
        let file = try ImageFile("kernel", Attempt.file(bytes))
        let entry = try Loader.load(shape, into: memory, kernel: file, initrd: nil)
        #expect(entry.pc >= MemoryMap.kernelStart && entry.pc < 64 << 20)
      } catch {
        #expect(error.sentence.utf8.count <= 200)
      }
    }
  }

  @Test func everyTruncationOfAValidKernelIsRefusedOrStillWhole() throws {
    for format in 1..<4 {
      let whole = seed(format)
      for count in stride(from: 0, to: whole.count - 64, by: 97) {
        #expect(try !Attempt(Array(whole[0..<count])).failure.isEmpty)
      }
    }
  }
}
