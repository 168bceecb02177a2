import Virtqueue

/// A virtio device as the runtime of this module sees it: rings, configuration space, and its own descriptors.
///
///     reset ──► start(features) ──► serve · ready · elapse · poll ──► stop(queue) for each ring that runs ──► reset
///       ▲                                                                  │
///       └────────────────────── start(features) again ◄────────────────────┘
///
/// All calls come from one thread, none is made from inside another. What the guest put into a ring is hostile; the
/// front-end is not the device's business. A device never signals, sleeps or blocks: it takes chains with `Rings.pop`, gives
/// them back, in any order and any time later, with `Rings.push`, and lets `Rings.watch` wait for its descriptors.
///
/// Deliberately absent: everything of virtio-pci (status, MSI-X, notifications), which is the front-end's.
public protocol VirtioBackEnd: ~Copyable {
  /// Which kind of device this is (virtio 1.3, 5).
  static var deviceID: UInt32 { get }
  /// Rings, 1...32; fixed for the life of the process.
  var queueCount: Int { get }
  /// Entries of the largest ring that it serves: a power of two, at most 1024.
  var queueSize: UInt16 { get }
  /// Feature bits of the device type. The runtime adds VERSION_1, INDIRECT_DESC, EVENT_IDX, RING_PACKED and vhost-user's
  /// bit 30, and never hands a device anything that it did not offer.
  var features: UInt64 { get }
  /// The configuration space as it is now, at most 256 bytes. After a change of its own the device calls
  /// `Rings.configChanged()`.
  func config() -> [UInt8]
  /// The driver writes `bytes` at `offset`, inside `config()`. False: a field is read-only and nothing was changed.
  mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool
  /// The driver has accepted `features`; called before the first ring runs, and again whenever all rings were stopped.
  mutating func start(features: UInt64)
  /// Ring `queue` was kicked, or polling saw buffers in it: take what there is, within a budget of some 64 chains. It is
  /// called again if buffers are left and this call took at least one. If it took none, the ring is left alone until
  /// the next `ready`, `elapse` or fruitful `poll`, after which every ring with buffers is offered once more.
  mutating func serve(_ queue: Int, _ rings: Rings)
  /// The descriptor watched under `token` is ready for `events` (`Ready`).
  mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings)
  /// Work that is found without a system call, such as completions in an io_uring's memory: called over and over while
  /// the process spins. True: something was done.
  mutating func poll(_ rings: Rings) -> Bool
  /// Monotonic time (ns) of the next `elapse`; nil: never. Must lie in the future again after `elapse`, or the process spins.
  var deadline: Int64? { get }
  /// The deadline has come; `now` is the monotonic time.
  mutating func elapse(now: Int64, _ rings: Rings)
  /// Ring `queue` stops: push every chain of it that is outstanding, finished or failed, before returning.
  mutating func stop(_ queue: Int, _ rings: Rings)
  /// Back to the state of a new device; all rings are stopped. Host resources (file, socket, tap) stay open.
  mutating func reset()
  /// What a successor needs that is neither in guest memory nor in its options; all rings are stopped.
  func saveState() -> [UInt8]
  /// Takes such a state, which is hostile; false: it is none, and nothing was changed.
  mutating func loadState(_ bytes: [UInt8]) -> Bool
}

extension VirtioBackEnd where Self: ~Copyable {
  /// Most devices have no configuration space.
  public func config() -> [UInt8] { [] }
  /// Most fields are read-only.
  public mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool { false }
  public mutating func start(features: UInt64) {}
  public mutating func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {}
  public mutating func poll(_ rings: Rings) -> Bool { false }
  public var deadline: Int64? { nil }
  public mutating func elapse(now: Int64, _ rings: Rings) {}
  public mutating func stop(_ queue: Int, _ rings: Rings) {}
  public mutating func reset() {}
  public func saveState() -> [UInt8] { [] }
  /// A device without state takes only an empty one.
  public mutating func loadState(_ bytes: [UInt8]) -> Bool { bytes.isEmpty }
}

/// What a watched descriptor is ready for; the bits of epoll(7).
public enum Ready {
  /// Bytes to read, a completion, or a connection to accept.
  public static let input: UInt32 = 0x001
  /// Room to write.
  public static let output: UInt32 = 0x004
  /// The descriptor is broken; always reported.
  public static let error: UInt32 = 0x008
  /// The peer is gone; always reported.
  public static let hangUp: UInt32 = 0x010
  /// The peer has shut down its writing half.
  public static let peerClosed: UInt32 = 0x2000
  /// For `watch`: one report for each change instead of one as long as it lasts.
  public static let edge: UInt32 = 1 << 31
}
