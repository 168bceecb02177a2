import Synchronization

/// Event suppression structures (virtio 1.3, 2.8.14): u16 place and wrap counter, u16 flags; one load or store.
enum PackedEvent {
  /// RING_EVENT_FLAGS_ENABLE, DISABLE and DESC in the flags' place.
  static let enabled: UInt32 = 0
  static let disabled: UInt32 = 1 << 16
  static let place: UInt32 = 2 << 16
  static let flags: UInt32 = 3 << 16
}

extension Virtqueue {
  /// Moves `next` over descriptors that are taken.
  private mutating func skip(_ count: UInt16) {
    let behind = RingPosition(index: next, wrap: nextWrap).after(count, size: size)
    (next, nextWrap) = (behind.index, behind.wrap)
    taken += count
  }

  var hasAvailablePacked: Bool {
    Descriptor(packed: descriptors + Int(next) * Descriptor.size).isAvailable(wrap: nextWrap)
  }

  /// The next chain of the descriptor ring. Nothing of the ring changes if it throws.
  mutating func popPacked(into chain: inout DescriptorChain) throws(VirtqueueError) -> ChainToken? {
    var descriptor = Descriptor(packed: descriptors + Int(next) * Descriptor.size)
    guard descriptor.isAvailable(wrap: nextWrap) else { return nil }
    let slot = slots.free
    var (at, last, free, count) = (next, slot, slot, UInt16(0))
    while true {
      // Places that are taken hold descriptors of other chains, whatever their flags say.
      guard count < size - taken, Int(free) < slots.count else { throw .loop }
      try append(descriptor, isOnly: count == 0, into: &chain)
      packedLog?.note(free, descriptor)
      (last, free, count) = (free, slots.slots[Int(free)].next, count + 1)
      guard descriptor.hasNext else { break }
      at = at + 1 < size ? at + 1 : 0
      descriptor = Descriptor(packed: descriptors + Int(at) * Descriptor.size)
    }
    let token = slots.take(slot)
    slots.slots[Int(slot)].last = last
    slots.slots[Int(slot)].count = count
    slots.slots[Int(slot)].id = descriptor.link
    slots.free = free
    packedLog?.popped(slot, slots.slots[Int(slot)], counter: slots.slots[Int(slot)].serial, free: free)
    skip(count)
    return token
  }

  /// Takes one descriptor of the ring in. In a packed ring an indirect one stands alone (virtio 1.3, 2.8.19).
  private func append(
    _ descriptor: Descriptor, isOnly: Bool, into chain: inout DescriptorChain
  ) throws(VirtqueueError) {
    guard descriptor.isIndirect else { return try chain.append(descriptor, regions) }
    guard hasIndirect else { throw .indirectNotNegotiated }
    guard isOnly, !descriptor.hasNext else { throw .chainedIndirect }
    try IndirectTable(descriptor, regions).walkAll(into: &chain, regions)
  }

  /// A chain as the log has it; its place in the ring may hold something else by now.
  func walkNoted(_ slot: UInt16, into chain: inout DescriptorChain) throws(VirtqueueError) {
    guard let copies = slots.copies else { throw .badLog }
    var index = Int(slot)
    let count = slots.slots[Int(slot)].count
    for left in stride(from: count, to: 0, by: -1) {
      try append(copies[index], isOnly: count == 1, into: &chain)
      if left > 1 { index = Int(slots.slots[index].next) }
    }
  }

  /// Gives a chain back, whose used descriptor goes to the next used place; returns the descriptor's second half, and the
  /// place, for `publishPacked`: the driver must see the first one of a batch last.
  mutating func placePacked(_ slot: UInt16, _ written: UInt32) -> (place: UInt16, word: UInt64) {
    let chain = slots.slots[Int(slot)]
    let place = used
    let behind = RingPosition(index: used, wrap: usedWrap).after(chain.count, size: size)
    packedLog?.publishing(slot, chain, next: behind)
    var flags = usedWrap ? Descriptor.Flag.available | Descriptor.Flag.used : 0
    if written > 0 { flags |= Descriptor.Flag.write }
    slots.slots[Int(chain.last)].next = slots.free
    slots.free = slot
    slots.give(slot)
    (used, usedWrap) = (behind.index, behind.wrap)
    taken -= chain.count
    unsignalled += UInt32(chain.count)
    return (place, UInt64(written) | UInt64(chain.id) << 32 | UInt64(flags) << 48)
  }

  /// Length, id and flags in one store: the driver sees all of a used descriptor, or nothing (virtio 1.3, 2.8.13).
  func publishPacked(_ used: (place: UInt16, word: UInt64)) {
    (descriptors + Int(used.place) * Descriptor.size).long(8).pointee.store(used.word, ordering: .releasing)
  }

  mutating func unpopPacked(_ slot: UInt16) {
    let chain = slots.slots[Int(slot)]
    packedLog?.unpopped(slot, chain)
    slots.slots[Int(chain.last)].next = slots.free
    slots.free = slot
    slots.give(slot)
    (next, nextWrap) = next >= chain.count ? (next - chain.count, nextWrap) : (next + (size - chain.count), !nextWrap)
    taken -= chain.count
  }

  /// virtio 1.3, 2.8.14: with the event index, if the driver's place lies among the pushed.
  func wantsSignalPacked() -> Bool {
    let event = driver.word(0).pointee.load(ordering: .relaxed)
    switch event & PackedEvent.flags {
    case PackedEvent.disabled: return false
    case PackedEvent.place where hasEventIndex: return hasPassed(event)
    default: return true
    }
  }

  /// Whether the place in the low half of `event` is among the last `unsignalled` descriptors before `used`.
  private func hasPassed(_ event: UInt32) -> Bool {
    let (index, wrap) = (event & 0x7fff, event >> 15 & 1 != 0)
    // How far the place lies behind `used`; one that is not behind it has not been reached.
    let behind = Int64(used) - Int64(index) + (wrap == usedWrap ? 0 : Int64(size))
    return behind > 0 && behind <= Int64(unsignalled)
  }

  func announcePacked() {
    let place = UInt32(next) | (nextWrap ? 1 << 15 : 0) | PackedEvent.place
    device.word(0).pointee.store(hasEventIndex ? place : PackedEvent.enabled, ordering: .relaxed)
  }
}
