// What stands before every frame in a buffer (virtio 1.3, 5.1.6). Deliberately absent: the hash report and UDP
// segmentation fields, whose features are not offered.

/// `struct virtio_net_hdr` as VIRTIO_F_VERSION_1 lays it out: 12 bytes, with or without mergeable buffers.
public struct NetHeader: Sendable, Equatable {
  /// Bytes on the ring, and what TUNSETVNETHDRSZ must say.
  public static let size = 12
  /// `flags`: the checksum at `checksumStart + checksumOffset` is still to be computed.
  public static let needsChecksum: UInt8 = 1
  /// `flags`: whoever delivered the frame has checked it.
  public static let checksumValid: UInt8 = 2

  public var flags: UInt8 = 0
  /// VIRTIO_NET_HDR_GSO_*: 0 none, 1 TCP over IPv4, 4 TCP over IPv6, bit 7 ECN.
  public var segmentation: UInt8 = 0
  /// Bytes of all headers of a frame that is to be segmented; a hint.
  public var headerLength: UInt16 = 0
  /// Payload bytes of a segment.
  public var segmentSize: UInt16 = 0
  /// Bytes from the frame's start to the first byte that is summed.
  public var checksumStart: UInt16 = 0
  /// Bytes from there to the checksum.
  public var checksumOffset: UInt16 = 0
  /// Buffers that a received frame fills; 1 without mergeable buffers.
  public var buffers: UInt16 = 1

  /// A frame without offloads in one buffer.
  public init() {}

  /// Reads the header that the guest wrote; any 12 bytes are a header.
  public init(_ bytes: InlineArray<12, UInt8>) {
    func word(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
    (flags, segmentation) = (bytes[0], bytes[1])
    (headerLength, segmentSize) = (word(2), word(4))
    (checksumStart, checksumOffset, buffers) = (word(6), word(8), word(10))
  }

  /// The bytes on the ring.
  public var bytes: InlineArray<12, UInt8> {
    var all = InlineArray<12, UInt8>(repeating: 0)
    (all[0], all[1]) = (flags, segmentation)
    for (at, word) in [headerLength, segmentSize, checksumStart, checksumOffset, buffers].enumerated() {
      all[2 + 2 * at] = UInt8(truncatingIfNeeded: word)
      all[3 + 2 * at] = UInt8(truncatingIfNeeded: word >> 8)
    }
    return all
  }
}
