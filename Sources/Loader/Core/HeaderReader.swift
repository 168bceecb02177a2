/// Little-endian fields of an untrusted header; whatever lies outside is nil, never a trap.
extension RawSpan {
  /// One byte at `offset`.
  func u8(_ offset: Int) -> UInt8? {
    guard offset >= 0, offset < byteCount else { return nil }
    // In bounds by the line above, and any byte is a UInt8.
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
  /// 2 bytes at `offset`.
  func u16(_ offset: Int) -> UInt16? { field(offset, size: 2).map { UInt16(truncatingIfNeeded: $0) } }
  /// 4 bytes at `offset`.
  func u32(_ offset: Int) -> UInt32? { field(offset, size: 4).map { UInt32(truncatingIfNeeded: $0) } }
  /// 8 bytes at `offset`.
  func u64(_ offset: Int) -> UInt64? { field(offset, size: 8) }

  /// Whether the bytes at `offset` are those of `text`.
  func has(_ text: [UInt8], at offset: Int) -> Bool {
    for (index, byte) in text.enumerated() where u8(offset + index) != byte { return false }
    return true
  }

  /// Printable characters from `offset` up to a zero, at most `limit`; others become `?`.
  func label(at offset: Int, limit: Int) -> String {
    var label: [UInt8] = []
    while label.count < limit, let byte = u8(offset + label.count), byte != 0 {
      label.append((32...126).contains(byte) ? byte : UInt8(ascii: "?"))
    }
    return String(decoding: label, as: UTF8.self)
  }

  private func field(_ offset: Int, size: Int) -> UInt64? {
    guard offset >= 0, offset <= byteCount - size else { return nil }
    var value: UInt64 = 0
    for i in 0..<size { value |= UInt64(u8(offset + i) ?? 0) << UInt64(8 * i) }
    return value
  }
}
