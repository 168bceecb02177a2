// The Internet checksum (RFC 1071), for back-ends that must finish what a guest left to its network card.

/// Finishing checksums of frames.
public enum Checksum {
  /// The one's complement sum of `bytes`, as RFC 1071 stores it in the packet, first byte first.
  public static func sum(_ bytes: Span<UInt8>, from start: Int) -> UInt16 {
    var total: UInt64 = 0
    var at = start
    while at + 1 < bytes.count {
      total &+= UInt64(bytes[at]) << 8 | UInt64(bytes[at + 1])
      at += 2
    }
    if at < bytes.count { total &+= UInt64(bytes[at]) << 8 }
    while total > 0xffff { total = (total & 0xffff) &+ (total >> 16) }
    return ~UInt16(truncatingIfNeeded: total)
  }

  /// Computes what `header` says is missing, over a field that already holds the pseudo header's sum (virtio 1.3, 5.1.6.2).
  /// False if the header points outside the frame: then the frame is to be dropped.
  public static func complete(_ frame: inout MutableSpan<UInt8>, _ header: NetHeader) -> Bool {
    guard header.flags & NetHeader.needsChecksum != 0 else { return true }
    let start = Int(header.checksumStart)
    let field = start + Int(header.checksumOffset)
    guard field + 2 <= frame.count else { return false }
    var value = sum(frame.span, from: start)
    // UDP has no other way to say zero (RFC 768): for TCP both mean the same.
    if value == 0 { value = 0xffff }
    frame[field] = UInt8(truncatingIfNeeded: value >> 8)
    frame[field + 1] = UInt8(truncatingIfNeeded: value)
    return true
  }
}
