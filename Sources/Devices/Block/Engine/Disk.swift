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
  /// Whether operations go past the page cache.
  public let isDirect: Bool
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
      // O_NONBLOCK: a FIFO must not hold us up; it is refused below.
      file = try FileDescriptor.open(path, flags: (readOnly ? 0 : 2) | 0x800)
    } catch {
      throw .open(path: path, error)
    }
    return try Disk(owning: file, readOnly: readOnly, cache: cache, patience: patience)
  }

  /// Takes an open file; one opened with O_DIRECT keeps that, whatever `cache` says. The lock belongs to the open file:
  /// whoever else holds a duplicate, such as a supervisor, keeps it over restarts of this process.
  public init(
    owning file: consuming FileDescriptor, readOnly: Bool, cache: CacheMode = .writeback, patience: Int64 = lockPatience
  ) throws(DiskError) {
    let facts = try Self.prepare(file.raw, readOnly: readOnly, cache, patience)
    let direct = cache == .none || facts.isDirect
    isDirect = direct
    memoryMask = direct ? facts.directMemory - 1 : 0
    offsetMask = direct ? facts.directOffset - 1 : 0
    cutOff = facts.size % Sector.size
    geometry = DiskGeometry(
      limits: BlockLimits(bytes: Int64(facts.size), readOnly: readOnly),
      logicalBlock: max(facts.logicalBlock, offsetMask + 1), physicalBlock: facts.physicalBlock,
      optimalIO: facts.optimalIO)
    self.file = file
  }

  /// Every check, the lock and the flags.
  private static func prepare(
    _ file: Int32, readOnly: Bool, _ cache: CacheMode, _ patience: Int64
  ) throws(DiskError) -> DiskFacts {
    let facts = try DiskFacts(file)
    guard facts.isDisk else { throw .kind }
    guard readOnly || facts.writable else { throw .notWritable }
    guard facts.size >= Sector.size else { throw .empty }
    try lock(file, alone: !readOnly, patience)
    let direct = cache == .none || facts.isDirect
    try setFlags(file, facts, direct: direct)
    if direct && !readOnly { awaitPredecessor(file) }
    return facts
  }

  // A file system without locks is no reason to stay away: it says so with another error.
  private static func lock(_ file: Int32, alone: Bool, _ patience: Int64) throws(DiskError) {
    let deadline = Clock.monotonic + patience
    while atoll_disk_lock(file, alone ? 1 : 0) == -Errno.again {
      guard Clock.monotonic < deadline else { throw .locked }
      _ = try? Poll.wait([], nanoseconds: 10_000_000)
    }
  }

  private static func setFlags(_ file: Int32, _ facts: DiskFacts, direct: Bool) throws(DiskError) {
    if direct, facts.directMemory <= 0 || facts.directOffset <= 0 {
      throw .noDirect(SystemError("O_DIRECT", Errno.invalid))
    }
    let result = atoll_disk_set_flags(file, direct ? 1 : 0)
    guard result >= 0 else { throw .noDirect(SystemError("O_DIRECT", -result)) }
  }

  /// Waits for direct I/O that a killed predecessor has left under way: its requests are in the in-flight log and are done
  /// again, and the old ones must not come after the new. Allocating what is there already changes nothing, but a file
  /// system first lets all direct I/O end (Linux, inode_dio_wait). Through the page cache nothing outlives a process. A
  /// block device has no such call: there the lock must do, which an open file keeps until its last operation has ended.
  private static func awaitPredecessor(_ file: Int32) { _ = atoll_disk_allocate(file, 1, 0, Sector.size) }
}

/// What the kernel says of a disk.
struct DiskFacts {
  let isDisk: Bool
  let writable: Bool
  let isDirect: Bool
  let size: Int
  let logicalBlock: Int
  let physicalBlock: Int
  let optimalIO: Int
  let directMemory: Int
  let directOffset: Int

  init(_ file: Int32) throws(DiskError) {
    var fields = InlineArray<9, Int>(repeating: 0)
    var span = fields.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { atoll_disk_describe(file, $0.baseAddress) }
    guard result >= 0 else { throw .describe(SystemError("statx", -result)) }
    isDisk = fields[ATOLL_DISK_KIND] != 0
    writable = fields[ATOLL_DISK_WRITABLE] == 1
    isDirect = fields[ATOLL_DISK_DIRECT] == 1
    size = fields[ATOLL_DISK_SIZE]
    logicalBlock = max(512, fields[ATOLL_DISK_LOGICAL_BLOCK])
    physicalBlock = fields[ATOLL_DISK_PHYSICAL_BLOCK]
    optimalIO = fields[ATOLL_DISK_OPTIMAL_IO]
    directMemory = fields[ATOLL_DISK_DIRECT_MEMORY]
    directOffset = fields[ATOLL_DISK_DIRECT_OFFSET]
  }
}
