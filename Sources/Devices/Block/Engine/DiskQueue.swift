import CSystem
import CURing
import System
import Virtqueue

/// Operations on one file, on their way: an io_uring, or where the host has none, plain system calls that are done when they
/// return. Operations carry a slot number, 0 ..< depth, that has one operation at a time.
struct DiskQueue: ~Copyable {
  private let file: Int32
  /// Nil: synchronous.
  private let ring: UnsafeMutableRawPointer?
  /// Why there is no ring: a positive errno.
  let missing: Int32?
  // Results of synchronous operations, oldest first. A slot has one operation at a time, so `depth` places are enough.
  private let results: UnsafeMutablePointer<Result>
  private let depth: Int
  private var first = 0
  private var count = 0
  /// System calls so far; with a ring one may carry many operations.
  private(set) var calls: UInt64 = 0

  struct Result {
    var slot: Int
    /// Bytes moved, 0, or -errno.
    var value: Int
  }

  /// A queue for `depth` operations at a time, a power of two, on `file`, which the caller keeps open.
  init(_ file: Int32, depth: Int, synchronous: Bool) {
    self.file = file
    self.depth = depth
    var error: Int32 = 0
    ring = synchronous ? nil : atoll_uring_create(UInt32(depth), file, &error)
    missing = ring == nil && !synchronous ? -error : nil
    results = .allocate(capacity: ring == nil ? depth : 1)
  }

  deinit {
    if let ring { atoll_uring_free(ring) }
    results.deallocate()
  }

  /// What epoll reports while completions wait; nil when there is nothing to wait for.
  var descriptor: Int32? { ring.map { atoll_uring_descriptor($0) } }
  /// Whether operations wait for `submit`.
  var hasQueued: Bool { ring.map { atoll_uring_queued($0) > 0 } ?? false }

  /// Reads into, or writes from, `count` segments.
  mutating func transfer(
    _ slot: Int, write: Bool, _ segments: UnsafeMutablePointer<Segment>, _ count: Int, at offset: Int64, stable: Bool
  ) {
    guard let ring else {
      let moved =
        write
        ? atoll_disk_write(file, segments, Int32(count), Int(offset), stable ? 1 : 0)
        : atoll_disk_read(file, segments, Int32(count), Int(offset))
      return finish(slot, moved)
    }
    if write {
      _ = atoll_uring_write(ring, segments, UInt32(count), UInt(offset), stable ? 1 : 0, UInt(slot))
    } else {
      _ = atoll_uring_read(ring, segments, UInt32(count), UInt(offset), UInt(slot))
    }
  }

  /// fdatasync(2).
  mutating func sync(_ slot: Int) {
    guard let ring else { return finish(slot, Int(atoll_disk_sync(file))) }
    _ = atoll_uring_sync(ring, UInt(slot))
  }

  /// fallocate(2).
  mutating func allocate(_ slot: Int, mode: Int32, at offset: Int64, count: Int64) {
    guard let ring else { return finish(slot, Int(atoll_disk_allocate(file, mode, Int(offset), Int(count)))) }
    _ = atoll_uring_allocate(ring, mode, UInt(offset), UInt(count), UInt(slot))
  }

  private mutating func finish(_ slot: Int, _ value: Int) {
    calls &+= 1
    results[(first + count) & (depth - 1)] = Result(slot: slot, value: value)
    count += 1
  }

  /// Hands over what was queued, and waits for at least one completion if `waiting`. False: the kernel did not take it all
  /// for want of memory, and the caller should try again.
  mutating func submit(waiting: Bool) -> Bool {
    guard let ring else { return true }
    // The kernel stops at an operation that it refuses, so the rest needs another call.
    var wait: UInt32 = waiting ? 1 : 0
    while wait > 0 || atoll_uring_queued(ring) > 0 {
      calls &+= 1
      guard atoll_uring_submit(ring, wait) >= 0 else { return false }
      wait = 0
    }
    return true
  }

  /// Lets completions that wait for this thread arrive. No system call if there are none.
  func collect() { if let ring { atoll_uring_collect(ring) } }

  /// Takes one completion.
  mutating func next() -> Result? {
    guard let ring else {
      guard count > 0 else { return nil }
      defer {
        first = (first + 1) & (depth - 1)
        count -= 1
      }
      return results[first]
    }
    var slot: UInt = 0
    var value: Int32 = 0
    return atoll_uring_next(ring, &slot, &value) == 1 ? Result(slot: Int(slot), value: Int(value)) : nil
  }
}
