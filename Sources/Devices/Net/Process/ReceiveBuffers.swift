import NetModel
import VhostDevice
import Virtqueue

/// Buffers of one receive queue that were taken and wait for a frame: as many as the longest frame may need.
///
/// A frame is received straight into them. Those that it did not reach wait for the next.
struct ReceiveBuffers: ~Copyable {
  /// A chain that is held: its token and what it has.
  private struct Held {
    var token: ChainToken
    var segments: Int
    var bytes: Int
  }

  private let queue: Int
  private var chain = DescriptorChain()
  private let segments: UnsafeMutableBufferPointer<Segment>
  private let held: UnsafeMutableBufferPointer<Held>
  private let filled: UnsafeMutableBufferPointer<Completion>
  private var segmentCount = 0
  private var heldCount = 0
  private var bytes = 0

  /// Chains that a frame may fill.
  private static var mostChains: Int { 64 }
  /// Segments that a frame may fill.
  private static var mostSegments: Int { 2048 }
  /// The longest frame with its header (virtio 1.3, 5.1.6.3.1).
  private static var longestFrame: Int { 65_562 }

  init(queue: Int) {
    self.queue = queue
    segments = .allocate(capacity: Self.mostSegments)
    held = .allocate(capacity: Self.mostChains)
    filled = .allocate(capacity: Self.mostChains)
  }

  deinit {
    segments.deallocate()
    held.deallocate()
    filled.deallocate()
  }

  /// Takes buffers: enough for any frame if they may be merged, else one. False if there is none at all.
  mutating func refill(_ rings: Rings, merge: Bool) -> Bool {
    while merge ? bytes < Self.longestFrame : heldCount < 1 {
      guard heldCount < Self.mostChains, segmentCount + chain.capacity <= Self.mostSegments else { break }
      guard rings.pop(queue, into: &chain) else { break }
      hold(rings)
    }
    return heldCount > 0
  }

  private mutating func hold(_ rings: Rings) {
    let part = chain.writable
    guard chain.writableBytes >= NetHeader.size, chain.readableBytes == 0 else {
      rings.push(queue, chain.token, written: 0)
      return rings.breakRing(queue, "a receive buffer is shorter than a header or readable")
    }
    for segment in part {
      segments.initializeElement(at: segmentCount, to: segment)
      segmentCount += 1
    }
    held.initializeElement(
      at: heldCount, to: Held(token: chain.token, segments: part.count, bytes: chain.writableBytes))
    heldCount += 1
    bytes += chain.writableBytes
  }

  /// Where the next frame goes.
  var vector: UnsafeMutableBufferPointer<Segment> { .init(rebasing: segments[..<segmentCount]) }

  /// A frame of `count` bytes lies in the buffers: gives those that it reached to the driver, all at once, because a driver
  /// that sees the first looks for the others.
  mutating func deliver(_ count: Int, _ rings: Rings, merge: Bool) {
    var left = min(count, bytes)
    var (used, usedSegments) = (0, 0)
    while used < heldCount, left > 0 || used == 0 {
      let part = min(left, held[used].bytes)
      filled.initializeElement(at: used, to: Completion(token: held[used].token, written: UInt32(clamping: part)))
      left -= part
      usedSegments += held[used].segments
      used += 1
    }
    // num_buffers, bytes 10 and 11 of the header (virtio 1.3, 5.1.6): 1 too where buffers are not merged.
    put(UInt8(truncatingIfNeeded: used), at: 10)
    put(UInt8(truncatingIfNeeded: used >> 8), at: 11)
    rings.push(queue, UnsafeBufferPointer(rebasing: filled[..<used]))
    drop(used, usedSegments)
  }

  private func put(_ byte: UInt8, at offset: Int) {
    var offset = offset
    for index in 0..<segmentCount {
      if offset < segments[index].count {
        segments[index].base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        return
      }
      offset -= segments[index].count
    }
  }

  private mutating func drop(_ chains: Int, _ gone: Int) {
    for index in 0..<chains { bytes -= held[index].bytes }
    for index in gone..<segmentCount { segments[index - gone] = segments[index] }
    for index in chains..<heldCount { held[index - chains] = held[index] }
    segmentCount -= gone
    heldCount -= chains
  }

  /// The queue stops: gives everything back, empty.
  mutating func giveBack(_ rings: Rings) {
    for index in 0..<heldCount { rings.push(queue, held[index].token, written: 0) }
    (segmentCount, heldCount, bytes) = (0, 0, 0)
  }
}
