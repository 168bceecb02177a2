import Synchronization
import System

/// Why the state page of an earlier incarnation was refused.
public enum StatePageError: UInt32, Error, Sendable {
  /// Not a state page, or one of another version.
  case foreign = 32
  /// The page of another kind of device, another device, or another number of vCPUs.
  case otherDevice = 33
  /// It says that accesses were applied that the ring does not hold.
  case ringMismatch = 34
  /// It says that bytes were exchanged that the console ring does not hold.
  case consoleMismatch = 35

  /// What is wrong, as one sentence without a full stop.
  public var sentence: StaticString {
    switch self {
    case .foreign: "the state page is not one of this version"
    case .otherDevice: "the state page belongs to another device"
    case .ringMismatch: "the state page and the access rings contradict each other"
    case .consoleMismatch: "the state page and the console ring contradict each other"
    }
  }
}

/// The last access that was applied from one ring, and its answer.
public struct RingEntry: Sendable, Equatable {
  /// Its sequence number, 0 before the first.
  public var sequence: UInt64 = 0
  /// What was or must be answered.
  public var reply: UInt64 = 0

  /// By default the entry of a ring before its first access.
  public init(sequence: UInt64 = 0, reply: UInt64 = 0) { (self.sequence, self.reply) = (sequence, reply) }
}

/// What one publication holds beside the model's state and the rings.
public struct BackEndState: Sendable, Equatable {
  /// Bytes taken from the back-end since power-on.
  public var inCount: UInt64 = 0
  /// Bytes given to the back-end since power-on.
  public var outCount: UInt64 = 0
  /// The effects of this publication that are outside shared memory; a new incarnation repeats them.
  public var interrupt = false
  /// `MachineEvent.rawValue`; see `interrupt`.
  public var machineEvent: UInt8 = 0

  /// Nothing exchanged, no effects.
  public init() {}

  var effectsWord: UInt64 { (interrupt ? 1 : 0) | UInt64(machineEvent) << 8 }

  mutating func setEffects(word: UInt64) {
    interrupt = word & 1 != 0
    machineEvent = UInt8(truncatingIfNeeded: word >> 8)
  }
}

/// Identifies whose page it is.
public struct StateIdentity: Sendable, Equatable {
  /// Four letters of the device's kind.
  public var kind: UInt32
  /// Index in the machine.
  public var deviceIndex: UInt32
  /// Rings.
  public var vcpus: UInt32
  /// Bytes of the model's state, at most `capacity`.
  public var stateSize: UInt32
  /// Bytes that a slot has for it: a property of the kind of device, and so not in the page.
  public var capacity: Int

  /// The first four must be the same for a page to be continued. `capacity` is a multiple of 64.
  public init(
    kind: UInt32, deviceIndex: UInt32, vcpus: UInt32, stateSize: UInt32, capacity: Int = BusLimits.modelStateSize
  ) {
    (self.kind, self.deviceIndex, self.vcpus, self.stateSize) = (kind, deviceIndex, vcpus, stateSize)
    self.capacity = capacity
  }
}

/// A device's state in memory that outlives its process: two slots and a generation that says which one counts.
///
/// Each publication writes the other slot and then the generation, so that at every instant one slot is whole.
/// README.md argues why an access is then applied exactly once.
public struct StatePage: ~Copyable {
  /// "ATOLSTAT", little endian.
  static let magic: UInt64 = 0x5441_5453_4c4f_5441
  static let headerSize = 64
  /// Bytes of a slot between the model's state and the ring entries, for the back-end's words.
  static let backEndSize = 64

  private let mapping: Mapping
  private let identity: StateIdentity
  private var generation: UInt64
  private var entries: [RingEntry]
  /// What the last publication says of the back-end.
  public private(set) var backEnd = BackEndState()
  /// The entry that the last publication changed: the slot written next does not have it yet.
  private var changedLast: Int?
  /// The other slot's entries are not known: copy them all once.
  private var copyAll = true

  static func slotSize(vcpus: Int, stateSize: Int) -> Int { (stateSize + backEndSize + vcpus * 16 + 63) & ~63 }
  /// Bytes of the page of a device in a machine with `vcpus` vCPUs that has `stateSize` bytes for its model.
  /// A fresh page is all zero.
  public static func size(vcpus: Int, stateSize: Int = BusLimits.modelStateSize) -> Int {
    headerSize + 2 * slotSize(vcpus: vcpus, stateSize: stateSize)
  }

  // MARK: taking over

  /// The page of a device that starts cold with its rings at `applied` and its back-end at `backEnd`; what the page held is
  /// forgotten. Nothing is published yet.
  public init(
    cold mapping: consuming Mapping, identity: StateIdentity, applied: [UInt64], backEnd: BackEndState
  ) {
    generation = 0
    self.identity = identity
    self.backEnd = backEnd
    entries = applied.map { RingEntry(sequence: $0) }
    self.mapping = mapping
    word(24).pointee.store(0, ordering: .sequentiallyConsistent)
    writeHeader()
  }

  /// The page that an earlier incarnation left: hostile input, checked as far as it can be without the model and the rings.
  public init(resuming mapping: consuming Mapping, identity: StateIdentity) throws(StatePageError) {
    self.identity = identity
    generation = StatePage.load(mapping, 24)
    entries = []
    try StatePage.checkHeader(mapping, identity)
    self.mapping = mapping
    let slot = slotOffset(generation)
    backEnd.inCount = backEndWord(slot, 0).pointee.load(ordering: .relaxed)
    backEnd.outCount = backEndWord(slot, 1).pointee.load(ordering: .relaxed)
    backEnd.setEffects(word: backEndWord(slot, 2).pointee.load(ordering: .relaxed))
    for vcpu in 0..<Int(identity.vcpus) {
      let at = entryOffset(slot, vcpu)
      let sequence = word(at).pointee.load(ordering: .relaxed)
      entries.append(RingEntry(sequence: sequence, reply: word(at + 8).pointee.load(ordering: .relaxed)))
    }
  }

  /// Whether a page was ever published. An incarnation that died before that has applied no access.
  public static func isPublished(_ mapping: borrowing Mapping) -> Bool { load(mapping, 24) != 0 }

  private static func load(_ mapping: borrowing Mapping, _ offset: Int) -> UInt64 {
    (mapping.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring)
  }

  private static func checkHeader(_ mapping: borrowing Mapping, _ identity: StateIdentity) throws(StatePageError) {
    guard load(mapping, 0) == magic, load(mapping, 8) & 0xffff_ffff == UInt64(BusLimits.version) else {
      throw .foreign
    }
    guard load(mapping, 8) >> 32 == UInt64(identity.kind),
      load(mapping, 16) == UInt64(identity.deviceIndex) | UInt64(identity.vcpus) << 32,
      load(mapping, 32) == UInt64(identity.stateSize)
    else { throw .otherDevice }
  }

  private borrowing func writeHeader() {
    word(0).pointee.store(StatePage.magic, ordering: .relaxed)
    word(8).pointee.store(UInt64(BusLimits.version) | UInt64(identity.kind) << 32, ordering: .relaxed)
    word(16).pointee.store(UInt64(identity.deviceIndex) | UInt64(identity.vcpus) << 32, ordering: .relaxed)
    word(32).pointee.store(UInt64(identity.stateSize), ordering: .relaxed)
  }

  private borrowing func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (mapping.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private borrowing func slotOffset(_ generation: UInt64) -> Int {
    StatePage.headerSize + Int(generation & 1)
      * StatePage.slotSize(vcpus: Int(identity.vcpus), stateSize: identity.capacity)
  }

  /// Offset of the back-end's words in a slot; the ring entries follow.
  private borrowing func backEndWord(_ slot: Int, _ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    word(slot + identity.capacity + index * 8)
  }

  private borrowing func entryOffset(_ slot: Int, _ vcpu: Int) -> Int {
    slot + identity.capacity + StatePage.backEndSize + vcpu * 16
  }

  // MARK: reading

  /// The last access of a ring.
  public borrowing func entry(_ vcpu: Int) -> RingEntry { entries[vcpu] }

  /// The sequence numbers of all rings' last accesses.
  public borrowing func applied() -> [UInt64] { entries.map { $0.sequence } }

  /// A private copy of the published model state.
  public borrowing func modelState() -> [UInt8] {
    let base = UnsafeRawPointer(mapping.base + slotOffset(generation))
    return Array(UnsafeRawBufferPointer(start: base, count: Int(identity.stateSize)))
  }

  // MARK: publishing

  /// Writes the incarnation's number, for people who look at the page.
  public borrowing func note(incarnation: UInt32) { word(40).pointee.store(UInt64(incarnation), ordering: .relaxed) }

  /// Where the model's state of the next publication goes; `stateSize` bytes.
  public borrowing func draft() -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: mapping.base + slotOffset(generation &+ 1), count: Int(identity.stateSize))
  }

  /// Publishes the draft, `backEnd` and, if an access was applied, its ring's entry: from the last store on, this is the
  /// device's state. Costs no more with 256 vCPUs than with one, but for the first call of an incarnation.
  public mutating func publish(_ state: BackEndState, vcpu: Int?, entry: RingEntry) {
    let slot = slotOffset(generation &+ 1)
    backEndWord(slot, 0).pointee.store(state.inCount, ordering: .relaxed)
    backEndWord(slot, 1).pointee.store(state.outCount, ordering: .relaxed)
    backEndWord(slot, 2).pointee.store(state.effectsWord, ordering: .relaxed)
    if copyAll {
      for other in 0..<entries.count { write(other, slot) }
      // Both slots: the next publication copies only what changed in this one.
      changedLast = nil
    } else if let changedLast {
      write(changedLast, slot)
    }
    if let vcpu {
      entries[vcpu] = entry
      write(vcpu, slot)
    }
    commit(state, changed: vcpu)
  }

  private mutating func commit(_ state: BackEndState, changed vcpu: Int?) {
    generation &+= 1
    word(24).pointee.store(generation, ordering: .releasing)
    backEnd = state
    changedLast = vcpu
    guard copyAll else { return }
    copyAll = false
    for other in 0..<entries.count { write(other, slotOffset(generation &+ 1)) }
  }

  private borrowing func write(_ vcpu: Int, _ slot: Int) {
    let at = entryOffset(slot, vcpu)
    word(at).pointee.store(entries[vcpu].sequence, ordering: .relaxed)
    word(at + 8).pointee.store(entries[vcpu].reply, ordering: .relaxed)
  }
}
