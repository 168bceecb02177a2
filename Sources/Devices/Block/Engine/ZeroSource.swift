import CSystem
import System
import Virtqueue

/// How this disk makes ranges zero, learnt from what it refuses, and zeroes to write where nothing else works.
struct ZeroSource: ~Copyable {
  private static let size = 64 << 10
  private var canPunch = true
  private var canZero = true
  // Only ever read, so the kernel backs it with its page of zeroes.
  private var page: Mapping?

  /// EOPNOTSUPP, ENOSYS, ENODEV, and EINVAL, which block devices say to a range that is no whole number of blocks.
  static func isUnsupported(_ value: Int) -> Bool { [-95, -38, -19, -22].contains(value) }

  /// Where to start.
  func best(mayUnmap: Bool) -> ZeroMode {
    if mayUnmap && canPunch { return .hole }
    return canZero ? .range : .bytes
  }

  /// What to try when the disk has refused `mode` with `value`.
  mutating func next(after mode: ZeroMode, _ value: Int) -> ZeroMode {
    // EINVAL may be this one range's fault.
    let forGood = value != -Int(Errno.invalid)
    switch mode {
    case .hole:
      if forGood { canPunch = false }
      return canZero ? .range : .bytes
    default:
      if forGood { canZero = false }
      return .bytes
    }
  }

  /// Fills `segments` with zeroes for up to `count` bytes; how many segments, nil without memory.
  mutating func pieces(_ count: Int64, into segments: UnsafeMutableBufferPointer<Segment>) -> Int? {
    if page == nil { page = try? Mapping.anonymous(size: Self.size) }
    guard let base = page?.base else { return nil }
    var left = count
    var used = 0
    while left > 0, used < segments.count {
      let size = Int(min(left, Int64(Self.size)))
      segments[used] = Segment(base: base, count: size)
      left -= Int64(size)
      used += 1
    }
    return used
  }
}
