// struct virtio_blk_discard_write_zeroes: the data of those two requests. virtio 1.3, 5.2.6.

/// A range to discard or to zero, as the driver sent it.
public struct RangeSegment: Equatable, Sendable {
  /// Bytes of one. A request has exactly one: max_discard_seg and max_write_zeroes_seg are 1.
  public static let size = 16
  /// Bit 0 of the flags: the range may be deallocated. For write-zeroes only.
  public static let unmap: UInt32 = 1

  /// First sector, in units of 512 bytes.
  public let sector: UInt64
  /// Sectors.
  public let count: UInt32
  /// `unmap`, or bits that nobody knows.
  public let flags: UInt32

  /// A range of its own.
  public init(sector: UInt64, count: UInt32, flags: UInt32) {
    self.sector = sector
    self.count = count
    self.flags = flags
  }

  /// Takes a range apart that was loaded as two little-endian words.
  public init(words first: UInt64, _ second: UInt64) {
    self.init(
      sector: first, count: UInt32(truncatingIfNeeded: second), flags: UInt32(truncatingIfNeeded: second >> 32))
  }
}

/// A range of the file, checked.
public struct DiskRange: Equatable, Sendable {
  /// First byte.
  public let offset: Int64
  /// Bytes; a whole number of sectors, never 0.
  public let count: Int64
  /// Whether the space may be given back to the host.
  public let mayUnmap: Bool
}

extension BlockLimits {
  /// Checks the range of a discard, or of a write-zeroes request.
  public func check(_ segment: RangeSegment, discards: Bool) throws(BlockRefusal) -> DiskRange {
    let known = discards ? 0 : RangeSegment.unmap
    guard segment.flags & ~known == 0 else { throw .unknownFlag }
    guard segment.count > 0 else { throw .emptyRange }
    guard segment.count <= Self.rangeSectors else { throw .rangeTooLong }
    guard segment.sector <= capacity, UInt64(segment.count) <= capacity - segment.sector else { throw .beyondEnd }
    return DiskRange(
      offset: Int64(segment.sector << UInt64(Sector.shift)), count: Int64(segment.count) << Int64(Sector.shift),
      mayUnmap: discards || segment.flags & RangeSegment.unmap != 0)
  }
}
