import Synchronization

/// Where a ring's three parts are, as addresses of the front-end (SET_VRING_ADDR).
public struct RingAddresses: Sendable, Equatable {
  /// Split: descriptor table. Packed: descriptor ring.
  public var descriptors: UInt64
  /// Split: available ring. Packed: driver event suppression.
  public var driver: UInt64
  /// Split: used ring. Packed: device event suppression.
  public var device: UInt64

  /// The three parts (virtio 1.3, 2.6: descriptor, driver and device area).
  public init(descriptors: UInt64, driver: UInt64, device: UInt64) {
    (self.descriptors, self.driver, self.device) = (descriptors, driver, device)
  }
}

/// Feature bits that change how a ring works (virtio 1.3, 6).
public enum RingFeature {
  /// VIRTIO_F_INDIRECT_DESC.
  public static let indirect: UInt64 = 1 << 28
  /// VIRTIO_F_EVENT_IDX.
  public static let eventIndex: UInt64 = 1 << 29
  /// VIRTIO_F_RING_PACKED.
  public static let packed: UInt64 = 1 << 34
  /// All of them: this module does them for every device.
  public static let all = indirect | eventIndex | packed
}

/// The device's side of one ring, split (virtio 1.3, 2.7) or packed (2.8), with its in-flight log.
///
/// `pop` logs, `push` clears. What an earlier incarnation had in flight is popped first, in its order. Everything that the driver,
/// or a log, says is hostile: an impossible word is a `VirtqueueError`, after which the ring is to be left alone until it is set
/// up anew. No call allocates, waits or makes a system call, but the first one after a memory region has gone. For one thread.
public struct Virtqueue: ~Copyable {
  let memory: GuestMemory
  let regions: UnsafeMutablePointer<GuestMemory.Table>
  let addresses: RingAddresses
  /// Descriptors in the ring.
  public let size: UInt16
  /// A packed ring, else a split one.
  public let isPacked: Bool
  let hasIndirect: Bool
  let hasEventIndex: Bool

  // The ring's parts in this process, valid while `generation` is the memory's.
  var descriptors: UnsafeMutableRawPointer
  var driver: UnsafeMutableRawPointer
  var device: UnsafeMutableRawPointer
  var generation: UInt64

  /// Split: the available index that is popped next, free running. Packed: its place in the ring.
  var next: UInt16
  /// Packed: the wrap counter at `next`.
  var nextWrap: Bool
  /// Split: the used index, free running. Packed: the place of the next used descriptor.
  var used: UInt16
  /// Packed: the wrap counter at `used`.
  var usedWrap: Bool
  /// Split: the driver's available index when it was last read.
  var available: UInt16
  /// Packed: descriptors between `used` and `next`.
  var taken: UInt16
  /// Split: chains, packed: descriptors pushed since `shouldSignal` last looked.
  var unsignalled: UInt32
  /// The driver may wait for a signal that an earlier incarnation owed it.
  var owesSignal: Bool

  var slots: SlotTable
  var splitLog: SplitLog?
  var packedLog: PackedLog?
  // Keeps the log mapped.
  private let area: InflightArea?

  /// What an earlier incarnation had in flight, in its order; those from `resubmitted` on wait to be popped.
  let resubmissions: [UInt16]
  var resubmitted: Int
  /// The most recently popped chain, until something else happens.
  var lastPopped: ChainToken?
  /// It was a resubmission.
  var lastWasResubmission: Bool
  private var pins: Pins

  /// Sets a ring up.
  ///
  /// `base` is SET_VRING_BASE's number: split, the available index; packed, two places with their wrap counters (available in
  /// the low half). It is ignored if `log` has a region for queue `index` that an earlier incarnation used: then the log says
  /// where the ring is, and what was in flight is popped again first. `features` are those that were negotiated.
  public init(
    index: Int = 0, size: UInt16, addresses: RingAddresses, features: UInt64, base: UInt32, memory: GuestMemory,
    log: InflightArea? = nil
  ) throws(VirtqueueError) {
    let isPacked = features & RingFeature.packed != 0
    guard size > 0, size <= 1 << 15, isPacked || size & (size - 1) == 0 else { throw .badSize(size) }
    let parts = try RingParts(addresses, size: size, isPacked: isPacked, memory)
    let start = try RingStart(index, parts, size: size, isPacked: isPacked, base: base, log)
    self.memory = memory
    regions = memory.table
    self.addresses = addresses
    self.size = size
    self.isPacked = isPacked
    hasIndirect = features & RingFeature.indirect != 0
    hasEventIndex = features & RingFeature.eventIndex != 0
    (descriptors, driver, device) = (parts.descriptors, parts.driver, parts.device)
    generation = memory.table.pointee.generation
    (next, nextWrap) = (start.next.index, start.next.wrap)
    (used, usedWrap) = (start.used.index, start.used.wrap)
    (available, taken) = (start.next.index, start.taken)
    (resubmissions, owesSignal) = (start.resubmissions, start.isTakenOver)
    (splitLog, packedLog, area) = (start.splitLog, start.packedLog, log)
    pins = Pins(memory)
    (unsignalled, resubmitted, lastPopped, lastWasResubmission) = (0, 0, nil, false)
    slots = start.slots
  }
}

extension Virtqueue {
  /// Takes the next chain; false if there is none. Fills `chain`, and gives it the token for `push`.
  public mutating func pop(into chain: inout DescriptorChain) throws(VirtqueueError) -> Bool {
    try settle()
    chain.clear()
    let token: ChainToken
    lastWasResubmission = hasResubmissions
    if lastWasResubmission {
      token = try popResubmission(into: &chain)
    } else {
      guard let popped = isPacked ? try popPacked(into: &chain) : try popSplit(into: &chain) else { return false }
      token = popped
    }
    chain.token = token
    chain.usedPlace = isPacked && usedWrap ? used | 1 << 15 : used
    lastPopped = token
    pins.add(1)
    return true
  }

  /// Gives a chain back, with the number of bytes that were written to its writable part from its start on.
  ///
  /// A token that is not outstanding, or a ring whose memory has gone, is ignored.
  public mutating func push(_ token: ChainToken, written: UInt32) {
    let completion = Completion(token: token, written: written)
    withUnsafePointer(to: completion) { push(UnsafeBufferPointer(start: $0, count: 1)) }
  }

  /// Gives several chains back, of which the driver sees all or none (virtio 1.3, 5.1.6.4 asks for it, "mergeable receive
  /// buffers"), also if the process dies meanwhile. Used places are in the order given.
  public mutating func push(_ batch: UnsafeBufferPointer<Completion>) {
    guard (try? settle()) != nil else { return }
    let count = isPacked ? pushPacked(batch) : pushSplit(batch)
    guard count > 0 else { return }
    lastPopped = nil
    pins.add(-Int(count))
  }

  private mutating func pushSplit(_ batch: UnsafeBufferPointer<Completion>) -> UInt16 {
    var count: UInt16 = 0
    for completion in batch {
      guard let head = slots.slot(of: completion.token) else { continue }
      placeSplit(head, completion.written, ahead: count)
      count += 1
    }
    guard count > 0 else { return 0 }
    publishSplit(count)
    guard splitLog != nil else { return count }
    for completion in batch where slots.isIdle(completion.token.slot) { splitLog?.published(completion.token.slot) }
    splitLog?.finishPublishing(used: used)
    return count
  }

  private mutating func pushPacked(_ batch: UnsafeBufferPointer<Completion>) -> UInt16 {
    var count: UInt16 = 0
    var first: (place: UInt16, word: UInt64)?
    for completion in batch {
      guard let slot = slots.slot(of: completion.token) else { continue }
      let descriptor = placePacked(slot, completion.written)
      if count == 0 { first = descriptor } else { publishPacked(descriptor) }
      count += 1
    }
    guard let first else { return 0 }
    publishPacked(first)
    guard packedLog != nil else { return count }
    for completion in batch where slots.isIdle(completion.token.slot) { packedLog?.published(completion.token.slot) }
    packedLog?.finishPublishing()
    return count
  }

  /// Undoes the last `pop`, if nothing was popped or pushed since: the chain is popped again next. False if it is too late.
  public mutating func unpop(_ token: ChainToken) -> Bool {
    guard lastPopped == token, let slot = slots.slot(of: token) else { return false }
    lastPopped = nil
    pins.add(-1)
    if lastWasResubmission {
      resubmitted -= 1
    } else if isPacked {
      unpopPacked(slot)
    } else {
      unpopSplit(slot)
    }
    return true
  }

  /// Chains that have been popped and not pushed.
  public var outstanding: Int { pins.count }

  /// Whether `pop` has something to say: a chain, or an error.
  public var hasAvailable: Bool {
    guard generation == regions.pointee.generation, resubmitted == resubmissions.count else { return true }
    return isPacked ? hasAvailablePacked : hasAvailableSplit
  }

  /// What GET_VRING_BASE answers, in the form that `init` takes. Right for a successor without the log only if nothing is
  /// outstanding and `hasResubmissions` is false.
  public var base: UInt32 {
    guard isPacked else { return UInt32(next) }
    return UInt32(next) | (nextWrap ? 1 << 15 : 0) | UInt32(used) << 16 | (usedWrap ? 1 << 31 : 0)
  }

  /// Chains of an earlier incarnation wait to be popped again.
  public var hasResubmissions: Bool { resubmitted < resubmissions.count }

  /// Whether the driver wants to hear of what was pushed since the last call. Call it once after each batch, and signal the
  /// call eventfd if it says so. True once after a log was taken over, whose owner may have died before it signalled.
  public mutating func shouldSignal() -> Bool {
    guard unsignalled > 0 || owesSignal, (try? settle()) != nil else { return false }
    // Pairs with the driver's fence between its wish for a signal and its last look at the used ring.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let wanted = isPacked ? wantsSignalPacked() : wantsSignalSplit()
    let result = owesSignal || wanted
    (unsignalled, owesSignal) = (0, false)
    return result
  }

  /// Asks for a kick with the next chain. True: there is one already, do not sleep.
  public mutating func enableKicks() -> Bool {
    guard (try? settle()) != nil else { return true }
    if isPacked { announcePacked() } else { announceSplit() }
    // Pairs with the driver's fence between its available index and its look at our wish.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return hasAvailable
  }

  /// Says that kicks are not needed. With the event index a split ring needs no word: the driver kicks once at most.
  public mutating func disableKicks() {
    guard (try? settle()) != nil else { return }
    if isPacked {
      device.word(0).pointee.store(PackedEvent.disabled, ordering: .relaxed)
    } else if !hasEventIndex {
      device.half(SplitRing.flags).pointee.store(SplitRing.suppress, ordering: .relaxed)
    }
  }
}

extension Virtqueue {
  /// Finds the ring's parts again if a memory region has gone since.
  @inline(__always)
  mutating func settle() throws(VirtqueueError) {
    if generation != regions.pointee.generation { try findParts() }
  }

  private mutating func findParts() throws(VirtqueueError) {
    let parts = try RingParts(addresses, size: size, isPacked: isPacked, memory)
    (descriptors, driver, device) = (parts.descriptors, parts.driver, parts.device)
    generation = regions.pointee.generation
  }

  private mutating func popResubmission(into chain: inout DescriptorChain) throws(VirtqueueError) -> ChainToken {
    let slot = resubmissions[resubmitted]
    if isPacked { try walkNoted(slot, into: &chain) } else { try walkSplit(slot, into: &chain) }
    resubmitted += 1
    return ChainToken(slot: slot, serial: slots.slots[Int(slot)].serial)
  }
}

/// A ring's parts as pointers: sizes and alignments of virtio 1.3, 2.7 and 2.8.10.1.
struct RingParts {
  let descriptors: UnsafeMutableRawPointer
  let driver: UnsafeMutableRawPointer
  let device: UnsafeMutableRawPointer

  init(_ addresses: RingAddresses, size: UInt16, isPacked: Bool, _ memory: GuestMemory) throws(VirtqueueError) {
    let count = Int(size)
    // With room for used_event and avail_event, which a ring has whether they are negotiated or not.
    let (driverBytes, deviceBytes) = isPacked ? (4, 4) : (6 + 2 * count, 6 + 8 * count)
    guard
      let descriptors = memory.segment(userAddress: addresses.descriptors, count: count * Descriptor.size)?.base,
      let driver = memory.segment(userAddress: addresses.driver, count: driverBytes)?.base,
      let device = memory.segment(userAddress: addresses.device, count: deviceBytes)?.base,
      descriptors.isAligned(16), driver.isAligned(isPacked ? 4 : 2), device.isAligned(4)
    else { throw .badAddress }
    (self.descriptors, self.driver, self.device) = (descriptors, driver, device)
  }
}
