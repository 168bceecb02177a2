// What the flash holds, as the model sees it. The process keeps it in a file; tests in an array.

/// The content of a flash. Every change is idempotent: a process that died after it and before the access was published is
/// followed by one that makes the same change again.
public protocol FlashStore {
  /// Bytes, at most 16 MiB.
  var size: UInt32 { get }
  /// `count` bytes (1 to 8) from `offset`, the first one lowest. They lie inside `size`; what cannot be read is all ones.
  mutating func load(_ offset: UInt32, count: UInt8) -> UInt64
  /// Clears the bits of `count` bytes (1 to 128, of which `bytes` has as many) from `offset` that are clear in `bytes`; false
  /// if the medium failed. They lie inside `size`.
  mutating func program(_ offset: UInt32, _ bytes: borrowing FlashBuffer, count: Int) -> Bool
  /// Sets all bits of `count` bytes from `offset`; false if the medium failed. They lie inside `size`.
  mutating func erase(_ offset: UInt32, count: UInt32) -> Bool
}

/// The write buffer of the two chips together.
public typealias FlashBuffer = InlineArray<128, UInt8>
