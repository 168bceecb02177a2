import BlockModel
import Virtqueue

/// What the disk does for a request at the moment.
enum RequestStep: Equatable {
  /// Moving data; one operation may move less than what is left.
  case transfer
  /// Making completed writes stable.
  case flush
  /// Giving space back; it is no failure if the disk cannot.
  case discard
  /// Making a range zero, with this fallocate mode.
  case zero(ZeroMode)
  /// The range is zero and is made stable.
  case settle
}

/// Ways to make a range zero, from the best to the one that always works.
enum ZeroMode: Equatable {
  /// FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: the space goes back to the host.
  case hole
  /// FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE: the space stays.
  case range
  /// Writing zeroes.
  case bytes

  /// linux/falloc.h.
  var mode: Int32 {
    switch self {
    case .hole: 0x02 | 0x01
    case .range: 0x10 | 0x01
    case .bytes: 0
    }
  }
}

/// A request between pop and push.
struct Request {
  let token: ChainToken
  let queue: Int
  var operation: DiskOperation
  var step: RequestStep
  /// Segments that are left, of `segmentCount`; the first may be a part of one.
  var segments: UnsafeMutablePointer<Segment>
  var segmentCount = 0
  /// Where in the file what is left begins, and how many bytes are left.
  var offset: Int64 = 0
  var left: Int64 = 0
  /// Where the status byte goes; nil: the chain has no room for it.
  let status: UnsafeMutablePointer<UInt8>?
  /// Bytes of the writable part, the status byte included.
  let writable: UInt32
  /// What the used ring will say.
  var written: UInt32 = 0

  /// What the used ring says when nothing but the status byte is written.
  var statusOnly: UInt32 { writable == 1 ? 1 : 0 }

  /// Takes `count` moved bytes off the front.
  mutating func advance(_ count: Int) {
    offset += Int64(count)
    left -= Int64(count)
    var skip = count
    while skip > 0, segmentCount > 0 {
      guard skip >= segments.pointee.count else {
        segments.pointee = Segment(base: segments.pointee.base + skip, count: segments.pointee.count - skip)
        return
      }
      skip -= segments.pointee.count
      segments += 1
      segmentCount -= 1
    }
  }

  /// Whether every segment, the offset and the length have an alignment that the kernel's direct I/O takes.
  func isAligned(memory: Int, offset mask: Int) -> Bool {
    guard memory | mask != 0 else { return true }
    for index in 0..<segmentCount {
      let segment = segments[index]
      if Int(bitPattern: segment.base) & memory != 0 || segment.count & mask != 0 { return false }
    }
    return Int(offset) & mask == 0
  }
}
