import Machine

/// An ELF `vmlinux` (System V ABI, 4 and 5; machine number from the LoongArch ELF psABI).
public struct ELFProgram: Sendable, Equatable {
  /// A part of the file that is loaded.
  public struct Segment: Sendable, Equatable {
    /// Bytes from the start of the file.
    public let fileOffset: Int
    /// Bytes in the file.
    public let fileSize: Int
    /// Guest physical addresses; what the file does not fill is zero.
    public let range: AddressRange
  }
  /// In the order of the file, without overlaps, each with memory.
  public let segments: [Segment]
  /// Guest physical address of the first instruction; lies in a segment.
  public let entry: UInt64

  private static let machineLoongArch: UInt16 = 258
  private static let headerSize = 56
  /// More than any kernel has.
  private static let maximumSegments = 64

  init(_ reader: RawSpan, fileSize: Int) throws(LoadError) {
    guard fileSize >= 64, let machine = reader.u16(18), let kind = reader.u8(4), let order = reader.u8(5) else {
      throw .truncatedKernel(needed: 64, size: fileSize)
    }
    guard machine == ELFProgram.machineLoongArch, order == 1 else {
      throw .foreignKernel(ELFProgram.machineName(order == 2 ? machine.byteSwapped : machine))
    }
    guard kind == 2 else { throw .foreignKernel("LoongArch32") }
    guard let entry = reader.u64(24), let table = reader.u64(32), let size = reader.u16(54),
      let count = reader.u16(56), size == ELFProgram.headerSize, count > 0, count <= ELFProgram.maximumSegments
    else { throw .badHeader("the ELF program headers are not those of a kernel") }
    let end = table.addingReportingOverflow(UInt64(count) * UInt64(size))
    guard !end.overflow, end.partialValue <= UInt64(fileSize) else {
      throw .truncatedKernel(needed: end.overflow ? .max : end.partialValue, size: fileSize)
    }
    segments = try ELFProgram.segments(reader, table: Int(table), count: Int(count), fileSize: fileSize)
    let first = entry & KernelImage.physicalMask
    guard first & 3 == 0, segments.contains(where: { $0.range.start <= first && first < $0.range.end }) else {
      throw .badHeader("its entry point lies outside of the kernel")
    }
    self.entry = first
  }

  private static func segments(
    _ reader: RawSpan, table: Int, count: Int, fileSize: Int
  ) throws(LoadError) -> [Segment] {
    var segments: [Segment] = []
    for index in 0..<count {
      guard let segment = try segment(reader, at: table + index * headerSize, fileSize: fileSize) else { continue }
      guard !segments.contains(where: { $0.range.overlaps(segment.range) }) else {
        throw .badHeader("its ELF segments overlap")
      }
      segments.append(segment)
    }
    guard !segments.isEmpty else { throw .badHeader("it has no ELF segment to load") }
    return segments
  }

  /// The segment of one program header; nil if it is not loaded.
  private static func segment(
    _ reader: RawSpan, at offset: Int, fileSize: Int
  ) throws(LoadError) -> Segment? {
    guard let type = reader.u32(offset), let from = reader.u64(offset + 8), let paddr = reader.u64(offset + 24),
      let stored = reader.u64(offset + 32), let size = reader.u64(offset + 40)
    else { throw .badHeader("its ELF program headers are out of reach") }
    guard type == 1, size > 0 else { return nil }
    let end = from.addingReportingOverflow(stored)
    guard !end.overflow, end.partialValue <= UInt64(fileSize) else {
      throw .truncatedKernel(needed: end.overflow ? .max : end.partialValue, size: fileSize)
    }
    let start = paddr & KernelImage.physicalMask
    guard stored <= size, size <= KernelImage.physicalMask - start else {
      throw .badHeader("an ELF segment has an impossible size")
    }
    return Segment(fileOffset: Int(from), fileSize: Int(stored), range: AddressRange(start, size))
  }

  /// What the segments take together.
  public var range: AddressRange {
    let start = segments.reduce(UInt64.max) { min($0, $1.range.start) }
    let end = segments.reduce(UInt64(0)) { max($0, $1.range.end) }
    return AddressRange(start, end &- start)
  }

  private static func machineName(_ machine: UInt16) -> String {
    switch machine {
    case 3: "x86"
    case 8: "MIPS"
    case 20, 21: "PowerPC"
    case 22: "S390"
    case 40: "ARM"
    case 62: "x86-64"
    case 183: "ARM64"
    case 243: "RISC-V"
    case 258: "big-endian LoongArch"
    default: "ELF machine \(machine)"
    }
  }
}
