import Hypervisor
import System

/// Guest memory as KVM knows it.
struct KVMMemorySlot {
  var guestAddress: UInt64
  var hostAddress: UInt64
  var size: UInt64
  var flags: UInt32
}

extension KVMMachine {
  /// Makes host memory appear at a guest physical address. Addresses and size are multiples of the host's page; with a huge
  /// page as their common remainder the kernel can map it by huge pages (reference A.6). The memory must outlive the machine.
  public func addMemory(
    guestAddress: UInt64, host: UnsafeMutableRawPointer, size: UInt64, readOnly: Bool = false
  ) throws(HypervisorError) {
    let slot = KVMMemorySlot(
      guestAddress: guestAddress, hostAddress: UInt64(UInt(bitPattern: host)), size: size,
      flags: readOnly ? KVMMemoryRegion.readOnly : 0)
    guard isPlaceable(slot) else { throw .badMemorySlot(guestAddress: guestAddress, size: size) }
    try set(slots.count, slot)
    slots.append(slot)
  }

  /// Begins or ends the recording of guest stores into the memory that was added at `guestAddress`.
  public func logDirtyPages(_ on: Bool, guestAddress: UInt64) throws(HypervisorError) {
    let index = try slot(at: guestAddress)
    var slot = slots[index]
    slot.flags = slot.flags & ~KVMMemoryRegion.logDirtyPages | (on ? KVMMemoryRegion.logDirtyPages : 0)
    try set(index, slot)
    slots[index] = slot
  }

  /// The pages of the memory at `guestAddress` that were stored to since the last call, and forgets them: bit n of word
  /// n / 64 is page n, of the host's page size.
  public func takeDirtyPages(guestAddress: UInt64) throws(HypervisorError) -> [UInt64] {
    let index = try slot(at: guestAddress)
    let pages = Int(slots[index].size) / calls.pageSize
    let words = (pages + 63) / 64
    let bitmap = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
    defer { bitmap.deallocate() }
    bitmap.initialize(repeating: 0, count: words)
    var log = KVMDirtyLog(slot: UInt32(index), bitmap: UInt64(UInt(bitPattern: bitmap)))
    try calls.request(descriptor, .getDirtyLog, &log)
    return Array(UnsafeBufferPointer(start: bitmap, count: words))
  }

  /// Whether the guest has memory there that it can store to.
  func hasWritableMemory(at guestAddress: UInt64) -> Bool {
    for slot in slots where guestAddress >= slot.guestAddress && guestAddress - slot.guestAddress < slot.size {
      return slot.flags & KVMMemoryRegion.readOnly == 0
    }
    return false
  }

  private func slot(at guestAddress: UInt64) throws(HypervisorError) -> Int {
    for index in 0..<slots.count where slots[index].guestAddress == guestAddress { return index }
    throw .badMemorySlot(guestAddress: guestAddress, size: 0)
  }

  private func isPlaceable(_ slot: KVMMemorySlot) -> Bool {
    let page = UInt64(calls.pageSize)
    guard slot.size > 0, (slot.guestAddress | slot.hostAddress | slot.size) % page == 0 else { return false }
    let (end, overflow) = slot.guestAddress.addingReportingOverflow(slot.size)
    guard !overflow else { return false }
    for other in slots where slot.guestAddress < other.guestAddress + other.size && other.guestAddress < end {
      return false
    }
    return true
  }

  private func set(_ index: Int, _ slot: KVMMemorySlot) throws(HypervisorError) {
    var region = KVMMemoryRegion(
      slot: UInt32(index), flags: slot.flags, guestAddress: slot.guestAddress, size: slot.size,
      hostAddress: slot.hostAddress)
    let result = calls.attempt(descriptor, .setUserMemoryRegion, &region)
    switch result {
    case 0...: return
    // Where it is or what it overlaps, which only the kernel knows all of: the end of the address space, its own pages.
    case -Int(Errno.invalid), -Int(Errno.exists):
      throw .badMemorySlot(guestAddress: slot.guestAddress, size: slot.size)
    default:
      throw .system(SystemError(KVMRequest.setUserMemoryRegion.name, Int32(truncatingIfNeeded: 0 - result)))
    }
  }
}
