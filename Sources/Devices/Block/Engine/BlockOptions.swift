import BlockModel
import CSystem
import System
import VhostDevice

// The options of atoll-block:
//
//   --blk-file=PATH    a raw image or a block device; this or --blk-fd is needed
//   --blk-fd=N         the same, inherited open (in a sandbox, where there are no paths)
//   --read-only        the guest cannot write; several machines may share the disk
//   --num-queues=N     request queues, 1...16, default 1
//   --serial=TEXT      the serial number that the guest sees, at most 20 printable characters
//   --cache=MODE       writeback (default): through the host's page cache. none: O_DIRECT, past it
//   --no-io-uring      plain system calls, as on hosts that forbid io_uring

extension BlockBackEnd {
  /// The device that `options` describe, with its disk open and locked.
  public init(options: inout Options) throws(UsageError) {
    let readOnly = options.flag("--read-only")
    let synchronous = options.flag("--no-io-uring")
    let cache = try Self.cache(try options.value("--cache"))
    let queues = try options.number("--num-queues", in: 1...Self.maximumQueues) ?? 1
    let identity = try Self.identity(try options.value("--serial"))
    let path = try options.value("--blk-file")
    let number = try options.number("--blk-fd", in: 0...65535)
    // Without this, a file that reaches the limit of file sizes ends the process instead of failing a write.
    atoll_disk_ignore_size_signal()
    let disk: Disk
    do throws(DiskError) {
      switch (path, number) {
      case (let path?, nil): disk = try Disk.open(path, readOnly: readOnly, cache: cache)
      case (nil, let number?):
        disk = try Disk(owning: FileDescriptor(owning: Int32(number)), readOnly: readOnly, cache: cache)
      default: throw .noneGiven
      }
    } catch { throw UsageError(error.sentence) }
    self.init(disk, queues: queues, identity: identity, synchronous: synchronous)
  }

  private static func cache(_ text: String?) throws(UsageError) -> CacheMode {
    guard let text else { return .writeback }
    if text.utf8.elementsEqual("writeback".utf8) { return .writeback }
    if text.utf8.elementsEqual("none".utf8) { return .none }
    throw UsageError("--cache=\(text) is neither writeback nor none")
  }

  private static func identity(_ text: String?) throws(UsageError) -> DiskIdentity {
    guard let text else { return .none }
    guard let identity = DiskIdentity(text) else {
      throw UsageError("--serial=\(text) is not a text of at most 20 printable characters")
    }
    return identity
  }
}
