// What a platform device is, for everyone who drives one: a device process, a unit test, a fuzzer, a replay.
// Deliberately absent: processes, sockets, descriptors, clocks, threads. A model is a value; it gets accesses, bytes and
// the time, and answers with effects.

/// The time, as the driver of a model sees it. A model never asks for it.
public struct Instant: Sendable, Equatable {
  /// Nanoseconds since an arbitrary start; never goes back, and survives a restart of the device process.
  public var monotonic: Int64
  /// Nanoseconds since 1970-01-01 UTC.
  public var realtime: Int64

  public init(monotonic: Int64, realtime: Int64) {
    self.monotonic = monotonic
    self.realtime = realtime
  }
}

/// One register access of the guest. `offset` is relative to the start of the region, and offset + size lies inside it.
public struct Access: Sendable, Equatable {
  /// Index into the model's `regions`.
  public var region: UInt8
  /// Bytes from the region's start.
  public var offset: UInt32
  /// 1, 2, 4 or 8.
  public var size: UInt8

  public init(region: UInt8, offset: UInt32, size: UInt8) {
    self.region = region
    self.offset = offset
    self.size = size
  }
}

/// What a device asks of the machine as a whole.
public enum MachineEvent: UInt8, Sendable {
  /// Nothing.
  case none = 0
  /// The guest switched its power off (ACPI S5): the VM ends with status 0.
  case powerOff = 1
  /// The guest asked for a reset: the VM starts again.
  case reset = 2
  /// The guest's kernel says on its console that it panicked.
  case guestPanic = 3
}

/// What an access or an event brought about, beyond the value it returned and the model's new state.
public struct Effects: ~Copyable {
  /// Pulse the device's interrupt pin (edge): a cause appeared, or one is still pending after a register access.
  public var interrupt = false
  /// What the machine as a whole must do.
  public var machine = MachineEvent.none
  /// Bytes for the back-end, oldest first; `outputCount` of them count.
  public private(set) var output = InlineArray<32, UInt8>(repeating: 0)
  /// How many of `output` are set, 0...32.
  public private(set) var outputCount = 0

  public init() {}

  /// Nothing came of it.
  public var isEmpty: Bool { !interrupt && machine == .none && outputCount == 0 }

  /// Adds one byte for the back-end; false if this access already produced as many as it may.
  public mutating func emit(_ byte: UInt8) -> Bool {
    guard outputCount < 32 else { return false }
    output[outputCount] = byte
    outputCount += 1
    return true
  }
}

/// One range of guest physical addresses that a model serves.
public struct RegionLayout: Sendable, Equatable {
  /// Bytes.
  public var size: UInt32
  /// A write here need not be waited for: it has no effect that the vCPU could miss.
  public var posted: Bool

  public init(size: UInt32, posted: Bool) {
    self.size = size
    self.posted = posted
  }
}

/// Why a saved state was refused: one sentence per case in `sentence`.
public enum StateError: Error, Sendable, Equatable {
  /// Fewer bytes than the state has.
  case truncated
  /// A field holds a value that the model cannot have written.
  case impossible(StaticString)

  public var sentence: StaticString {
    switch self {
    case .truncated: "the saved state is shorter than the device's state"
    case .impossible(let what): what
    }
  }

  public static func == (a: StateError, b: StateError) -> Bool {
    switch (a, b) {
    case (.truncated, .truncated), (.impossible, .impossible): true
    default: false
    }
  }
}

/// A device model: registers and rules, as a value.
///
/// Life: `init` (cold) or `init(restoring:)` (a new incarnation) → any sequence of `read`, `write`, `receive`, `elapse`.
/// Nothing a guest does may trap, loop without bound or allocate: bad accesses read 0 and write nothing.
public protocol DeviceModel: ~Copyable {
  /// The regions served, in the order in which the machine description lists them.
  static var regions: [RegionLayout] { get }
  /// Bytes that `save` writes; constant, at most as many as the device's state page has (Protocols/DeviceBus).
  static var stateSize: Int { get }

  /// The device after power-on.
  init(at now: Instant)
  /// The device as saved. `bytes` are hostile: whatever `save` cannot have written is refused.
  init(restoring bytes: RawSpan, at now: Instant) throws(StateError)
  /// Writes the whole architectural state, fixed layout, little endian.
  func save(into bytes: inout MutableRawSpan)
  /// Brings bytes that hold what the call before the last one left there up to date. A model with little state needs no
  /// more than the default, which is `save`; the first two calls of a model's life must write everything.
  mutating func saveChanges(into bytes: inout MutableRawSpan)

  /// A guest load.
  mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64
  /// A guest store.
  mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects)

  /// How many back-end bytes the model can take now.
  var receiveCapacity: Int { get }
  /// Bytes from the back-end, at most `receiveCapacity`.
  mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects)
  /// Room in the back-end's output, in bytes. The driver calls it with a fresh figure before each access, and when room
  /// appears after there was none. A model that has bytes waiting emits at most this many over the next effects.
  mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects)

  /// Monotonic time at which the model wants `elapse`; nil for never.
  var deadline: Int64? { get }
  /// Time has passed; called at or after `deadline`, harmless at any time.
  mutating func elapse(at now: Instant, _ effects: inout Effects)
  /// The host asks for something of the guest (power button). Models without such a thing ignore it.
  mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects)

  /// True while a cause for an interrupt is pending: a new incarnation pulses once if so.
  var interruptPending: Bool { get }
}

extension DeviceModel where Self: ~Copyable {
  /// Writes everything.
  public mutating func saveChanges(into bytes: inout MutableRawSpan) { save(into: &bytes) }
}

/// What a person asks a guest for through a device.
public enum HostEvent: UInt8, Sendable {
  /// The ACPI power button.
  case powerButton = 1
}
