// Fuzz inputs are read front to back; an input that ends early goes on with zeros, so that every input means something.

/// Takes an input apart.
public struct ByteSource {
  private let bytes: [UInt8]
  private var next = 0

  /// Reads `bytes` from the start.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// True once all bytes were taken.
  public var isEmpty: Bool { next >= bytes.count }

  /// How many bytes are left.
  public var remaining: Int { bytes.count - next }

  /// The next byte; 0 behind the end.
  public mutating func byte() -> UInt8 {
    guard next < bytes.count else { return 0 }
    defer { next += 1 }
    return bytes[next]
  }

  /// The next integer, little endian.
  public mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
    var value: Value = 0
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) { value |= Value(truncatingIfNeeded: byte()) << shift }
    return value
  }

  /// The next `count` bytes, or what is left of them.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    let end = min(bytes.count, next + max(0, count))
    defer { next = end }
    return Array(bytes[next..<end])
  }
}
