import Hypervisor

/// One range of guest physical addresses backed by host memory.
struct MemorySlot {
  var start: UInt64 = 0
  var size: UInt64 = 0
  var host: UnsafeMutableRawPointer?
  /// False for ROM.
  var writable = true
}

/// Guest physical memory: at most eight slots, fixed before the first vCPU runs, read by every vCPU thread.
struct GuestMemory {
  static let capacity = 8
  let slots: UnsafeMutablePointer<MemorySlot>

  init() {
    slots = .allocate(capacity: Self.capacity)
    slots.initialize(repeating: MemorySlot(), count: Self.capacity)
  }

  func free() { slots.deallocate() }

  /// Host address of `physical` if `size` bytes from there lie in one slot, to load or execute from.
  @inline(__always)
  func host(_ physical: UInt64, size: UInt64) -> UnsafeMutableRawPointer? { find(physical, size: size)?.host }

  /// The same to store to: nil also for ROM.
  @inline(__always)
  func writableHost(_ physical: UInt64, size: UInt64) -> UnsafeMutableRawPointer? {
    guard let found = find(physical, size: size), found.writable else { return nil }
    return found.host
  }

  /// Host address of `physical` and whether stores may go there.
  @inline(__always)
  func find(_ physical: UInt64, size: UInt64) -> (host: UnsafeMutableRawPointer, writable: Bool)? {
    for i in 0..<Self.capacity {
      let slot = slots[i]
      let offset = physical &- slot.start
      if offset < slot.size, slot.size &- offset >= size, let base = slot.host {
        return (base + Int(truncatingIfNeeded: offset), slot.writable)
      }
      if slot.size == 0 { break }
    }
    return nil
  }

  /// Adds a slot; all values are multiples of 16 KiB and below 2^48.
  func add(start: UInt64, host: UnsafeMutableRawPointer, size: UInt64, writable: Bool) throws(HypervisorError) {
    let mask: UInt64 = 0x3fff
    let (end, overflow) = start.addingReportingOverflow(size)
    guard size > 0, (start | size) & mask == 0, !overflow, end <= 1 << 48 else {
      throw .badMemorySlot(guestAddress: start, size: size)
    }
    for i in 0..<Self.capacity {
      let slot = slots[i]
      if slot.size == 0 {
        slots[i] = MemorySlot(start: start, size: size, host: host, writable: writable)
        return
      }
      if start < slot.start + slot.size, slot.start < end { break }
    }
    throw .badMemorySlot(guestAddress: start, size: size)
  }
}
