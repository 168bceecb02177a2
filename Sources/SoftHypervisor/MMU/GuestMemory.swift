import Hypervisor

/// One range of guest physical addresses backed by host memory.
struct MemorySlot {
  var start: UInt64 = 0
  var size: UInt64 = 0
  var host: UnsafeMutableRawPointer?
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

  /// Host address of `physical` if `size` bytes from there lie in one slot.
  @inline(__always)
  func host(_ physical: UInt64, size: UInt64) -> UnsafeMutableRawPointer? {
    for i in 0..<Self.capacity {
      let slot = slots[i]
      let offset = physical &- slot.start
      if offset < slot.size, slot.size &- offset >= size, let base = slot.host {
        return base + Int(truncatingIfNeeded: offset)
      }
      if slot.size == 0 { break }
    }
    return nil
  }

  /// Adds a slot; all values are multiples of 16 KiB and below 2^48.
  func add(start: UInt64, host: UnsafeMutableRawPointer, size: UInt64) throws(HypervisorError) {
    let mask: UInt64 = 0x3fff
    let (end, overflow) = start.addingReportingOverflow(size)
    guard size > 0, (start | size) & mask == 0, !overflow, end <= 1 << 48 else {
      throw .badMemorySlot(guestAddress: start, size: size)
    }
    for i in 0..<Self.capacity {
      let slot = slots[i]
      if slot.size == 0 {
        slots[i] = MemorySlot(start: start, size: size, host: host)
        return
      }
      if start < slot.start + slot.size, slot.start < end { break }
    }
    throw .badMemorySlot(guestAddress: start, size: size)
  }
}
