/// Writes ELF programs for LoongArch64 (System V ABI, 4 and 5; LoongArch ELF psABI).
enum ELFWriter {
  /// Bytes of a file that lie at an address.
  struct Segment {
    /// Virtual and physical address.
    let address: UInt64
    let bytes: [UInt8]
    /// Bytes in memory, at least those of the file.
    let memory: UInt64
  }

  /// A Linux program of one segment that may be read, written and executed.
  static func program(code: [UInt8], at address: UInt64, memoryEnd: UInt64, entry: UInt64) -> [UInt8] {
    write([Segment(address: address, bytes: code, memory: memoryEnd - address)], entry: entry)
  }

  private static let (pageSize, headerSize, programHeaderSize) = (0x1_0000, 64, 56)

  /// A file of these segments.
  static func write(_ segments: [Segment], entry: UInt64) -> [UInt8] {
    var file: [UInt8] = header(entry: entry, segments: segments.count)
    var offset = pageSize
    for segment in segments {
      file += programHeader(segment, offset: offset)
      offset += roundedUp(segment.bytes.count)
    }
    file += [UInt8](repeating: 0, count: pageSize - file.count)
    for segment in segments {
      file += segment.bytes
      file += [UInt8](repeating: 0, count: roundedUp(segment.bytes.count) - segment.bytes.count)
    }
    return file
  }

  private static func roundedUp(_ size: Int) -> Int { (size + pageSize - 1) & ~(pageSize - 1) }

  private static func header(entry: UInt64, segments: Int) -> [UInt8] {
    let identification: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
    // Executable, LoongArch, version 1; flags: double-float ABI, object file version 1.
    return identification + bytes(2, 2) + bytes(258, 2) + bytes(1, 4) + bytes(entry, 8) + bytes(UInt64(headerSize), 8)
      + bytes(0, 8) + bytes(0x43, 4) + bytes(UInt64(headerSize), 2) + bytes(UInt64(programHeaderSize), 2)
      + bytes(UInt64(segments), 2) + bytes(64, 2) + bytes(0, 2) + bytes(0, 2)
  }

  private static func programHeader(_ segment: Segment, offset: Int) -> [UInt8] {
    bytes(1, 4) + bytes(7, 4) + bytes(UInt64(offset), 8) + bytes(segment.address, 8) + bytes(segment.address, 8)
      + bytes(UInt64(segment.bytes.count), 8) + bytes(segment.memory, 8) + bytes(UInt64(pageSize), 8)
  }

  private static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
  }
}
