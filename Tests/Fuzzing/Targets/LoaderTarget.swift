// Kernel and initrd files, as the loader gets them from anybody.

import FuzzSupport
import KernelSamples
import LoaderCore
import Machine
import System

/// Loads the input as a kernel into 64 MiB of guest RAM; when its first byte is odd, a part of it is an initrd.
///
/// Promises: an error, or an entry point inside guest RAM.
enum LoaderTarget {
  private static let ram: UInt64 = 64 << 20

  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    let initrdSize = source.byte() & 1 == 1 ? Int(source.byte()) : 0
    let initrdBytes = source.bytes(initrdSize)
    guard let kernel = file(source.bytes(source.remaining)),
      let guest = try? MemoryFile.create("fuzz-ram", size: Int(ram)),
      let memory = try? GuestMemory(guest, bytes: ram)
    else { return nil }
    let initrd = initrdBytes.isEmpty ? nil : file(initrdBytes)
    let shape = MachineShape(vcpus: 1, ramBytes: ram, deviceTree: false, commandLine: Array("console=ttyS0".utf8))
    do {
      let entry = try Loader.load(shape, into: memory, kernel: kernel, initrd: initrd)
      let first = AddressRange(entry.pc, 4)
      return RAMLayout.fileOffset(of: first, bytes: ram) == nil ? "the entry point \(entry.pc) is not in RAM" : nil
    } catch {
      return error.sentence.isEmpty ? "an error without a sentence" : nil
    }
  }

  /// `bytes` as a file; nil if the host has no room for it.
  private static func file(_ bytes: [UInt8]) -> ImageFile? {
    guard let descriptor = try? MemoryFile.create("fuzz-kernel", size: bytes.count) else { return nil }
    if !bytes.isEmpty {
      guard let view = try? Mapping.shared(descriptor, size: bytes.count) else { return nil }
      bytes.withUnsafeBytes {
        view.base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(view.base), byteCount: bytes.count)
      }
    }
    return try? ImageFile("kernel", descriptor)
  }

  /// One small kernel of each format; the byte before it says that there is no initrd.
  static var seeds: [[UInt8]] {
    let image = SyntheticKernel.image()
    return [
      image, SyntheticKernel.elf(), SyntheticKernel.zboot(SyntheticKernel.zstd(image)),
      SyntheticKernel.zboot(SyntheticKernel.gzip(image), "gzip"),
    ].map { [0] + $0 }
  }
}
