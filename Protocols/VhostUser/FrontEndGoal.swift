/// What a session has to work with; fixed for its life. Descriptors are borrowed and stay open as long as the session lives.
public struct FrontEndSetup: Sendable {
  /// Guest memory that the back-end gets, 1...8 regions. User addresses are the guest's.
  public var regions: [MemoryRegion]
  /// One descriptor for each region.
  public var memory: [Int32]
  /// The back-end's end of a stream socket pair for its own requests, or -1: then it gets none.
  public var backEndChannel: Int32 = -1
  /// Zeroed memory for the in-flight log that outlives sessions, or -1: then there is none.
  public var inflight: Int32 = -1
  /// Bytes of `inflight`.
  public var inflightBytes: UInt64 = 0
  /// Rings wanted, 1...32, or 0: as many as the back-end has, at most 32.
  public var queues = 0
  /// Entries of the largest ring that the driver may ask for; the same for every session over one in-flight log.
  public var ringSize: UInt16 = 1024
  /// Bytes of configuration space to ask for, see `FrontEndSetup.configBytes(deviceID:)`; 0: do not ask.
  public var configBytes = 0
  /// Configuration space if the back-end has none (no protocol feature CONFIG).
  public var config: [UInt8] = []
  /// The guest may choose packed rings, if the back-end has them.
  public var offersPacked = true
  /// Nanoseconds that the back-end has for an answer.
  public var patience: Int64 = 10_000_000_000

  public init(regions: [MemoryRegion], memory: [Int32]) { (self.regions, self.memory) = (regions, memory) }

  /// Bytes of configuration space that every back-end for virtio device `deviceID` has (virtio 1.3, 5): back-ends refuse to be
  /// asked for more than they know. 0 for devices that have none.
  public static func configBytes(deviceID: UInt32) -> Int {
    switch deviceID {
    case 1: 12  // net: MAC, status, pairs, MTU
    case 2: 60  // block, through write_zeroes_may_unmap and its padding
    case 3: 12  // console: columns, rows, ports, emergency write
    case 19: 8  // vsock: guest CID
    case 26: 40  // file system: tag, request queues
    default: 0
    }
  }
}

/// One ring as the driver wants it. The back-end's names of addresses are the guest's.
public struct RingGoal: Sendable, Equatable {
  /// Entries.
  public var size: UInt16
  /// Descriptor table, or packed descriptor ring.
  public var descriptors: UInt64
  /// Available ring, or driver event suppression.
  public var available: UInt64
  /// Used ring, or device event suppression.
  public var used: UInt64
  /// From where it goes on, see `SetVringBase`; 0 for a fresh split ring, `freshPackedBase` for a fresh packed one.
  public var base: UInt32
  /// Eventfd of the doorbell.
  public var kick: Int32
  /// Eventfd for used buffers, or -1. passt dies without one: give a spare one to a ring that has no vector.
  public var call: Int32
  /// Eventfd for a broken ring, or -1.
  public var error: Int32

  /// Both wrap counters 1, both indices 0.
  public static let freshPackedBase: UInt32 = 0x8000_8000

  public init(
    size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64, base: UInt32, kick: Int32, call: Int32,
    error: Int32 = -1
  ) {
    (self.size, self.descriptors, self.available, self.used) = (size, descriptors, available, used)
    (self.base, self.kick, self.call, self.error) = (base, kick, call, error)
  }

  /// True if a ring that runs as `other` need not be stopped to run as this. The base matters only at the start.
  func continues(_ other: RingGoal) -> Bool {
    size == other.size && descriptors == other.descriptors && available == other.available && used == other.used
  }
}

/// The device as the driver wants it. Nothing in it is sent twice: the session sends what is not yet in force.
public struct DeviceGoal: Sendable, Equatable {
  /// Features that the driver has accepted, without bit 30. Meant once `status` has FEATURES_OK.
  public var features: UInt64 = 0
  /// Device status as the driver wrote it, never 0 (that is `FrontEndSession.reset`).
  public var status: UInt8 = 0
  /// Rings that shall run, by index; nil: shall not.
  public var rings: [RingGoal?] = []
  public init() {}
}

/// What a session has to tell; each once.
public enum FrontEndEvent: Sendable, Equatable {
  /// The handshake is done: features, queue count and configuration space are known.
  case connected
  /// A ring has started: its kick must be signalled once, for back-ends that start at the first kick.
  case ringStarted(Int)
  /// A ring has stopped, its requests done: where, see `SetVringBase`.
  case ringStopped(Int, base: UInt32)
  /// `reset` is done: no ring runs, and the in-flight log must be zeroed before one runs again.
  case resetDone
  /// Configuration space was read again, and differs.
  case configChanged
  /// The back-end refuses what the driver wrote to configuration space.
  case configRefused
  /// The back-end has taken the pipe of `transferState`, or refuses.
  case stateTransfer(accepted: Bool)
  /// The answer to `checkState`.
  case stateChecked(Bool)
}
