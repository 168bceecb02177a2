import CSystem

/// What a mapping may be used for.
public enum Protection: Int32, Sendable {
  case read = 1
  case readWrite = 3
}

/// A range of mapped memory that is unmapped with its owner.
public struct Mapping: ~Copyable, @unchecked Sendable {
  /// First byte; page aligned.
  public let base: UnsafeMutableRawPointer
  /// Bytes, as asked for.
  public let size: Int

  init(base: UnsafeMutableRawPointer, size: Int) {
    self.base = base
    self.size = size
  }

  deinit { _ = atoll_unmap(base, UInt(size)) }

  /// Maps `size` bytes of a shared file or memfd from `offset` (a multiple of the page size).
  public static func shared(
    _ fd: borrowing FileDescriptor, size: Int, offset: Int = 0, _ protection: Protection = .readWrite
  ) throws(SystemError) -> Mapping {
    var error: Int32 = 0
    guard let base = atoll_map(fd.raw, UInt(size), UInt(offset), protection.rawValue, &error) else {
      throw SystemError("mmap", error)
    }
    return Mapping(base: base, size: size)
  }

  /// Maps guest RAM: shared, aligned for huge pages, left out of core dumps.
  public static func guestRAM(_ fd: borrowing FileDescriptor, size: Int) throws(SystemError) -> Mapping {
    var error: Int32 = 0
    guard let base = atoll_map_guest(fd.raw, UInt(size), &error) else { throw SystemError("mmap of guest RAM", error) }
    return Mapping(base: base, size: size)
  }

  /// Private zeroed memory.
  public static func anonymous(size: Int) throws(SystemError) -> Mapping {
    var error: Int32 = 0
    guard let base = atoll_map(-1, UInt(size), 0, Protection.readWrite.rawValue, &error) else {
      throw SystemError("mmap", error)
    }
    return Mapping(base: base, size: size)
  }
}

/// Shared memory without a name in the file system (memfd).
public enum MemoryFile {
  /// A memfd of `size` bytes whose size is fixed for good, so that no holder can make another fault by shrinking it.
  public static func create(_ name: String, size: Int) throws(SystemError) -> FileDescriptor {
    return FileDescriptor(
      owning: try SystemError.check("memfd_create", name.withUTF8Z { atoll_memfd($0, UInt(size), 1) }))
  }

  /// Throws unless `fd` is a memfd of at least `size` bytes that can no longer shrink.
  public static func requireSealed(_ fd: borrowing FileDescriptor, size: Int) throws(SystemError) {
    guard try SystemError.check("check of memory seals", atoll_memfd_is_sealed(fd.raw, UInt(size))) == 1 else {
      throw SystemError("check of memory seals", Errno.invalid)
    }
  }
}
