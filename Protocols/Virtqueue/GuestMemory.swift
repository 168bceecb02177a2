import CSystem
import System

/// One region as a front-end describes it (vhost-user, "Memory region description").
public struct MemoryRegion: Sendable, Equatable {
  /// Guest physical address of the first byte: what descriptors hold.
  public var guestAddress: UInt64
  /// Address of the first byte in the front-end: what SET_VRING_ADDR holds.
  public var userAddress: UInt64
  /// Bytes.
  public var size: UInt64
  /// Where the region begins in its file; any value, page aligned or not.
  public var fileOffset: UInt64

  /// A region of `size` bytes.
  public init(guestAddress: UInt64, userAddress: UInt64, size: UInt64, fileOffset: UInt64) {
    self.guestAddress = guestAddress
    self.userAddress = userAddress
    self.size = size
    self.fileOffset = fileOffset
  }
}

/// The guest memory that a back-end may touch: regions of files, each mapped.
///
/// A mapping outlives its region as long as any chain is outstanding, because a chain's segments, and requests that the
/// kernel works on, point into it. For one thread.
public final class GuestMemory {
  /// Regions at one time; more than any front-end has slots.
  public static let maximumRegions = 64

  /// What rings look at in every call, outside the object so that it costs them no reference count.
  struct Table {
    var regions: UnsafeMutablePointer<Mapped>
    var count = 0
    /// Changes whenever a region goes: rings find their parts again.
    var generation: UInt64 = 0
    /// Chains that have been popped and not pushed, of all rings.
    var outstanding = 0
  }

  /// A region with its mapping and the file it is of.
  struct Mapped {
    var region: MemoryRegion
    var window: FileWindow
    var device: UInt
    var inode: UInt
  }

  let table: UnsafeMutablePointer<Table>
  private var retired: [FileWindow] = []

  /// No memory yet.
  public init() {
    table = .allocate(capacity: 1)
    table.initialize(to: Table(regions: .allocate(capacity: GuestMemory.maximumRegions)))
  }

  deinit {
    for index in 0..<table.pointee.count { table.pointee.regions[index].window.unmap() }
    for window in retired { window.unmap() }
    table.pointee.regions.deallocate()
    table.deallocate()
  }

  /// Regions now.
  public var count: Int { table.pointee.count }
  /// Chains popped and not yet pushed, over all rings on this memory.
  public var outstanding: Int { table.pointee.outstanding }

  /// The region at `index`, 0 ..< `count`; nil beyond.
  public func region(_ index: Int) -> MemoryRegion? {
    index >= 0 && index < table.pointee.count ? table.pointee.regions[index].region : nil
  }

  /// Maps one more region of the file behind `descriptor`, which stays the caller's.
  ///
  /// `sealed`: refuse a file that its owner can shorten. Throws without having changed anything.
  public func add(_ region: MemoryRegion, descriptor: Int32, sealed: Bool) throws(MemoryError) {
    guard table.pointee.count < GuestMemory.maximumRegions else { throw .tooMany }
    try checkRange(region, against: table.pointee.count)
    let mapped = try map(region, descriptor, sealed)
    (table.pointee.regions + table.pointee.count).initialize(to: mapped)
    table.pointee.count += 1
  }

  /// Removes the region with this guest address, user address and size (REM_MEM_REG).
  public func remove(guestAddress: UInt64, userAddress: UInt64, size: UInt64) throws(MemoryError) {
    guard
      let index = (0..<table.pointee.count).first(where: {
        let region = table.pointee.regions[$0].region
        return region.guestAddress == guestAddress && region.userAddress == userAddress && region.size == size
      })
    else { throw .unknownRegion }
    retired.append(table.pointee.regions[index].window)
    table.pointee.count -= 1
    table.pointee.regions[index] = table.pointee.regions[table.pointee.count]
    table.pointee.generation += 1
    releaseRetired()
  }

  /// Makes these the only regions (SET_MEM_TABLE). A region that is the same as before, in the same file, keeps its mapping.
  /// Throws without having changed anything.
  public func replace(_ regions: [MemoryRegion], descriptors: [Int32], sealed: Bool) throws(MemoryError) {
    guard regions.count == descriptors.count else { throw .badRange }
    let next = GuestMemory()
    for (region, descriptor) in zip(regions, descriptors) {
      if next.count == GuestMemory.maximumRegions { throw .tooMany }
      try next.checkRange(region, against: next.count)
      try next.add(region, descriptor: descriptor, sealed: sealed)
    }
    adopt(next)
    releaseRetired()
  }

  /// Ends the mappings of regions that are gone, unless chains are outstanding. Called by itself with each removal; call it
  /// when requests have ended.
  public func releaseRetired() {
    guard table.pointee.outstanding == 0, !retired.isEmpty else { return }
    for window in retired { window.unmap() }
    retired = []
  }

  // Identical regions exchange their windows, so that the new table holds the old mappings.
  private func adopt(_ next: GuestMemory) {
    for index in 0..<next.count {
      let new = next.table.pointee.regions + index
      for old in 0..<count where GuestMemory.isSame(table.pointee.regions[old], new.pointee) {
        swap(&table.pointee.regions[old].window, &new.pointee.window)
        break
      }
    }
    for index in 0..<count { retired.append(table.pointee.regions[index].window) }
    swap(&table.pointee.regions, &next.table.pointee.regions)
    table.pointee.count = next.count
    table.pointee.generation += 1
    next.table.pointee.count = 0
  }

  private static func isSame(_ a: Mapped, _ b: Mapped) -> Bool {
    a.region == b.region && a.device == b.device && a.inode == b.inode
  }

  private func map(_ region: MemoryRegion, _ descriptor: Int32, _ sealed: Bool) throws(MemoryError) -> Mapped {
    var (device, inode): (UInt, UInt) = (0, 0)
    let result = atoll_file_identity(descriptor, &device, &inode)
    guard result >= 0 else { throw .host(SystemError("fstat", -result)) }
    let window = try FileWindow(descriptor, offset: region.fileOffset, size: region.size, sealed: sealed)
    return Mapped(region: region, window: window, device: device, inode: inode)
  }

  private func checkRange(_ region: MemoryRegion, against others: Int) throws(MemoryError) {
    guard region.size > 0, !region.guestAddress.addingReportingOverflow(region.size).overflow,
      !region.userAddress.addingReportingOverflow(region.size).overflow
    else { throw .badRange }
    for index in 0..<others {
      let other = table.pointee.regions[index].region
      let shared =
        GuestMemory.overlap(region.guestAddress, region.size, other.guestAddress, other.size)
        || GuestMemory.overlap(region.userAddress, region.size, other.userAddress, other.size)
      if shared { throw .overlap }
    }
  }

  private static func overlap(_ a: UInt64, _ aSize: UInt64, _ b: UInt64, _ bSize: UInt64) -> Bool {
    a < b + bSize && b < a + aSize
  }
}

extension GuestMemory {
  /// `count` bytes at a guest physical address, if they lie in one region.
  public func segment(guestAddress: UInt64, count: Int) -> Segment? {
    guard count >= 0 else { return nil }
    return table.pointee.stretch(guestAddress, UInt64(count)).flatMap { $0.count == count ? $0 : nil }
  }

  /// `count` bytes at an address of the front-end, if they lie in one region.
  public func segment(userAddress: UInt64, count: Int) -> Segment? {
    guard count >= 0 else { return nil }
    for index in 0..<table.pointee.count {
      let mapped = table.pointee.regions + index
      let offset = userAddress &- mapped.pointee.region.userAddress
      guard userAddress >= mapped.pointee.region.userAddress, offset < mapped.pointee.region.size else { continue }
      guard UInt64(count) <= mapped.pointee.region.size - offset else { return nil }
      return Segment(base: mapped.pointee.window.base + Int(offset), count: count)
    }
    return nil
  }
}

extension GuestMemory.Table {
  /// The bytes from a guest physical address on, `count` or as many as its region has; nil if no region holds the first one.
  @inline(__always)
  func stretch(_ address: UInt64, _ count: UInt64) -> Segment? {
    for index in 0..<self.count {
      let mapped = regions + index
      let offset = address &- mapped.pointee.region.guestAddress
      guard address >= mapped.pointee.region.guestAddress, offset < mapped.pointee.region.size else { continue }
      return Segment(
        base: mapped.pointee.window.base + Int(offset), count: Int(min(count, mapped.pointee.region.size - offset)))
    }
    return nil
  }
}
