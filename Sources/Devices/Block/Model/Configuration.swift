// The configuration space of a block device. virtio 1.3, 5.2.4.

/// What a driver is told of the disk's shape; sizes in bytes, powers of two.
public struct DiskGeometry: Equatable, Sendable {
  /// Capacity and whether it can be written.
  public let limits: BlockLimits
  /// Smallest unit that the disk reads and writes at all, 512 to 65536: `blk_size`.
  public let logicalBlock: Int
  /// Smallest unit that it writes without reading first; at least `logicalBlock`.
  public let physicalBlock: Int
  /// The unit in which it likes to be used; 0 = no wish.
  public let optimalIO: Int

  /// A disk of `limits`. Sizes that are no power of two, or too small or large to be told, are replaced by ones that are.
  public init(limits: BlockLimits, logicalBlock: Int = 512, physicalBlock: Int = 4096, optimalIO: Int = 0) {
    self.limits = limits
    let logical = Self.isBlock(logicalBlock) ? logicalBlock : 512
    self.logicalBlock = logical
    self.physicalBlock = Self.isBlock(physicalBlock) && physicalBlock > logical ? physicalBlock : logical
    self.optimalIO = optimalIO > 0 && optimalIO % logical == 0 ? optimalIO : 0
  }

  private static func isBlock(_ size: Int) -> Bool { size >= 512 && size <= 65536 && size & (size - 1) == 0 }
}

/// The configuration space: read-only for the driver from end to end.
public enum BlockConfiguration {
  /// Bytes of it: up to and with the padding behind write_zeroes_may_unmap, the last field of a feature that is offered.
  public static let size = 60

  /// The bytes for a disk with `queues` request queues whose rings take `segmentMax` data segments in one request.
  public static func bytes(_ geometry: DiskGeometry, queues: Int, segmentMax: Int) -> [UInt8] {
    var writer = FieldWriter()
    writer.put(geometry.limits.capacity)
    writer.put(UInt32(0))  // size_max: not offered
    writer.put(UInt32(clamping: segmentMax))
    writer.put(UInt32(0))  // geometry: not offered
    writer.put(UInt32(clamping: geometry.logicalBlock))
    topology(geometry, &writer)
    writer.put(UInt8(1))  // writeback: only CONFIG_WCE makes it a field
    writer.put(UInt8(0))
    writer.put(UInt16(clamping: queues))
    ranges(geometry, &writer)
    return writer.bytes
  }

  private static func topology(_ geometry: DiskGeometry, _ writer: inout FieldWriter) {
    let blocks = geometry.physicalBlock / geometry.logicalBlock
    writer.put(UInt8(clamping: blocks.trailingZeroBitCount))
    writer.put(UInt8(0))  // alignment_offset
    writer.put(UInt16(clamping: blocks))  // min_io_size
    writer.put(UInt32(clamping: geometry.optimalIO / geometry.logicalBlock))
  }

  private static func ranges(_ geometry: DiskGeometry, _ writer: inout FieldWriter) {
    let longest: UInt32 = geometry.limits.readOnly ? 0 : BlockLimits.rangeSectors
    let most: UInt32 = geometry.limits.readOnly ? 0 : 1
    writer.put(longest)  // max_discard_sectors
    writer.put(most)  // max_discard_seg
    writer.put(UInt32(clamping: geometry.physicalBlock >> Sector.shift))  // discard_sector_alignment
    writer.put(longest)  // max_write_zeroes_sectors
    writer.put(most)  // max_write_zeroes_seg
    writer.put(UInt8(geometry.limits.readOnly ? 0 : 1))  // write_zeroes_may_unmap
    writer.put(UInt8(0))
    writer.put(UInt16(0))
  }
}

/// Little-endian fields one after the other.
struct FieldWriter {
  var bytes: [UInt8] = []

  mutating func put<Value: FixedWidthInteger>(_ value: Value) {
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
