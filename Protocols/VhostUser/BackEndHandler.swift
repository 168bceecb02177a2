import System

/// Where a ring lies and where it goes on, as the front-end has said it.
public struct VringPlace: Sendable, Equatable {
  /// Entries; a power of two in a split ring.
  public var size: UInt32
  /// Addresses of descriptor table, available ring and used ring (packed: descriptor ring, driver and device event areas), in
  /// the front-end's names or, with `guestAddressed`, the guest's.
  public var descriptors, available, used: UInt64
  /// Where the ring goes on, as SET_VRING_BASE says; of no account if the in-flight log knows better.
  public var base: UInt32
  /// The addresses are guest physical addresses (protocol feature GPA_ADDRESSES).
  public var guestAddressed: Bool
}

/// Which of a ring's three eventfds.
public enum VringEvent: Sendable {
  /// The driver made buffers available.
  case kick
  /// Buffers were used.
  case call
  /// The ring is broken.
  case error
}

/// An in-flight log that this process has made.
public struct InflightMemory: ~Copyable {
  /// Where it lies in its memory, and for which rings.
  public let area: InflightArea
  /// Its memory: sealed, so that no holder can make another fault.
  public let memory: FileDescriptor

  public init(area: InflightArea, memory: consuming FileDescriptor) {
    self.area = area
    self.memory = memory
  }
}

/// How a transfer of device state does (SET_DEVICE_STATE_FD).
public enum StateTransferResult: Sendable, Equatable {
  /// The pipe has not come to its end.
  case running
  /// All of it was written, or read and accepted.
  case done
  /// The pipe broke, was too slow or too long, or the device refuses the state; or there was no transfer.
  case failed
}

/// What a `BackEndSession` asks of the device behind it. The session has checked order, negotiation and ranges; the handler
/// owns memory, rings and descriptors. What it throws is the front-end's doing, or the host's at its request.
public protocol BackEndHandler: ~Copyable {
  /// Offered feature bits, vhost-user's 30 included.
  var features: UInt64 { get }
  /// Rings, 1...32.
  var queueCount: Int { get }
  /// Entries of the largest ring.
  var queueSize: UInt32 { get }
  /// Memory regions that it can hold.
  var memorySlots: Int { get }
  /// Offered protocol features, of those that `BackEndSession` serves.
  var protocolFeatures: ProtocolFeatures { get }

  /// The driver has accepted `features`, without bit 30; no ring runs.
  mutating func accept(features: UInt64)
  /// Makes these the only regions; the descriptors are the session's, one for each. Nothing changes if it throws.
  mutating func replaceMemory(_ regions: [MemoryRegion], _ memory: [Int32]) throws(BackEndFault)
  /// Maps one more region. Nothing changes if it throws.
  mutating func add(_ region: MemoryRegion, _ memory: consuming FileDescriptor) throws(BackEndFault)
  /// Unmaps the region with these addresses and this size.
  mutating func remove(_ region: MemoryRegion) throws(BackEndFault)
  /// Takes up the in-flight log.
  mutating func useInflight(_ area: InflightArea, _ memory: consuming FileDescriptor) throws(BackEndFault)
  /// Makes an in-flight log for `queues` rings of `ringSize` entries, takes it up and returns where it lies.
  mutating func makeInflight(queues: UInt16, ringSize: UInt16) throws(BackEndFault) -> InflightMemory

  /// Starts ring `index`.
  mutating func start(_ index: Int, _ place: VringPlace) throws(BackEndFault)
  /// Finishes what is outstanding, stops the ring and returns where it goes on. With `clean` its in-flight log ends.
  mutating func stop(_ index: Int, clean: Bool) -> UInt32
  /// Enables or disables ring `index`, running or not.
  mutating func enable(_ index: Int, _ enabled: Bool)
  /// Gives ring `index` an eventfd; nil: it is polled, or nobody is told.
  mutating func set(_ event: VringEvent, of index: Int, _ descriptor: consuming FileDescriptor?) throws(BackEndFault)

  /// The configuration space now, at most 256 bytes.
  func config() -> [UInt8]
  /// The driver writes inside `config()`; false: refused.
  mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool
  /// What the front-end did or could not have, for the log; the session goes on.
  mutating func note(_ sentence: String)
  /// A socket for requests to the front-end.
  mutating func useChannel(_ socket: consuming FileDescriptor)
  /// A ring is broken: the device status says DEVICE_NEEDS_RESET.
  var needsReset: Bool { get }
  /// Back to the state of a new device; all rings are stopped.
  mutating func reset()
  /// Writes the device's state to `pipe`, or reads it from there; all rings are stopped. Does not wait for the pipe.
  mutating func transferState(_ pipe: consuming FileDescriptor, loading: Bool) throws(BackEndFault)
  /// How the last transfer does.
  var stateTransfer: StateTransferResult { get }
}

/// Why a session ends: what the front-end did, or what the host refused it.
public enum BackEndFault: Error, Sendable {
  /// The front-end closed its socket: an end, not a fault.
  case closed
  /// Bytes that are no message.
  case message(VhostMessageError)
  /// A message that is not allowed now, or names what does not exist.
  case refused(FrontEndRequest, StaticString)
  /// The same, about one ring.
  case ring(Int, String)
  /// The host or the device says no: memory that cannot be mapped, a read-only field.
  case resource(String)
  /// The host failed at what the front-end asked for.
  case system(SystemError)

  /// What happened, as one sentence without a full stop.
  public var sentence: String {
    switch self {
    case .closed: "the front-end closed its socket"
    case .message(let error): error.sentence
    case .refused(let request, let what): "\(request.name.text): \(what.text)"
    case .ring(let index, let what): "ring \(index): \(what)"
    case .resource(let what): what
    case .system(let error): error.sentence
    }
  }
}
