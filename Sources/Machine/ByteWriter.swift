/// Builds a table byte by byte: little endian for ACPI and EFI, big endian for device trees.
public struct ByteWriter: Sendable {
  /// The bytes so far.
  public private(set) var bytes: [UInt8] = []

  /// Nothing written yet.
  public init() {}

  /// Bytes so far.
  public var count: Int { bytes.count }

  /// Appends one byte.
  public mutating func u8(_ value: UInt8) { bytes.append(value) }
  /// Appends 2 bytes, little endian.
  public mutating func u16(_ value: UInt16) { append(UInt64(value), size: 2) }
  /// Appends 4 bytes, little endian.
  public mutating func u32(_ value: UInt32) { append(UInt64(value), size: 4) }
  /// Appends 8 bytes, little endian.
  public mutating func u64(_ value: UInt64) { append(value, size: 8) }
  /// Appends 4 bytes, big endian.
  public mutating func bigEndian(_ value: UInt32) { append(UInt64(value.byteSwapped), size: 4) }
  /// Appends 8 bytes, big endian.
  public mutating func bigEndian(_ value: UInt64) { append(value.byteSwapped, size: 8) }
  /// Appends the bytes as they are.
  public mutating func raw(_ value: [UInt8]) { bytes += value }
  /// Appends the characters without a final zero.
  public mutating func text(_ value: String) { bytes += value.utf8 }
  /// Appends `count` zero bytes.
  public mutating func zeros(_ count: Int) { bytes += [UInt8](repeating: 0, count: max(0, count)) }
  /// Appends zero bytes until the count is a multiple of `alignment`.
  public mutating func align(_ alignment: Int) { while bytes.count % alignment != 0 { bytes.append(0) } }

  /// Overwrites 4 bytes at `offset`, little endian. Offsets beyond the end change nothing.
  public mutating func patch(_ value: UInt32, at offset: Int) {
    guard offset >= 0, offset + 4 <= bytes.count else { return }
    for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(i))) }
  }

  private mutating func append(_ value: UInt64, size: Int) {
    for i in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(i)))) }
  }
}
