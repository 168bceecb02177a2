import System

/// Guest memory as a driver and a front-end have it: a sealed memfd, mapped, whose parts are handed out once.
public final class DriverMemory {
  /// The file, for SET_MEM_TABLE.
  public let descriptor: Int32
  /// The first byte here.
  public let base: UnsafeMutableRawPointer
  /// Bytes.
  public let size: Int
  /// Guest physical address of the first byte.
  public let guestAddress: UInt64
  private let file: FileDescriptor
  private let mapping: Mapping
  private var next = 0

  /// `size` bytes of zeros at `guestAddress`.
  public init(size: Int, guestAddress: UInt64 = 0x1_0000_0000) throws(SystemError) {
    file = try MemoryFile.create("driver", size: size)
    mapping = try Mapping.shared(file, size: size)
    descriptor = file.raw
    base = mapping.base
    (self.size, self.guestAddress) = (size, guestAddress)
  }

  /// The next free bytes, as an offset; nil if there are not as many.
  public func allocate(_ bytes: Int, alignment: Int = 16) -> Int? {
    let start = (next + alignment - 1) & ~(alignment - 1)
    guard bytes >= 0, start <= size, bytes <= size - start else { return nil }
    next = start + bytes
    return start
  }

  /// What is allocated from now on begins at `offset` again.
  public func rewind(to offset: Int) { next = offset }

  /// The guest physical address of an offset.
  public func address(_ offset: Int) -> UInt64 { guestAddress &+ UInt64(truncatingIfNeeded: offset) }
}
