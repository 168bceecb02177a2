/// One 4 KiB page as the hot loop sees it. A tag equals the page's virtual address if the access is allowed and the page
/// is memory; every other tag has low bits set, which no page address has.
struct SoftTLBEntry {
  var readTag: UInt64 = SoftTLB.never
  var writeTag: UInt64 = SoftTLB.never
  /// Host address minus virtual address.
  var addend: Int = 0
  /// Pads to 32 bytes, so that an index is a shift.
  var unused: Int = 0
}

/// The software TLBs: direct mapped, 4 KiB granules whatever the guest's page size, one array per mode.
///
/// They may hold translations that the architectural TLB has replaced since: a guest cannot rely on an entry being gone
/// before it invalidates it (Vol. 1, 5.4.3), and every invalidation clears these too.
enum SoftTLB {
  static let pageShift: UInt64 = 12
  static let pageMask: UInt64 = ~0xfff
  static let entries = 1024
  static let arrays = 3
  static let never: UInt64 = .max

  @inline(__always)
  static func index(_ address: UInt64) -> Int {
    Int(truncatingIfNeeded: (address >> pageShift) & UInt64(entries - 1))
  }
}

extension UnsafeMutablePointer where Pointee == CPU {
  /// Forgets all software translations of paged modes. Direct addressing never changes.
  func flushSoftTLB() {
    pointee.softTLBs.update(repeating: SoftTLBEntry(), count: 2 * SoftTLB.entries)
  }

  /// Forgets the granules of `size` bytes from `address`, in all modes.
  func flushSoftTLB(from address: UInt64, size: UInt64) {
    let granules = size >> SoftTLB.pageShift
    if granules >= UInt64(SoftTLB.entries) { return flushSoftTLB() }
    let base = address & SoftTLB.pageMask
    for i in 0..<granules {
      let page = base &+ (i << SoftTLB.pageShift)
      for array in 0..<2 {
        let entry = pointee.softTLBs + (array * SoftTLB.entries + SoftTLB.index(page))
        if entry.pointee.readTag == page || entry.pointee.writeTag == page { entry.pointee = SoftTLBEntry() }
      }
    }
  }
}
