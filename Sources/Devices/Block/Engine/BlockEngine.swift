import BlockModel
import System
import Virtqueue

/// A request that has ended: what goes back to the driver.
public struct FinishedRequest: Sendable {
  /// The ring that it came from.
  public let queue: Int
  /// What `Virtqueue.push` wants.
  public let token: ChainToken
  /// Bytes of the writable part that were written, from its first on.
  public let written: UInt32
}

/// Carries out the requests of a block device: chains in, file operations, finished chains out.
///
/// It knows neither sockets nor sessions nor rings: `take` chains while there is room, `submit` them in one system call,
/// collect what `nextFinished` yields. Guest memory is read and written in place. One thread.
///
/// Every queue must be stopped (`finish(queue:)`) before it goes away, because the kernel works on guest memory until then.
public struct BlockEngine: ~Copyable {
  /// Requests at one time, over all queues. Further ones wait in their rings.
  public static let depth = 256
  /// Data segments of one request that a driver is told of (seg_max). With rings of 256 there is room for header and status.
  public static let segmentMax = 254
  /// Descriptors that a chain may have: a few more, for data that crosses a border between memory regions.
  public static let chainCapacity = 264

  /// The disk.
  public let disk: Disk
  /// What failed so far.
  public internal(set) var failures = FailureCounts()
  /// Whether failures go to the log; a fuzzer says no.
  public var logs = true
  /// Requests whose data went through a buffer of our own, because its memory was not aligned for O_DIRECT.
  public internal(set) var bounced: UInt64 = 0
  /// Bytes read from the disk.
  public internal(set) var bytesRead: UInt64 = 0
  /// Bytes written to it.
  public internal(set) var bytesWritten: UInt64 = 0
  /// Whether a write completes only when it is stable: the driver did not accept FLUSH.
  public var writesThrough = false

  var operations: DiskQueue
  let requests: UnsafeMutablePointer<Request>
  let segments: UnsafeMutablePointer<Segment>
  let identity: DiskIdentity
  var zeroes = ZeroSource()
  var bounce = BounceBuffer()
  private var free: SlotQueue
  private var finished: SlotQueue
  private var waiting = InlineArray<32, Int>(repeating: 0)

  /// An engine on `disk`. `synchronous`: without io_uring.
  public init(_ disk: consuming Disk, identity: DiskIdentity = .none, synchronous: Bool = false) {
    operations = DiskQueue(disk.file.raw, depth: Self.depth, synchronous: synchronous)
    self.disk = disk
    self.identity = identity
    requests = .allocate(capacity: Self.depth)
    // Touched as far as requests have segments: most of it never becomes memory.
    segments = .allocate(capacity: Self.depth * Self.chainCapacity)
    free = SlotQueue(capacity: Self.depth)
    finished = SlotQueue(capacity: Self.depth)
    for slot in (0..<Self.depth).reversed() { free.push(slot) }
  }

  deinit {
    requests.deallocate()
    segments.deallocate()
  }

  /// Why there is no io_uring: a positive errno. Nil: there is one, or none was asked for.
  public var missingRing: Int32? { operations.missing }
  /// What to wait for while requests are outstanding; nil: they are finished when `submit` returns.
  public var descriptor: Int32? { operations.descriptor }
  /// Whether `take` can be called.
  public var hasRoom: Bool { !free.isEmpty }
  /// Whether operations wait for another `submit`, because the kernel had no memory for them.
  public var needsSubmit: Bool { operations.hasQueued }
  /// Requests of `queue` (0 ..< 32) that have been taken and not yet handed out as finished.
  public func outstanding(_ queue: Int) -> Int { waiting[queue] }
  /// System calls for the disk so far.
  public var systemCalls: UInt64 { operations.calls }

  /// Takes the chain that was just popped from `queue` (0 ..< 32). Only if `hasRoom`.
  public mutating func take(_ chain: borrowing DescriptorChain, queue: Int) {
    guard let slot = free.pop() else { return }
    waiting[queue] += 1
    (requests + slot).initialize(to: Request(chain, queue: queue))
    do throws(BlockRefusal) {
      try begin(slot, chain)
    } catch {
      refuse(slot, error)
    }
  }

  /// Starts what was taken: one system call, or none.
  public mutating func submit() { _ = operations.submit(waiting: false) }

  /// A request that has ended; its place is free from then on.
  public mutating func nextFinished() -> FinishedRequest? {
    while finished.isEmpty {
      guard let result = operations.next() else { return nil }
      step(result.slot, result.value)
    }
    guard let slot = finished.pop() else { return nil }
    let request = requests[slot]
    waiting[request.queue] -= 1
    free.push(slot)
    return FinishedRequest(queue: request.queue, token: request.token, written: request.written)
  }

  /// Lets completions in that wait for this thread, and starts what follows them. Cheap when there are none.
  public mutating func collect() {
    operations.collect()
    while let result = operations.next() { step(result.slot, result.value) }
    submit()
  }

  /// Blocks until the requests of `queue` have ended, and hands each finished one, of any queue, to `body`.
  public mutating func finish(queue: Int, _ body: (FinishedRequest) -> Void) {
    while true {
      while let one = nextFinished() { body(one) }
      guard waiting[queue] > 0 else { return }
      _ = operations.submit(waiting: true)
    }
  }

  /// The request in `slot` has ended. `written` counts from the first byte of the writable part, as the used ring wants it;
  /// the status byte behind a gap is written all the same, and not counted.
  mutating func end(_ slot: Int, _ status: RequestStatus, written: UInt32) {
    requests[slot].status?.pointee = status.rawValue
    requests[slot].written = requests[slot].status == nil ? 0 : written
    finished.push(slot)
  }

  /// The request in `slot` was all right.
  mutating func succeed(_ slot: Int) {
    let request = requests[slot]
    end(slot, .done, written: request.operation == .read ? request.writable : request.statusOnly)
  }
}

/// Slot numbers, first in, first out.
struct SlotQueue: ~Copyable {
  private let slots: UnsafeMutablePointer<Int32>
  private let capacity: Int
  private var first = 0
  private var count = 0

  /// For `capacity` slots, a power of two.
  init(capacity: Int) {
    slots = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { slots.deallocate() }

  var isEmpty: Bool { count == 0 }

  mutating func push(_ slot: Int) {
    slots[(first + count) & (capacity - 1)] = Int32(truncatingIfNeeded: slot)
    count += 1
  }

  mutating func pop() -> Int? {
    guard count > 0 else { return nil }
    defer {
      first = (first + 1) & (capacity - 1)
      count -= 1
    }
    return Int(slots[first])
  }
}
