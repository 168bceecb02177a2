import Machine

/// Small kernels of every format that the loader takes, with every field open to a test.
public enum SyntheticKernel {
  /// PE machine number.
  public static let loongArch64: UInt16 = 0x6264

  private static func put(_ value: UInt64, _ size: Int, at offset: Int, _ bytes: inout [UInt8]) {
    for i in 0..<size { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
  }

  /// An image of `size` bytes: header, then a pattern.
  public static func image(
    load: UInt64 = 0x20_0000, entry: UInt64? = nil, memorySize: UInt64? = nil, size: Int = 8192,
    machine: UInt16 = loongArch64
  ) -> [UInt8] {
    var bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
    bytes.replaceSubrange(0..<64, with: [UInt8](repeating: 0, count: 64))
    bytes.replaceSubrange(0..<2, with: Array("MZ".utf8))
    put(entry ?? load + 0x1000, 8, at: 8, &bytes)
    put(memorySize ?? UInt64(size), 8, at: 16, &bytes)
    put(load, 8, at: 24, &bytes)
    put(0x8182_23cd, 4, at: 0x38, &bytes)
    put(0x40, 4, at: 0x3c, &bytes)
    bytes.replaceSubrange(0x40..<0x44, with: Array("PE".utf8) + [0, 0])
    put(UInt64(machine), 2, at: 0x44, &bytes)
    return bytes
  }

  /// A zboot file around `payload`.
  public static func zboot(
    _ payload: [UInt8], _ compression: String = "zstd", offset: UInt32? = nil, size: UInt32? = nil,
    machine: UInt16 = loongArch64
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    bytes.replaceSubrange(0..<2, with: Array("MZ".utf8))
    bytes.replaceSubrange(4..<8, with: Array("zimg".utf8))
    put(UInt64(offset ?? 512), 4, at: 8, &bytes)
    put(UInt64(size ?? UInt32(payload.count)), 4, at: 12, &bytes)
    bytes.replaceSubrange(24..<24 + compression.utf8.count, with: Array(compression.utf8))
    put(0x8182_23cd, 4, at: 0x38, &bytes)
    put(0x40, 4, at: 0x3c, &bytes)
    bytes.replaceSubrange(0x40..<0x44, with: Array("PE".utf8) + [0, 0])
    put(UInt64(machine), 2, at: 0x44, &bytes)
    // What the kernel's build appends: the unpacked size.
    return bytes + payload + [0, 0, 0, 0]
  }

  /// A zstd frame of raw blocks (RFC 8878, 3.1.1): no compressor is needed to make one.
  public static func zstd(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0]
    for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: content.count >> (8 * i))) }
    var at = 0
    repeat {
      let size = min(content.count - at, 65536)
      let header = size << 3 | (at + size == content.count ? 1 : 0)
      for i in 0..<3 { bytes.append(UInt8(truncatingIfNeeded: header >> (8 * i))) }
      bytes += content[at..<at + size]
      at += size
    } while at < content.count
    return bytes
  }

  /// A gzip member of stored blocks (RFC 1951, 3.2.4; RFC 1952).
  public static func gzip(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    var at = 0
    repeat {
      let size = min(content.count - at, 65535)
      bytes.append(at + size == content.count ? 1 : 0)
      for word in [size, ~size] { bytes += [UInt8(truncatingIfNeeded: word), UInt8(truncatingIfNeeded: word >> 8)] }
      bytes += content[at..<at + size]
      at += size
    } while at < content.count
    let checksum = CRC32.checksum(content)
    for word in [Int(checksum), content.count] {
      for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * i))) }
    }
    return bytes
  }

  /// One part of an ELF file.
  public struct Segment {
    /// PT_LOAD is 1.
    public var type: UInt64
    /// Bytes from the start of the file.
    public var offset: UInt64
    /// Virtual or physical.
    public var address: UInt64
    /// Bytes in the file.
    public var stored: UInt64
    /// Bytes in memory.
    public var size: UInt64

    /// A program header.
    public init(
      type: UInt64 = 1, offset: UInt64 = 4096, address: UInt64 = 0x9000_0000_0020_0000, stored: UInt64 = 4096,
      size: UInt64 = 8192
    ) {
      self.type = type
      self.offset = offset
      self.address = address
      self.stored = stored
      self.size = size
    }
  }

  /// An ELF file of `size` bytes with a pattern from byte 4096.
  public static func elf(
    _ segments: [Segment] = [Segment()], entry: UInt64 = 0x9000_0000_0020_0010, machine: UInt16 = 258, kind: UInt8 = 2,
    size: Int = 8192
  ) -> [UInt8] {
    var bytes = (0..<max(size, 4096)).map { $0 < 4096 ? 0 : UInt8(truncatingIfNeeded: $0 &* 3 + 1) }
    bytes.replaceSubrange(0..<7, with: [0x7f] + Array("ELF".utf8) + [kind, 1, 1])
    put(UInt64(machine), 2, at: 18, &bytes)
    put(entry, 8, at: 24, &bytes)
    put(64, 8, at: 32, &bytes)
    put(56, 2, at: 54, &bytes)
    put(UInt64(segments.count), 2, at: 56, &bytes)
    for (index, segment) in segments.enumerated() where 64 + index * 56 + 56 <= bytes.count {
      let at = 64 + index * 56
      put(segment.type, 4, at: at, &bytes)
      put(segment.offset, 8, at: at + 8, &bytes)
      put(segment.address, 8, at: at + 24, &bytes)
      put(segment.stored, 8, at: at + 32, &bytes)
      put(segment.size, 8, at: at + 40, &bytes)
    }
    return Array(bytes[0..<size])
  }
}
