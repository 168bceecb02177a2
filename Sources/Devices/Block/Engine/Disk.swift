import BlockModel
import CSystem
import System

/// How the host's page cache is used.
public enum CacheMode: Sendable, Equatable {
  /// Through the page cache; a flush makes completed writes stable.
  case writeback
  /// O_DIRECT: past the page cache. The host's memory holds nothing of the disk, and a guest that caches well loses nothing.
  case none
}

/// An open disk: a regular file or a block device, locked.
public struct Disk: ~Copyable {
  let file: FileDescriptor
  /// What the guest is told of it.
  public let geometry: DiskGeometry
  /// Alignment that the kernel wants of memory, and of offsets and lengths, less 1. 0 with the page cache.
  let memoryMask: Int
  let offsetMask: Int
  /// Bytes behind the last whole sector, which the guest never sees.
  public let cutOff: Int

  /// Nanoseconds to wait for a lock that someone else has. The io_uring of a process that was killed keeps its file open
  /// for some milliseconds, and nothing tells when it is gone.
  public static var lockPatience: Int64 { 1_000_000_000 }

  /// Opens `path`.
  public static func open(
    _ path: String, readOnly: Bool, cache: CacheMode = .writeback, patience: Int64 = lockPatience
  ) throws(DiskError) -> Disk {
    let file: FileDescriptor
    do {
      file = try FileDescriptor.open(path, flags: readOnly ? 0 : 2)
    } catch {
      throw .open(path: path, error)
    }
    return try Disk(owning: file, readOnly: readOnly, cache: cache, patience: patience)
  }

  /// Takes an open file. Its lock and its O_DIRECT flag belong to the open file: whoever else holds a duplicate, such as a
  /// supervisor, keeps the lock over restarts of this process.
  public init(
    owning file: consuming FileDescriptor, readOnly: Bool, cache: CacheMode = .writeback, patience: Int64 = lockPatience
  ) throws(DiskError) {
    let facts = try DiskFacts(file.raw)
    guard facts.isDisk else { throw .kind }
    guard readOnly || facts.writable else { throw .notWritable }
    guard facts.size >= Sector.size else { throw .empty }
    try Self.lock(file.raw, alone: !readOnly, patience)
    if cache == .none { try Self.setDirect(file.raw, facts) }
    memoryMask = cache == .none ? facts.directMemory - 1 : 0
    offsetMask = cache == .none ? facts.directOffset - 1 : 0
    cutOff = facts.size % Sector.size
    geometry = DiskGeometry(
      limits: BlockLimits(bytes: Int64(facts.size), readOnly: readOnly),
      logicalBlock: max(facts.logicalBlock, offsetMask + 1), physicalBlock: facts.physicalBlock,
      optimalIO: facts.optimalIO)
    self.file = file
  }

  // A file system without locks is no reason to stay away: it says so with another error.
  private static func lock(_ file: Int32, alone: Bool, _ patience: Int64) throws(DiskError) {
    let deadline = Clock.monotonic + patience
    while atoll_disk_lock(file, alone ? 1 : 0) == -Errno.again {
      guard Clock.monotonic < deadline else { throw .locked }
      _ = try? Poll.wait([], nanoseconds: 10_000_000)
    }
  }

  private static func setDirect(_ file: Int32, _ facts: DiskFacts) throws(DiskError) {
    guard facts.directMemory > 0, facts.directOffset > 0 else { throw .noDirect(SystemError("O_DIRECT", Errno.invalid)) }
    let result = atoll_disk_set_direct(file)
    guard result >= 0 else { throw .noDirect(SystemError("O_DIRECT", -result)) }
  }
}

/// What the kernel says of a disk.
struct DiskFacts {
  let isDisk: Bool
  let writable: Bool
  let size: Int
  let logicalBlock: Int
  let physicalBlock: Int
  let optimalIO: Int
  let directMemory: Int
  let directOffset: Int

  init(_ file: Int32) throws(DiskError) {
    var fields = InlineArray<8, Int>(repeating: 0)
    var span = fields.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { atoll_disk_describe(file, $0.baseAddress) }
    guard result >= 0 else { throw .describe(SystemError("statx", -result)) }
    isDisk = fields[ATOLL_DISK_KIND] != 0
    writable = fields[ATOLL_DISK_WRITABLE] == 1
    size = fields[ATOLL_DISK_SIZE]
    logicalBlock = max(512, fields[ATOLL_DISK_LOGICAL_BLOCK])
    physicalBlock = fields[ATOLL_DISK_PHYSICAL_BLOCK]
    optimalIO = fields[ATOLL_DISK_OPTIMAL_IO]
    directMemory = fields[ATOLL_DISK_DIRECT_MEMORY]
    directOffset = fields[ATOLL_DISK_DIRECT_OFFSET]
  }
}
