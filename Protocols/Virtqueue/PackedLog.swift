import Synchronization

/// The in-flight log of a packed ring, byte for byte as vhost-user has it ("Inflight I/O tracking", QueueRegionPacked).
///
/// It holds copies of the descriptors, because a used descriptor overwrites one in the ring. Each store is one release store, so
/// that what a killed process leaves is a prefix of them. Nothing is read but by `takeOver`.
struct PackedLog {
  // QueueRegionPacked: header, u16 free_head, old_free_head, used_idx, old_used_idx, u8 used_wrap_counter,
  // old_used_wrap_counter, 7 bytes of padding and one more of alignment, DescStatePacked desc[].
  private static let freeHead = 12
  private static let oldFreeHead = 14
  private static let usedIndex = 16
  private static let entries = 32
  // DescStatePacked: u8 inflight, padding, u16 next, last, num, u64 counter, u16 id, flags, u32 len, u64 addr.
  private static let entrySize = 32
  private static let inflight = 0
  private static let next = 2
  private static let last = 4
  private static let number = 6
  private static let counter = 8
  private static let rest = 16
  private static let address = 24

  static func size(entries count: Int) -> Int { entries + count * entrySize }

  let base: UnsafeMutableRawPointer
  /// What was stored last in free_head and old_free_head, which agree unless chains are being pushed.
  private var free: UInt16 = 0
  private var oldFree: UInt16 = 0
  /// What was stored last in used_idx and old_used_idx.
  private var used = RingPosition(index: 0, wrap: true)
  private var oldUsed = RingPosition(index: 0, wrap: true)

  init(base: UnsafeMutableRawPointer) { self.base = base }

  private func entry(_ slot: UInt16) -> UnsafeMutableRawPointer {
    base + PackedLog.entries + Int(slot) * PackedLog.entrySize
  }
  private func storeFree() {
    base.word(PackedLog.freeHead).pointee.store(UInt32(free) | UInt32(oldFree) << 16, ordering: .releasing)
  }
  /// Four fields in one store: no death comes between an index and its wrap counter.
  private func storeUsed() {
    let indices = UInt64(used.index) | UInt64(oldUsed.index) << 16
    let wraps: UInt64 = (used.wrap ? 1 : 0) << 32 | (oldUsed.wrap ? 1 : 0) << 40
    base.long(PackedLog.usedIndex).pointee.store(indices | wraps, ordering: .releasing)
  }
  private mutating func settle(free: UInt16) {
    (self.free, oldFree) = (free, free)
    storeFree()
  }
  private mutating func settle(used: RingPosition) {
    (self.used, oldUsed) = (used, used)
    storeUsed()
  }

  /// A log that nobody has used.
  var isFresh: Bool { base.half(LogHeader.version).pointee.load(ordering: .acquiring) == 0 }

  /// Writes a new log, all entries in the free list in order; the version comes last.
  mutating func format(entries count: UInt16, used: RingPosition) {
    for slot in 0..<count {
      entry(slot).long(0).pointee.store(UInt64(slot + 1) << 16, ordering: .relaxed)
    }
    base.long(LogHeader.features).pointee.store(0, ordering: .relaxed)
    base.half(LogHeader.count).pointee.store(count, ordering: .relaxed)
    settle(free: 0)
    settle(used: used)
    base.half(LogHeader.version).pointee.store(LogHeader.currentVersion, ordering: .releasing)
  }

  /// Copies a descriptor into a free entry: no more than a note until `popped`.
  func note(_ slot: UInt16, _ descriptor: Descriptor) {
    let rest = UInt64(descriptor.link) | UInt64(descriptor.flags) << 16 | UInt64(descriptor.length) << 32
    entry(slot).long(PackedLog.rest).pointee.store(rest, ordering: .relaxed)
    entry(slot).long(PackedLog.address).pointee.store(descriptor.address, ordering: .relaxed)
  }

  /// A chain of noted descriptors has been popped: its entries leave the free list, whose head is `free` now.
  mutating func popped(_ slot: UInt16, _ chain: SlotTable.Slot, counter: UInt64, free: UInt16) {
    let head = entry(slot)
    head.half(PackedLog.number).pointee.store(chain.count, ordering: .relaxed)
    head.half(PackedLog.last).pointee.store(chain.last, ordering: .relaxed)
    head.long(PackedLog.counter).pointee.store(counter, ordering: .relaxed)
    head.byte(PackedLog.inflight).pointee.store(1, ordering: .releasing)
    settle(free: free)
  }

  /// The chain's used descriptor is about to be written; `position` is the place behind it. Several chains are published at
  /// once if this is done for each before any is published.
  mutating func publishing(_ slot: UInt16, _ chain: SlotTable.Slot, next position: RingPosition) {
    entry(chain.last).half(PackedLog.next).pointee.store(free, ordering: .releasing)
    (free, used) = (slot, position)
    storeFree()
    storeUsed()
  }

  /// A chain has been published.
  func published(_ slot: UInt16) { entry(slot).byte(PackedLog.inflight).pointee.store(0, ordering: .releasing) }

  /// All of them have.
  mutating func finishPublishing() {
    settle(free: free)
    settle(used: used)
  }

  /// The chain will be popped again.
  mutating func unpopped(_ slot: UInt16, _ chain: SlotTable.Slot) {
    entry(chain.last).half(PackedLog.next).pointee.store(free, ordering: .releasing)
    settle(free: slot)
    entry(slot).byte(PackedLog.inflight).pointee.store(0, ordering: .releasing)
  }
}

extension PackedLog {
  /// Finishes or takes back what the earlier incarnation was about, and marks in `slots` what it had in flight, with the
  /// counters as serial numbers and copies of its descriptors. Returns where used descriptors go.
  mutating func takeOver(
    entries count: UInt16, ring: UnsafeMutableRawPointer, ringSize: UInt16, slots: inout SlotTable
  ) throws(VirtqueueError) -> RingPosition {
    guard base.half(LogHeader.version).pointee.load(ordering: .acquiring) == LogHeader.currentVersion,
      base.half(LogHeader.count).pointee.load(ordering: .relaxed) == count, slots.count == Int(count)
    else { throw .badLog }
    try settlePositions(ring, ringSize)
    readLinks(slots: &slots)
    let isFree = UnsafeMutablePointer<Bool>.allocate(capacity: Int(count))
    defer { isFree.deallocate() }
    isFree.initialize(repeating: false, count: Int(count))
    let freeEntries = clearFree(slots: &slots, isFree)
    let taken = try readChains(slots: &slots, isFree)
    guard freeEntries + taken == Int(count), taken <= Int(ringSize) else { throw .badLog }
    return used
  }

  /// Decides whether the last push had reached the driver, and makes both halves of each pair of fields agree.
  private mutating func settlePositions(_ ring: UnsafeMutableRawPointer, _ ringSize: UInt16) throws(VirtqueueError) {
    let heads = base.word(PackedLog.freeHead).pointee.load(ordering: .relaxed)
    let indices = base.long(PackedLog.usedIndex).pointee.load(ordering: .relaxed)
    let new = RingPosition(index: UInt16(truncatingIfNeeded: indices), wrap: indices >> 32 & 0xff != 0)
    let old = RingPosition(index: UInt16(truncatingIfNeeded: indices >> 16), wrap: indices >> 40 & 0xff != 0)
    guard new.index < ringSize, old.index < ringSize else { throw .badLog }
    // The place of the last used descriptor still says "available": it was not published.
    let at = ring + Int(old.index) * Descriptor.size
    let isPublished = new != old && !Descriptor(packed: at).isAvailable(wrap: old.wrap)
    if !isPublished { PackedLog.scrub(ring, ringSize, from: old, to: new) }
    settle(free: UInt16(truncatingIfNeeded: isPublished ? heads : heads >> 16))
    // The used position last: until it is stored, the next incarnation comes to the same verdict.
    settle(used: isPublished ? new : old)
  }

  /// Takes used descriptors back that were written behind the one that was to publish them: the driver would believe them as
  /// soon as it came there. What is in their places is nobody's any more; only the flags count.
  private static func scrub(
    _ ring: UnsafeMutableRawPointer, _ size: UInt16, from old: RingPosition, to new: RingPosition
  ) {
    guard new != old else { return }
    var place = old.after(1, size: size)
    // Once round at most, whatever the log says.
    for _ in 1..<size where place != new {
      let flags: UInt16 = place.wrap ? Descriptor.Flag.available : Descriptor.Flag.used
      (ring + Int(place.index) * Descriptor.size).half(14).pointee.store(flags, ordering: .releasing)
      place = place.after(1, size: size)
    }
  }

  private func readLinks(slots: inout SlotTable) {
    for index in 0..<slots.count {
      slots.slots[index].next = entry(UInt16(index)).half(PackedLog.next).pointee.load(ordering: .relaxed)
    }
  }

  /// Marks the entries of the free list; none of them is in flight. Ends at a link that leads nowhere, or back.
  private func clearFree(slots: inout SlotTable, _ isFree: UnsafeMutablePointer<Bool>) -> Int {
    var (count, index) = (0, free)
    var last: UInt16?
    while Int(index) < slots.count, !isFree[Int(index)] {
      isFree[Int(index)] = true
      entry(index).byte(PackedLog.inflight).pointee.store(0, ordering: .releasing)
      (last, index) = (index, slots.slots[Int(index)].next)
      count += 1
    }
    // In private memory the list ends with `slots.count`, whatever ended it in the log.
    let end = UInt16(slots.count)
    if let last { slots.slots[Int(last)].next = end }
    slots.free = count == 0 ? end : free
    return count
  }

  /// Reads the chains in flight; returns the number of their entries. Each entry belongs to one chain.
  private func readChains(
    slots: inout SlotTable, _ isTaken: UnsafeMutablePointer<Bool>
  ) throws(VirtqueueError) -> Int {
    let copies = slots.makeCopies()
    var taken = 0
    for head in 0..<UInt16(slots.count) where entry(head).byte(PackedLog.inflight).pointee.load(ordering: .relaxed) != 0
    {
      let count = entry(head).half(PackedLog.number).pointee.load(ordering: .relaxed)
      var index = head
      for left in stride(from: count, to: 0, by: -1) {
        guard Int(index) < slots.count, !isTaken[Int(index)] else { throw .badLog }
        isTaken[Int(index)] = true
        copies[Int(index)] = noted(index)
        if left > 1 { index = slots.slots[Int(index)].next }
      }
      guard count > 0, entry(head).half(PackedLog.last).pointee.load(ordering: .relaxed) == index else { throw .badLog }
      slots.slots[Int(head)].inFlight = true
      slots.slots[Int(head)].serial = entry(head).long(PackedLog.counter).pointee.load(ordering: .relaxed)
      slots.slots[Int(head)].count = count
      slots.slots[Int(head)].last = index
      slots.slots[Int(head)].id = copies[Int(index)].link
      slots.inFlight += 1
      taken += Int(count)
    }
    return taken
  }

  private func noted(_ slot: UInt16) -> Descriptor {
    let rest = entry(slot).long(PackedLog.rest).pointee.load(ordering: .relaxed)
    return Descriptor(
      address: entry(slot).long(PackedLog.address).pointee.load(ordering: .relaxed),
      length: UInt32(truncatingIfNeeded: rest >> 32), flags: UInt16(truncatingIfNeeded: rest >> 16),
      link: UInt16(truncatingIfNeeded: rest))
  }
}

extension Descriptor {
  /// Whether a descriptor of a packed ring is available at a place with this wrap counter (virtio 1.3, 2.8.1).
  func isAvailable(wrap: Bool) -> Bool {
    (flags & Flag.available != 0) == wrap && (flags & Flag.used != 0) != wrap
  }
}
