// O_DIRECT wants aligned memory, offsets and lengths. A driver that keeps to blk_size meets the last two; guest memory that is
// not aligned is rare (a driver's own small buffers), so that such a request is simply done at once, through a buffer.

import BlockModel
import CSystem
import System
import Virtqueue

/// Memory as aligned as the kernel may want it; made when it is first needed.
struct BounceBuffer: ~Copyable {
  static let size = 1 << 20
  private var mapping: Mapping?

  mutating func base() -> UnsafeMutableRawPointer? {
    if mapping == nil { mapping = try? Mapping.anonymous(size: Self.size) }
    return mapping?.base
  }
}

extension BlockEngine {
  /// Moves what the request's segments hold through the buffer, and goes on as after any operation.
  mutating func bounceAll(_ slot: Int) {
    bounced &+= 1
    guard let buffer = bounce.base() else { return fail(slot, -Int(Errno.noMemory)) }
    while requests[slot].segmentCount > 0 {
      let size = min(requests[slot].segmentBytes(upTo: BounceBuffer.size), BounceBuffer.size)
      let isRead = requests[slot].operation == .read
      let result = isRead ? readBounced(slot, buffer, size) : writeBounced(slot, buffer, size)
      guard result > 0 else { return fail(slot, result) }
    }
    goOn(slot)
  }

  private mutating func readBounced(_ slot: Int, _ buffer: UnsafeMutableRawPointer, _ size: Int) -> Int {
    var whole = Segment(base: buffer, count: size)
    let done = atoll_disk_read(disk.file.raw, &whole, 1, Int(requests[slot].offset))
    guard done > 0 else { return done }
    bytesRead &+= UInt64(done)
    requests[slot].copy(done) { segment, offset in
      segment.base.copyMemory(from: buffer + offset, byteCount: segment.count)
    }
    requests[slot].advance(done)
    return done
  }

  private mutating func writeBounced(_ slot: Int, _ buffer: UnsafeMutableRawPointer, _ size: Int) -> Int {
    requests[slot].copy(size) { segment, offset in
      (buffer + offset).copyMemory(from: segment.base, byteCount: segment.count)
    }
    var whole = Segment(base: buffer, count: size)
    while whole.count > 0 {
      let done = atoll_disk_write(disk.file.raw, &whole, 1, Int(requests[slot].offset), writesThrough ? 1 : 0)
      guard done > 0 else { return done }
      bytesWritten &+= UInt64(done)
      requests[slot].advance(done)
      whole = Segment(base: whole.base + done, count: whole.count - done)
    }
    return size
  }
}

extension Request {
  /// Bytes in the segments, counted until there are `enough`.
  fileprivate func segmentBytes(upTo enough: Int) -> Int {
    var bytes = 0
    for index in 0..<segmentCount where bytes < enough { bytes += segments[index].count }
    return bytes
  }

  /// Calls `body` with each stretch of the first `count` bytes that are left, and where it is among them.
  fileprivate func copy(_ count: Int, _ body: (Segment, _ offset: Int) -> Void) {
    var offset = 0
    for index in 0..<segmentCount where offset < count {
      let length = min(segments[index].count, count - offset)
      body(Segment(base: segments[index].base, count: length), offset)
      offset += length
    }
  }
}
