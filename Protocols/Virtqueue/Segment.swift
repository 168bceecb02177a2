import Synchronization

/// A stretch of guest memory that is mapped here: laid out as `struct iovec`, so that an array of them goes to `preadv`,
/// `writev` or io_uring as it is.
///
/// The guest reads and writes it at the same time: copy once, then judge the copy.
@frozen public struct Segment {
  /// The first byte.
  public var base: UnsafeMutableRawPointer
  /// Bytes; never 0 in a chain.
  public var count: Int

  /// A segment of `count` bytes at `base`.
  @inlinable public init(base: UnsafeMutableRawPointer, count: Int) {
    self.base = base
    self.count = count
  }
}

/// Words that another party reads and writes at the same time. Little endian, as virtio 1.0 and later are; both hosts that
/// Atoll runs on are, too.
extension UnsafeMutableRawPointer {
  @inline(__always) func byte(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt8>.self)
  }
  @inline(__always) func half(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt16>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt16>.self)
  }
  @inline(__always) func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
  @inline(__always) func long(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  @inline(__always) func isAligned(_ alignment: UInt) -> Bool { UInt(bitPattern: self) & (alignment - 1) == 0 }
}
