import Synchronization
import System

/// The memory of the in-flight log: one region for each queue, one after the other (vhost-user, "Inflight I/O tracking").
///
/// The front-end keeps the file over all incarnations of the back-end. The specification leaves the distance of the regions to
/// the back-end; like libvhost-user and DPDK it is a multiple of 64 bytes here.
public final class InflightArea {
  private let window: FileWindow
  private let size: Int
  /// Queues that the front-end counts on.
  public let queues: Int
  /// Entries of each queue's log.
  public let queueSize: UInt16

  /// Bytes of one queue's region.
  public static func regionSize(queueSize: UInt16, packed: Bool) -> Int {
    let bytes = packed ? PackedLog.size(entries: Int(queueSize)) : SplitLog.size(entries: Int(queueSize))
    return (bytes + 63) & ~63
  }

  /// Bytes of the whole area, as GET_INFLIGHT_FD tells the front-end.
  public static func size(queues: Int, queueSize: UInt16, packed: Bool) -> Int {
    max(queues, 1) * regionSize(queueSize: queueSize, packed: packed)
  }

  /// A fresh area in a sealed memfd, for a front-end that asks for one (GET_INFLIGHT_FD).
  public static func create(queues: Int, queueSize: UInt16, packed: Bool) throws(SystemError) -> FileDescriptor {
    try MemoryFile.create("inflight", size: size(queues: queues, queueSize: queueSize, packed: packed))
  }

  /// Maps what SET_INFLIGHT_FD brings. The descriptor stays the caller's. `sealed` as in `GuestMemory.add`.
  public init(
    descriptor: Int32, offset: UInt64, size: UInt64, queues: Int, queueSize: UInt16, sealed: Bool
  ) throws(MemoryError) {
    guard queues > 0, queues <= 1024, queueSize > 0, queueSize <= 1 << 15 else { throw .badRange }
    window = try FileWindow(descriptor, offset: offset, size: size, sealed: sealed)
    self.size = Int(size)
    self.queues = queues
    self.queueSize = queueSize
  }

  deinit { window.unmap() }

  /// The region of one queue; nil if the area is too small for it.
  func region(_ queue: Int, packed: Bool) -> UnsafeMutableRawPointer? {
    let stride = InflightArea.regionSize(queueSize: queueSize, packed: packed)
    guard queue >= 0, queue < queues, (queue + 1) * stride <= size else { return nil }
    let base = window.base + queue * stride
    return base.isAligned(8) ? base : nil
  }

  /// Forgets what a queue's log says: for RESET_DEVICE, and for GET_VRING_BASE once nothing is in flight. From then on
  /// SET_VRING_BASE counts again.
  public func erase(_ queue: Int, packed: Bool) {
    guard let base = region(queue, packed: packed) else { return }
    // The version first: a log that is half erased is a fresh one.
    base.half(LogHeader.version).pointee.store(0, ordering: .sequentiallyConsistent)
    let stride = InflightArea.regionSize(queueSize: queueSize, packed: packed)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
  }
}

/// What both layouts begin with: u64 features, u16 version, u16 desc_num.
enum LogHeader {
  static let features = 0
  static let version = 8
  static let count = 10
  static let currentVersion: UInt16 = 1
}
