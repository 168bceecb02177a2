import CSystem
import Hypervisor
import Synchronization
import System

/// Guest physical addresses at which a store signals an eventfd and does not leave the hypervisor, with the rules of
/// KVM_IOEVENTFD (reference A.7).
///
/// vCPUs look stores up without a lock, and every store outside RAM and irqchip is looked up: a slot lies close behind the
/// one that its address hashes to, and `reach` says how many of them are worth a look, mostly none. Bindings change rarely,
/// under a lock, and never move. A slot's sequence is even while it is empty or
/// changing and odd while it is bound, and grows with each change. A vCPU announces itself in `users`, looks whether the
/// sequence is still the one it matched, and only then touches the eventfd, so that `unbind` can wait for it.
final class DoorbellTable: @unchecked Sendable {
  /// One binding.
  private struct Slot: ~Copyable {
    let sequence = Atomic<UInt32>(0)
    let users = Atomic<UInt32>(0)
    let address = Atomic<UInt64>(0)
    let match = Atomic<UInt64>(0)
    /// Bytes a store must have, 0 for any; bit 8: `match` counts.
    let shape = Atomic<UInt32>(0)
    let eventfd = Atomic<Int32>(-1)

    var isBound: Bool { sequence.load(ordering: .relaxed) & 1 != 0 }
    var length: UInt32 { shape.load(ordering: .relaxed) & 0xff }
    var compares: Bool { shape.load(ordering: .relaxed) & 0x100 != 0 }
  }

  static let capacity = 256
  private let slots: UnsafeMutablePointer<Slot>
  /// By hash: slots to look at from there on; beyond them is no binding with this hash.
  private let reach: UnsafeMutablePointer<Atomic<Int>>
  private let lock = Lock()

  init() {
    slots = .allocate(capacity: Self.capacity)
    reach = .allocate(capacity: Self.capacity)
    for index in 0..<Self.capacity {
      (slots + index).initialize(to: Slot())
      (reach + index).initialize(to: Atomic<Int>(0))
    }
  }

  deinit {
    slots.deinitialize(count: Self.capacity)
    slots.deallocate()
    reach.deallocate()
  }

  /// 0 ..< capacity. Doorbells are some bytes apart in one window and at the same offset in several: the high bits of a
  /// product with an odd constant (2^64 / golden ratio) spread both.
  private static func hash(_ address: UInt64) -> Int {
    Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 56)
  }

  private static func slot(_ home: Int, _ distance: Int) -> Int { (home + distance) % capacity }

  /// Binds a borrowed eventfd until `unbind`. Throws `badBinding` for an address inside the irqchip, a length that no
  /// store has and a doorbell that another one covers already, `noRoom` when 256 are bound.
  func bind(_ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?) throws(HypervisorError) {
    let lengths: [UInt32] = [0, 1, 2, 4, 8]
    guard eventfd >= 0, lengths.contains(length), IRQChipWindow.find(address) == nil else {
      throw .badBinding(address)
    }
    lock.lock()
    defer { lock.unlock() }
    let home = Self.hash(address)
    for distance in 0..<reach[home].load(ordering: .relaxed) {
      let index = Self.slot(home, distance)
      if slots[index].isBound, covers(index, address, length, match) { throw .badBinding(address) }
    }
    guard let distance = (0..<Self.capacity).first(where: { !slots[Self.slot(home, $0)].isBound }) else {
      throw .noRoom
    }
    fill(Self.slot(home, distance), eventfd, address, length, match)
    reach[home].store(max(reach[home].load(ordering: .relaxed), distance + 1), ordering: .releasing)
  }

  /// Whether some store would match both slot `index` and a new binding.
  private func covers(_ index: Int, _ address: UInt64, _ length: UInt32, _ match: UInt64?) -> Bool {
    guard slots[index].address.load(ordering: .relaxed) == address else { return false }
    let bound = slots[index].length
    guard bound == length || bound == 0 || length == 0 else { return false }
    guard let match, slots[index].compares else { return true }
    return slots[index].match.load(ordering: .relaxed) == match
  }

  private func fill(_ index: Int, _ eventfd: Int32, _ address: UInt64, _ length: UInt32, _ match: UInt64?) {
    slots[index].address.store(address, ordering: .relaxed)
    slots[index].match.store(match ?? 0, ordering: .relaxed)
    slots[index].shape.store(length | (match == nil ? 0 : 0x100), ordering: .relaxed)
    slots[index].eventfd.store(eventfd, ordering: .relaxed)
    slots[index].sequence.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// Ends the bindings of `eventfd` at `address`; after the return no vCPU touches the descriptor.
  func unbind(_ eventfd: Int32, address: UInt64) {
    lock.lock()
    defer { lock.unlock() }
    let home = Self.hash(address)
    var last = 0
    for distance in 0..<reach[home].load(ordering: .relaxed) {
      let index = Self.slot(home, distance)
      guard slots[index].isBound else { continue }
      let bound = slots[index].address.load(ordering: .relaxed)
      if bound == address, slots[index].eventfd.load(ordering: .relaxed) == eventfd {
        empty(index)
      } else if Self.hash(bound) == home {
        last = distance + 1
      }
    }
    reach[home].store(last, ordering: .releasing)
  }

  private func empty(_ index: Int) {
    slots[index].sequence.wrappingAdd(1, ordering: .sequentiallyConsistent)
    // A vCPU between its announcement and its signal: some hundred nanoseconds. Unless a holder of the eventfd made it
    // blocking and filled it, and the vCPU waits in the kernel for room: then it gets some.
    var rounds = 0
    while slots[index].users.load(ordering: .sequentiallyConsistent) != 0 {
      spinHint()
      rounds += 1
      if rounds % Self.patience == 0 { atoll_eventfd_relieve(slots[index].eventfd.load(ordering: .relaxed)) }
    }
  }

  /// Rounds of a spin loop, some 100 µs, that no vCPU takes between two instructions of ours unless it was scheduled away.
  private static let patience = 4096

  /// A guest's store: true if it rang a doorbell and is done with. `size` 1, 2, 4 or 8; any thread; takes no lock.
  func ring(_ address: UInt64, size: Int, value: UInt64) -> Bool {
    let home = Self.hash(address)
    for distance in 0..<reach[home].load(ordering: .acquiring) {
      let index = Self.slot(home, distance)
      let sequence = slots[index].sequence.load(ordering: .acquiring)
      guard sequence & 1 != 0, slots[index].address.load(ordering: .relaxed) == address,
        matches(index, size, value)
      else { continue }
      if signal(index, ifStill: sequence) { return true }
    }
    return false
  }

  private func matches(_ index: Int, _ size: Int, _ value: UInt64) -> Bool {
    let length = slots[index].length
    guard length == 0 || Int(length) == size else { return false }
    guard slots[index].compares else { return true }
    let mask = size >= 8 ? UInt64.max : (1 << UInt64(max(size, 0) * 8)) - 1
    return (value ^ slots[index].match.load(ordering: .relaxed)) & mask == 0
  }

  private func signal(_ index: Int, ifStill sequence: UInt32) -> Bool {
    slots[index].users.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { slots[index].users.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
    guard slots[index].sequence.load(ordering: .sequentiallyConsistent) == sequence else { return false }
    _ = atoll_eventfd_signal(slots[index].eventfd.load(ordering: .relaxed))
    return true
  }
}
