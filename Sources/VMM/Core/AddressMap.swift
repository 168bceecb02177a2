import DeviceBus

/// Where a guest physical address leads.
struct MappedAccess {
  /// Index of the device.
  var device: Int
  /// Index of the region in the device's list.
  var region: UInt8
  /// Bytes from the region's start.
  var offset: UInt32
  /// A write need not be waited for.
  var posted: Bool
}

/// The flat map from guest physical addresses to device regions. Filled by `attach` before the first vCPU runs and never
/// changed afterwards, so that vCPU threads read it without a lock.
struct AddressMap {
  private struct Window {
    var start: UInt64 = 0
    var size: UInt64 = 0
    var device: UInt8 = 0
    var region: UInt8 = 0
    var posted = false
  }

  static let capacity = BusLimits.devices * BusLimits.regions
  private let windows: UnsafeMutablePointer<Window>
  private var count = 0

  init() {
    windows = .allocate(capacity: Self.capacity)
    windows.initialize(repeating: Window(), count: Self.capacity)
  }

  /// Adds a device's regions; false if one of them overlaps what is there already.
  mutating func add(device: Int, regions: [RegionWindow]) -> Bool {
    guard count + regions.count <= Self.capacity else { return false }
    for (index, region) in regions.enumerated() {
      let size = UInt64(region.size)
      for i in 0..<count {
        let other = windows[i]
        if region.guestAddress < other.start + other.size, other.start < region.guestAddress + size { return false }
      }
      windows[count] = Window(
        start: region.guestAddress, size: size, device: UInt8(device), region: UInt8(index), posted: region.posted)
      count += 1
    }
    return true
  }

  /// The region that holds all `size` bytes from `address`.
  @inline(__always)
  func find(_ address: UInt64, size: UInt8) -> MappedAccess? {
    for i in 0..<count {
      let offset = address &- windows[i].start
      if offset < windows[i].size, windows[i].size - offset >= UInt64(size) {
        return MappedAccess(
          device: Int(windows[i].device), region: windows[i].region, offset: UInt32(offset), posted: windows[i].posted)
      }
    }
    return nil
  }
}
