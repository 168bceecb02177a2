import CSystem
import Hypervisor
import Synchronization
import System

/// Guest physical addresses at which a store signals an eventfd and does not leave the hypervisor, with the rules of
/// KVM_IOEVENTFD (reference A.7).
///
/// vCPUs look stores up without a lock; bindings change rarely, under one. A slot's sequence is even while it is empty or
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
  /// Slots from here on were never bound.
  private let used = Atomic<Int>(0)
  private let lock = Lock()

  init() {
    slots = .allocate(capacity: Self.capacity)
    for index in 0..<Self.capacity { (slots + index).initialize(to: Slot()) }
  }

  deinit {
    slots.deinitialize(count: Self.capacity)
    slots.deallocate()
  }

  /// Binds a borrowed eventfd until `unbind`. Throws `badBinding` for an address inside the irqchip, a length that no
  /// store has, a doorbell that another one covers already, and when 256 are bound.
  func bind(_ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?) throws(HypervisorError) {
    let lengths: [UInt32] = [0, 1, 2, 4, 8]
    guard eventfd >= 0, lengths.contains(length), IRQChipWindow.find(address) == nil else {
      throw .badBinding(address)
    }
    lock.lock()
    defer { lock.unlock() }
    var free: Int?
    for index in 0..<Self.capacity {
      guard slots[index].isBound else {
        free = free ?? index
        continue
      }
      if covers(index, address, length, match) { throw .badBinding(address) }
    }
    guard let index = free else { throw .badBinding(address) }
    fill(index, eventfd, address, length, match)
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
    used.store(max(used.load(ordering: .relaxed), index + 1), ordering: .releasing)
  }

  /// Ends the bindings of `eventfd` at `address`; after the return no vCPU touches the descriptor.
  func unbind(_ eventfd: Int32, address: UInt64) {
    lock.lock()
    defer { lock.unlock() }
    for index in 0..<used.load(ordering: .relaxed) where slots[index].isBound {
      guard slots[index].address.load(ordering: .relaxed) == address,
        slots[index].eventfd.load(ordering: .relaxed) == eventfd
      else { continue }
      slots[index].sequence.wrappingAdd(1, ordering: .sequentiallyConsistent)
      // A vCPU between its announcement and its signal: some hundred nanoseconds.
      while slots[index].users.load(ordering: .sequentiallyConsistent) != 0 { spinHint() }
    }
  }

  /// A guest's store: true if it rang a doorbell and is done with. `size` 1, 2, 4 or 8; any thread; takes no lock.
  func ring(_ address: UInt64, size: Int, value: UInt64) -> Bool {
    for index in 0..<used.load(ordering: .acquiring) {
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
