import Synchronization

/// Offsets in the available and used rings (virtio 1.3, 2.7.6 and 2.7.8).
enum SplitRing {
  static let flags = 0
  static let index = 2
  static let entries = 4
  static let usedEntrySize = 8
  /// NO_INTERRUPT of the driver, NO_NOTIFY of the device.
  static let suppress: UInt16 = 1
}

extension Virtqueue {
  private var mask: UInt16 { size - 1 }

  var hasAvailableSplit: Bool {
    available != next || driver.half(SplitRing.index).pointee.load(ordering: .acquiring) != next
  }

  /// The next chain of the available ring. Nothing of the ring changes if it throws.
  mutating func popSplit(into chain: inout DescriptorChain) throws(VirtqueueError) -> ChainToken? {
    if available == next {
      available = driver.half(SplitRing.index).pointee.load(ordering: .acquiring)
      guard available != next else { return nil }
    }
    guard available &- next <= size else { throw .availableJump(available &- next) }
    let at = SplitRing.entries + 2 * Int(next & mask)
    let head = driver.half(at).pointee.load(ordering: .relaxed)
    guard head < size else { throw .indexOutOfRange(head) }
    // Twice in flight would make one completion of two.
    guard !slots.slots[Int(head)].inFlight else { throw .headInFlight(head) }
    try walkSplit(head, into: &chain)
    let token = slots.take(head)
    splitLog?.popped(head, counter: slots.slots[Int(head)].serial)
    next &+= 1
    return token
  }

  /// Follows a chain through the descriptor table (virtio 1.3, 2.7.5), at most once through all of it.
  func walkSplit(_ head: UInt16, into chain: inout DescriptorChain) throws(VirtqueueError) {
    var index = head
    for _ in 0..<size {
      let descriptor = Descriptor(split: descriptors + Int(index) * Descriptor.size)
      if descriptor.isIndirect {
        guard hasIndirect else { throw .indirectNotNegotiated }
        guard !descriptor.hasNext else { throw .chainedIndirect }
        return try IndirectTable(descriptor, regions).walkLinked(into: &chain, regions)
      }
      try chain.append(descriptor, regions)
      guard descriptor.hasNext else { return }
      index = descriptor.link
      guard index < size else { throw .indexOutOfRange(index) }
    }
    throw .loop
  }

  /// Writes the used entry of a chain, `ahead` places behind the used index; nobody sees it yet.
  mutating func placeSplit(_ head: UInt16, _ written: UInt32, ahead: UInt16) {
    splitLog?.publishing(head)
    let place = Int((used &+ ahead) & mask)
    let entry = device + SplitRing.entries + SplitRing.usedEntrySize * place
    entry.word(0).pointee.store(UInt32(head), ordering: .relaxed)
    entry.word(4).pointee.store(written, ordering: .relaxed)
    slots.give(head)
  }

  /// Lets the driver see `count` entries.
  mutating func publishSplit(_ count: UInt16) {
    used &+= count
    device.half(SplitRing.index).pointee.store(used, ordering: .releasing)
    unsignalled += UInt32(count)
  }

  mutating func unpopSplit(_ head: UInt16) {
    splitLog?.unpopped(head)
    slots.give(head)
    next &-= 1
  }

  /// virtio 1.3, 2.7.7.2: with the event index, if used_event lies among the pushed.
  func wantsSignalSplit() -> Bool {
    guard hasEventIndex else {
      return driver.half(SplitRing.flags).pointee.load(ordering: .relaxed) & SplitRing.suppress == 0
    }
    let event = driver.half(SplitRing.entries + 2 * Int(size)).pointee.load(ordering: .relaxed)
    return UInt32(used &- event &- 1) < unsignalled
  }

  func announceSplit() {
    if hasEventIndex {
      let at = SplitRing.entries + SplitRing.usedEntrySize * Int(size)
      device.half(at).pointee.store(next, ordering: .relaxed)
    } else {
      device.half(SplitRing.flags).pointee.store(0, ordering: .relaxed)
    }
  }
}
