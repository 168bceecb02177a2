import BlockModel
import System
import VhostDevice
import Virtqueue

/// The engine as a virtio device: what joins it to rings.
public struct BlockBackEnd: ~Copyable, VirtioBackEnd {
  /// Block device (virtio 1.3, 5.2.1).
  public static var deviceID: UInt32 { 2 }
  /// Most request queues.
  public static var maximumQueues: Int { 16 }
  /// Chains that one call of `serve` takes, and bytes after which it takes no more: large reads that the page cache answers
  /// are done inside the system call, and the driver should work on the first ones meanwhile.
  private static var chainBudget: Int { 64 }
  private static var byteBudget: Int { 512 << 10 }
  /// Nanoseconds between such offers.
  private static var patience: Int64 { 5_000_000 }
  /// The engine's descriptor among those watched.
  private static var completions: UInt32 { 0 }

  /// Request queues, 1...16.
  public let queueCount: Int
  /// With it, `BlockEngine.segmentMax` data segments, a header and a status byte fit one chain without an indirect table.
  public var queueSize: UInt16 { 256 }
  private var engine: BlockEngine
  private var chain = DescriptorChain(capacity: BlockEngine.chainCapacity)
  private var isWatching = false
  /// When to offer the kernel again what it had no memory for.
  private var retry: Int64?

  /// A device on `disk` with `queues` request queues, 1...16.
  public init(_ disk: consuming Disk, queues: Int, identity: DiskIdentity, synchronous: Bool = false) {
    queueCount = min(max(queues, 1), Self.maximumQueues)
    engine = BlockEngine(disk, identity: identity, synchronous: synchronous)
    if let error = engine.missingRing {
      Log.line(
        "atoll-block: no io_uring on this host (\(Errno.text(error))): the disk is read and written one request at a time"
      )
    }
    if engine.disk.cutOff > 0 {
      Log.line(
        "atoll-block: the disk's last \(engine.disk.cutOff) bytes are no whole sector of 512 bytes: the guest does not see them"
      )
    }
  }

  /// See `BlockFeature`.
  public var features: UInt64 { BlockFeature.offered(engine.disk.geometry, queues: queueCount) }

  /// See `BlockConfiguration`.
  public func config() -> [UInt8] {
    BlockConfiguration.bytes(engine.disk.geometry, queues: queueCount, segmentMax: BlockEngine.segmentMax)
  }

  /// Without FLUSH, writes are stable when they complete.
  public mutating func start(features: UInt64) { engine.writesThrough = BlockFeature.writesThrough(features) }

  /// Takes a batch, starts it in one system call, and gives back what is finished by then.
  public mutating func serve(_ queue: Int, _ rings: Rings) {
    watch(rings)
    var (taken, bytes) = (0, 0)
    while taken < Self.chainBudget, bytes < Self.byteBudget, engine.hasRoom, rings.pop(queue, into: &chain) {
      engine.take(chain, queue: queue)
      taken += 1
      bytes += chain.readableBytes + chain.writableBytes
    }
    engine.submit()
    // What the page cache has is finished by now.
    _ = deliver(rings)
    retry = engine.needsSubmit ? Clock.monotonic + Self.patience : nil
  }

  /// Completions wait.
  public mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) { _ = poll(rings) }

  /// Gives back what the kernel has finished; without a system call if it has not.
  public mutating func poll(_ rings: Rings) -> Bool {
    engine.collect()
    let any = deliver(rings)
    retry = engine.needsSubmit ? Clock.monotonic + Self.patience : nil
    return any
  }

  /// Only while the kernel has no memory for requests.
  public var deadline: Int64? { retry }
  /// Offers them again.
  public mutating func elapse(now: Int64, _ rings: Rings) { _ = poll(rings) }

  /// Waits for every operation of the ring; the file operations of others go on.
  public mutating func stop(_ queue: Int, _ rings: Rings) {
    engine.finish(queue: queue) { rings.push($0.queue, $0.token, written: Int($0.written)) }
  }

  private mutating func deliver(_ rings: Rings) -> Bool {
    var any = false
    while let one = engine.nextFinished() {
      rings.push(one.queue, one.token, written: Int(one.written))
      any = true
    }
    // A short read or write goes on with an operation of its own.
    if engine.needsSubmit { engine.submit() }
    return any
  }

  private mutating func watch(_ rings: Rings) {
    guard !isWatching, let descriptor = engine.descriptor else { return }
    isWatching = true
    rings.watch(descriptor, Self.completions, Ready.input)
  }
}
