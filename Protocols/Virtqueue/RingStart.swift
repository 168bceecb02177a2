import Synchronization

/// A place in a packed ring with the wrap counter that holds there (virtio 1.3, 2.8.1). A split ring has the index alone.
struct RingPosition: Equatable {
  var index: UInt16
  var wrap: Bool

  /// The place `count` ≤ `size` descriptors on.
  func after(_ count: UInt16, size: UInt16) -> RingPosition {
    let sum = index + count
    return sum < size ? RingPosition(index: sum, wrap: wrap) : RingPosition(index: sum - size, wrap: !wrap)
  }
}

/// Where a ring begins: at the base that the front-end names, or where the log of an earlier incarnation ends.
struct RingStart {
  /// The next chain, and the next used place.
  var next: RingPosition
  var used: RingPosition
  /// Packed: descriptors in flight.
  var taken: UInt16 = 0
  var slots: SlotTable
  var splitLog: SplitLog?
  var packedLog: PackedLog?
  /// There was an earlier incarnation.
  var isTakenOver = false
  /// What it had in flight, in its order.
  var resubmissions: [UInt16] = []

  /// `base` as in `Virtqueue.init`; `queue` names the region of `log`.
  init(
    _ queue: Int, _ parts: RingParts, size: UInt16, isPacked: Bool, base: UInt32, _ log: InflightArea?
  ) throws(VirtqueueError) {
    let region = log?.region(queue, packed: isPacked)
    if let log {
      guard region != nil, log.queueSize >= size else { throw .badLog }
    }
    // The log of a packed ring may have more entries than the ring, all in one list.
    slots = SlotTable(count: isPacked ? Int(log?.queueSize ?? size) : Int(size))
    if isPacked {
      next = RingPosition(index: UInt16(base & 0x7fff), wrap: base >> 15 & 1 != 0)
      used = RingPosition(index: UInt16(base >> 16 & 0x7fff), wrap: base >> 31 != 0)
      guard next.index < size, used.index < size else { throw .indexOutOfRange(max(next.index, used.index)) }
      if let region { try take(PackedLog(base: region), parts, size) }
    } else {
      // Not the base: what the driver has seen decides, as in a ring that another back-end has served.
      let seen = parts.device.half(SplitRing.index).pointee.load(ordering: .acquiring)
      (next, used) = (
        RingPosition(index: UInt16(truncatingIfNeeded: base), wrap: true), RingPosition(index: seen, wrap: true)
      )
      if let region, let log { try take(SplitLog(base: region), entries: log.queueSize) }
    }
    sortResubmissions()
  }

  private mutating func take(_ fresh: SplitLog, entries: UInt16) throws(VirtqueueError) {
    var log = fresh
    if log.isFresh {
      log.format(entries: entries, used: used.index)
    } else {
      try log.takeOver(entries: entries, used: used.index, slots: &slots)
      // What was popped and is not in flight has been pushed.
      next.index = used.index &+ UInt16(slots.inFlight)
      isTakenOver = true
    }
    splitLog = log
  }

  private mutating func take(_ fresh: PackedLog, _ parts: RingParts, _ size: UInt16) throws(VirtqueueError) {
    var log = fresh
    let entries = UInt16(slots.count)
    if log.isFresh {
      log.format(entries: entries, used: used)
    } else {
      used = try log.takeOver(entries: entries, ring: parts.descriptors, ringSize: size, slots: &slots)
      for slot in 0..<slots.count where slots.slots[slot].inFlight { taken += slots.slots[slot].count }
      next = used.after(taken, size: size)
      isTakenOver = true
    }
    packedLog = log
  }

  /// In the order in which they were first popped; new chains are numbered after them.
  private mutating func sortResubmissions() {
    guard slots.inFlight > 0 else { return }
    resubmissions.reserveCapacity(slots.inFlight)
    for slot in 0..<slots.count where slots.slots[slot].inFlight { resubmissions.append(UInt16(slot)) }
    let table = slots.slots
    resubmissions.sort {
      let (a, b) = (table[Int($0)].serial, table[Int($1)].serial)
      return a != b ? a < b : $0 < $1
    }
    if let last = resubmissions.last { slots.serial = table[Int(last)].serial &+ 1 }
  }
}
