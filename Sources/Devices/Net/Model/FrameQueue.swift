// Frames on their way to a guest that has no buffers at the moment. Bounded: what does not fit is lost, as on any link.

/// A first-in, first-out store of frames in one block of memory.
public struct FrameQueue: ~Copyable {
  private var bytes: [UInt8]
  /// Where the first frame's length stands, and bytes from there to the end of the last frame.
  private var head = 0
  private var used = 0
  /// Frames that did not fit.
  public private(set) var lost: UInt64 = 0

  /// Room for `capacity` bytes, 4 of which each frame costs beside its own.
  public init(capacity: Int) { bytes = [UInt8](repeating: 0, count: max(capacity, 8)) }

  public var isEmpty: Bool { used == 0 }

  /// Appends a frame; false if there is no room for it or it is longer than 65535 bytes.
  public mutating func append(_ frame: Span<UInt8>) -> Bool {
    guard frame.count <= 0xffff, used + 4 + frame.count <= bytes.count else {
      lost &+= 1
      return false
    }
    var at = (head + used) % bytes.count
    for byte in [UInt8(truncatingIfNeeded: frame.count), UInt8(truncatingIfNeeded: frame.count >> 8), 0, 0] {
      put(byte, &at)
    }
    for index in 0..<frame.count { put(frame[index], &at) }
    used += 4 + frame.count
    return true
  }

  private mutating func put(_ byte: UInt8, _ at: inout Int) {
    bytes[at] = byte
    at = at + 1 == bytes.count ? 0 : at + 1
  }

  /// Copies the first frame into `target` and takes it away; its length, nil if there is none. What does not fit is cut off.
  public mutating func take(into target: inout MutableSpan<UInt8>) -> Int? {
    guard used >= 4 else { return nil }
    let count = Int(bytes[head]) | Int(bytes[(head + 1) % bytes.count]) << 8
    var at = (head + 4) % bytes.count
    for index in 0..<min(count, target.count) {
      target[index] = bytes[at]
      at = at + 1 == bytes.count ? 0 : at + 1
    }
    head = (head + 4 + count) % bytes.count
    used -= min(used, 4 + count)
    return min(count, target.count)
  }

  /// Forgets everything.
  public mutating func removeAll() { (head, used) = (0, 0) }
}
