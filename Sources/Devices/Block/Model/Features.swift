// Feature bits of a block device. virtio 1.3, 5.2.3.

/// What this device offers, as bits.
///
/// Deliberately absent:
/// * SIZE_MAX: a segment may have any size.
/// * GEOMETRY: no driver of this century asks for cylinders.
/// * CONFIG_WCE: a back-end that was killed would come up in write-back mode while the guest relies on the write-through
///   that it once chose; nobody would tell it. Without FLUSH a driver gets write-through, see `writesThrough`.
/// * LIFETIME, SECURE_ERASE, ZONED: a file has none of it.
public enum BlockFeature {
  /// VIRTIO_BLK_F_SEG_MAX.
  public static let segmentMax: UInt64 = 1 << 2
  /// VIRTIO_BLK_F_RO.
  public static let readOnly: UInt64 = 1 << 5
  /// VIRTIO_BLK_F_BLK_SIZE.
  public static let blockSize: UInt64 = 1 << 6
  /// VIRTIO_BLK_F_FLUSH.
  public static let flush: UInt64 = 1 << 9
  /// VIRTIO_BLK_F_TOPOLOGY.
  public static let topology: UInt64 = 1 << 10
  /// VIRTIO_BLK_F_MQ.
  public static let multiQueue: UInt64 = 1 << 12
  /// VIRTIO_BLK_F_DISCARD.
  public static let discard: UInt64 = 1 << 13
  /// VIRTIO_BLK_F_WRITE_ZEROES.
  public static let writeZeroes: UInt64 = 1 << 14

  /// What a disk with `geometry` and `queues` request queues offers.
  public static func offered(_ geometry: DiskGeometry, queues: Int) -> UInt64 {
    var features = segmentMax | blockSize | topology | flush
    if queues > 1 { features |= multiQueue }
    features |= geometry.limits.readOnly ? readOnly : discard | writeZeroes
    return features
  }

  /// Whether writes must be stable when they complete: FLUSH is always offered, so a driver that did not take it relies
  /// on that (5.2.6.2).
  public static func writesThrough(_ negotiated: UInt64) -> Bool { negotiated & flush == 0 }
}
