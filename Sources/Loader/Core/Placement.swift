import Machine

/// Where things go in guest RAM besides the firmware area at the bottom.
public enum Placement {
  /// Kernel and initrd start and end at multiples of this: the largest page of LoongArch Linux.
  public static let alignment: UInt64 = 64 << 10

  /// Checks that a kernel can lie at `range` and returns the range rounded up to whole pages.
  public static func kernel(_ range: AddressRange, ramBytes: UInt64) throws(LoadError) -> AddressRange {
    let start = range.start & ~0xfff
    guard range.size > 0, let end = roundedUp(range.start &+ range.size), end > start, range.start < end else {
      throw .kernelDoesNotFit(range, ramBytes: ramBytes)
    }
    let whole = AddressRange(start, end - start)
    guard !whole.overlaps(FirmwareLayout.area) else {
      throw .badHeader("it wants to lie in the first 2 MiB, which hold the firmware tables")
    }
    guard RAMLayout.fileOffset(of: whole, bytes: ramBytes) != nil else {
      throw .kernelDoesNotFit(range, ramBytes: ramBytes)
    }
    return whole
  }

  /// A place for an initrd of `size` bytes: high RAM if there is enough, else behind the kernel in low RAM, else
  /// between the firmware area and the kernel.
  public static func initrd(size: UInt64, kernel: AddressRange, ramBytes: UInt64) throws(LoadError) -> AddressRange {
    guard let whole = roundedUp(size), whole > 0, whole <= MachineLimits.maximumRAM else {
      throw .initrdDoesNotFit(size: size, needed: size, ramBytes: ramBytes)
    }
    for part in RAMLayout.ranges(bytes: ramBytes).reversed() {
      for start in starts(in: part.range, kernel: kernel) {
        let place = AddressRange(start, whole)
        if part.range.contains(place), !place.overlaps(kernel), !place.overlaps(FirmwareLayout.area) { return place }
      }
    }
    throw .initrdDoesNotFit(size: size, needed: neededRAM(whole, kernel: kernel), ramBytes: ramBytes)
  }

  private static func starts(in part: AddressRange, kernel: AddressRange) -> [UInt64] {
    let behind = roundedUp(kernel.end) ?? kernel.end
    return [part.start, behind, FirmwareLayout.area.end].filter { part.start <= $0 && $0 < part.end }
  }

  /// The least RAM with which an initrd of `whole` bytes fits.
  private static func neededRAM(_ whole: UInt64, kernel: AddressRange) -> UInt64 {
    let low = MemoryMap.lowRAM.size
    if kernel.end <= low, whole <= low - kernel.end { return kernel.end + whole }
    return low + whole
  }

  private static func roundedUp(_ value: UInt64) -> UInt64? {
    let sum = value.addingReportingOverflow(alignment - 1)
    return sum.overflow ? nil : sum.partialValue & ~(alignment - 1)
  }
}
