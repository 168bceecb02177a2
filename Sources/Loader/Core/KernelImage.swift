import Machine

// What kind of kernel a file holds, from its first bytes. All of it is hostile input.
// Formats: Linux Documentation/arch/loongarch/booting and include/linux/pe.h for the image header, drivers/firmware/efi
// /libstub for the zboot header, the PE/COFF specification, the System V ABI for ELF.

/// A kernel as its headers describe it.
public enum KernelImage: Sendable, Equatable {
  /// EFI zboot: a packed image inside.
  case zboot(PackedPayload)
  /// An image that is copied as it is.
  case image(ImageHeader)
  /// An ELF program.
  case elf(ELFProgram)
}

/// The first bytes of headers.
private enum Signature {
  static let elf: [UInt8] = [0x7f] + Array("ELF".utf8)
  static let mz = Array("MZ".utf8)
  static let pe = Array("PE".utf8) + [0, 0]
  static let zboot = Array("zimg".utf8)
  static let zstd = Array("zstd".utf8) + [0]
  static let gzip = Array("gzip".utf8) + [0]
}

/// Where the packed image of a zboot file lies.
public struct PackedPayload: Sendable, Equatable {
  /// How it is packed.
  public let compression: Compression
  /// Bytes from the start of the file.
  public let offset: Int
  /// Bytes, more than 0.
  public let size: Int
}

/// The header of an unpacked image.
public struct ImageHeader: Sendable, Equatable {
  /// Guest physical addresses that the running kernel takes, .bss included.
  public let range: AddressRange
  /// Guest physical address of the first instruction; lies in `range`.
  public let entry: UInt64
}

extension KernelImage {
  /// Bytes from the start of a file that `parse` wants to see, if the file has them.
  public static let headSize = 64 << 10
  /// Older kernels store virtual addresses: the physical address is in the low 48 bits.
  static let physicalMask: UInt64 = (1 << 48) - 1
  private static let linuxMagic: UInt32 = 0x8182_23cd
  static let machineLoongArch64: UInt16 = 0x6264

  /// The kernel whose first bytes are `head`, in a file of `fileSize` bytes.
  public static func parse(head reader: RawSpan, fileSize: Int) throws(LoadError) -> KernelImage {
    guard fileSize > 0, reader.byteCount > 0 else { throw .emptyKernel }
    if reader.has(Signature.elf, at: 0) { return .elf(try ELFProgram(reader, fileSize: fileSize)) }
    if reader.has(Signature.mz, at: 0) { return try portableExecutable(reader, fileSize: fileSize) }
    if reader.u16(0) == 0x8b1f { throw .barePayload("gzip") }
    if reader.u32(0) == 0xfd2f_b528 { throw .barePayload("zstd") }
    throw .notAKernel
  }

  private static func portableExecutable(
    _ reader: RawSpan, fileSize: Int
  ) throws(LoadError) -> KernelImage {
    guard fileSize >= 64, let magic = reader.u32(0x38), let peOffset = reader.u32(0x3c) else {
      throw .truncatedKernel(needed: 64, size: fileSize)
    }
    try checkMachine(reader, peOffset: peOffset, fileSize: fileSize)
    guard magic == linuxMagic else { throw .notAKernel }
    if reader.has(Signature.zboot, at: 4) { return .zboot(try payload(reader, fileSize: fileSize)) }
    return .image(try ImageHeader(reader))
  }

  private static func checkMachine(
    _ reader: RawSpan, peOffset: UInt32, fileSize: Int
  ) throws(LoadError) {
    let offset = Int(peOffset)
    guard offset + 24 <= fileSize else { throw .truncatedKernel(needed: UInt64(offset + 24), size: fileSize) }
    guard reader.has(Signature.pe, at: offset), let machine = reader.u16(offset + 4) else { throw .notAKernel }
    guard machine == machineLoongArch64 else { throw .foreignKernel(machineName(portableExecutable: machine)) }
  }

  private static func payload(_ reader: RawSpan, fileSize: Int) throws(LoadError) -> PackedPayload {
    guard let offset = reader.u32(8), let size = reader.u32(12) else { throw .notAKernel }
    let compression: Compression
    if reader.has(Signature.zstd, at: 24) {
      compression = .zstd
    } else if reader.has(Signature.gzip, at: 24) {
      compression = .gzip
    } else {
      throw .unknownCompression(reader.label(at: 24, limit: 31))
    }
    let end = UInt64(offset) + UInt64(size)
    guard end <= UInt64(fileSize) else { throw .payloadOutsideFile(end: end, size: fileSize) }
    guard size > 0, offset >= 64 else { throw .badHeader("the zboot payload has no place") }
    return PackedPayload(compression: compression, offset: Int(offset), size: Int(size))
  }

  private static func machineName(portableExecutable machine: UInt16) -> String {
    switch machine {
    case 0x014c: "x86"
    case 0x8664: "x86-64"
    case 0xaa64: "ARM64"
    case 0x01c2, 0x01c4: "ARM"
    case 0x5064: "RISC-V 64"
    case 0x5032: "RISC-V 32"
    case 0x6232: "LoongArch32"
    default: "PE machine 0x" + String(machine, radix: 16)
    }
  }
}

extension ImageHeader {
  /// The header of an unpacked image, whose machine has been checked.
  init(_ reader: RawSpan) throws(LoadError) {
    guard let entry = reader.u64(0x08), let size = reader.u64(0x10), let load = reader.u64(0x18) else {
      throw .badHeader("it ends early")
    }
    let (start, first) = (load & KernelImage.physicalMask, entry & KernelImage.physicalMask)
    guard size > 0, size <= KernelImage.physicalMask - start else { throw .badHeader("the kernel has no size") }
    range = AddressRange(start, size)
    guard first >= start, first < range.end, first & 3 == 0 else {
      throw .badHeader("its entry point lies outside of the kernel")
    }
    self.entry = first
  }

  /// The image that a payload was unpacked to: `head` are its first bytes.
  public static func parse(unpacked head: RawSpan) throws(LoadError) -> ImageHeader {
    switch try KernelImage.parse(head: head, fileSize: head.byteCount) {
    case .image(let header): return header
    default: throw .badHeader("the payload is not a kernel image")
    }
  }
}
