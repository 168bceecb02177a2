/// What this process knows of each chain that it has popped: private memory, because the log is the front-end's to write.
///
/// Split: slot = head descriptor. Packed: slot = the log entry of the chain's first descriptor; free slots are a list.
struct SlotTable {
  struct Slot {
    /// The chain's number in the order of popping.
    var serial: UInt64 = 0
    /// Packed: the following entry, of the free list or of the chain.
    var next: UInt16 = 0
    /// Packed: the chain's last entry.
    var last: UInt16 = 0
    /// Packed: descriptors of the chain.
    var count: UInt16 = 0
    /// Packed: the driver's name for the chain.
    var id: UInt16 = 0
    /// Popped, or to be resubmitted, and not pushed.
    var inFlight = false
  }

  /// Frees the memory with the last copy of this value; there is never more than one in use.
  private let owner: Owner
  let slots: UnsafeMutablePointer<Slot>
  let count: Int
  /// Slots in flight.
  var inFlight = 0
  /// The number that the next chain gets.
  var serial: UInt64 = 0
  /// Packed: first entry of the free list; `count` = none.
  var free: UInt16 = 0
  /// Packed: the descriptors, by entry, that were in flight in a log that was taken over.
  var copies: UnsafeMutablePointer<Descriptor>? { owner.copies }

  private final class Owner {
    let slots: UnsafeMutablePointer<Slot>
    var copies: UnsafeMutablePointer<Descriptor>?

    init(count: Int) {
      slots = .allocate(capacity: count)
      slots.initialize(repeating: Slot(), count: count)
    }

    deinit {
      slots.deallocate()
      copies?.deallocate()
    }
  }

  /// `count` slots, none in flight, the free list in order.
  init(count: Int) {
    self.count = count
    owner = Owner(count: count)
    slots = owner.slots
    for index in 0..<count { slots[index].next = UInt16(index + 1) }
  }

  /// Room for what a log has noted.
  func makeCopies() -> UnsafeMutablePointer<Descriptor> {
    let room = UnsafeMutablePointer<Descriptor>.allocate(capacity: count)
    room.initialize(repeating: Descriptor(address: 0, length: 0, flags: 0, link: 0), count: count)
    owner.copies?.deallocate()
    owner.copies = room
    return room
  }

  mutating func take(_ slot: UInt16) -> ChainToken {
    slots[Int(slot)].serial = serial
    slots[Int(slot)].inFlight = true
    inFlight += 1
    serial &+= 1
    return ChainToken(slot: slot, serial: slots[Int(slot)].serial)
  }

  mutating func give(_ slot: UInt16) {
    slots[Int(slot)].inFlight = false
    inFlight -= 1
  }

  /// Whether no chain is in flight in a slot.
  func isIdle(_ slot: UInt16) -> Bool { Int(slot) < count && !slots[Int(slot)].inFlight }

  /// The slot that a token names, if it is in flight.
  func slot(of token: ChainToken) -> UInt16? {
    let slot = token.slot
    guard Int(slot) < count, slots[Int(slot)].inFlight, token.matches(slots[Int(slot)].serial) else { return nil }
    return slot
  }
}

// Public, because Embedded Swift ends values of other modules only if it can see every deinit in them.
/// Chains that keep guest memory mapped, given back with the ring.
public struct Pins: ~Copyable {
  private let memory: GuestMemory
  private(set) var count = 0

  init(_ memory: GuestMemory) { self.memory = memory }

  deinit { memory.table.pointee.outstanding -= count }

  mutating func add(_ change: Int) {
    count += change
    memory.table.pointee.outstanding += change
  }
}
