// The EFI memory map (UEFI 2.10, 7.2.3) and Linux's table around it.

/// What a range of memory is for; EFI_MEMORY_TYPE.
public enum EFIMemoryType: UInt32, Sendable {
  /// Not usable.
  case reserved = 0
  /// The kernel image.
  case loaderCode = 1
  /// What the loader made for the kernel: command line, initrd, tables.
  case loaderData = 2
  /// Code that the kernel calls after boot.
  case runtimeServicesCode = 5
  /// Data of that code.
  case runtimeServicesData = 6
  /// Free.
  case conventional = 7
  /// ACPI tables: RAM once they have been read.
  case acpiReclaim = 9
  /// Device registers that runtime services use.
  case memoryMappedIO = 11

  fileprivate var attributes: UInt64 {
    let (uncached, writeBack, runtime): (UInt64, UInt64, UInt64) = (1, 8, 1 << 63)
    return switch self {
    case .runtimeServicesCode, .runtimeServicesData: writeBack | runtime
    case .memoryMappedIO: uncached | runtime
    default: writeBack
    }
  }

  fileprivate var virtualWindow: UInt64? {
    switch self {
    case .runtimeServicesCode, .runtimeServicesData: AddressWindow.cached
    case .memoryMappedIO: AddressWindow.uncached
    default: nil
    }
  }
}

/// One range of the memory map.
public struct EFIMemoryDescriptor: Sendable, Equatable {
  /// What it is for.
  public let type: EFIMemoryType
  /// Guest physical addresses; multiples of 4 KiB.
  public let range: AddressRange

  /// A range of the memory map.
  public init(_ type: EFIMemoryType, _ range: AddressRange) {
    self.type = type
    self.range = range
  }

  fileprivate func encode(into writer: inout ByteWriter) {
    writer.u32(type.rawValue)
    writer.u32(0)
    writer.u64(range.start)
    writer.u64(type.virtualWindow.map { $0 | range.start } ?? 0)
    writer.u64(range.size >> 12)
    writer.u64(type.attributes)
  }
}

/// The memory map of a guest.
public enum EFIMemoryMap {
  /// Bytes of one descriptor.
  public static let descriptorSize = 40

  /// Covers all of RAM without gaps or overlaps: `uses` where they lie, the rest free. `uses` must not overlap each
  /// other and must lie in RAM, except those of memory-mapped I/O. Neighbours of one type are joined.
  public static func descriptors(ramBytes: UInt64, uses: [EFIMemoryDescriptor]) -> [EFIMemoryDescriptor] {
    let sorted = uses.sorted { $0.range.start < $1.range.start }
    var map: [EFIMemoryDescriptor] = []
    for ram in RAMLayout.ranges(bytes: ramBytes) {
      var next = ram.range.start
      for use in sorted where ram.range.contains(use.range) && use.range.start >= next {
        append(.conventional, from: next, to: use.range.start, &map)
        append(use.type, from: use.range.start, to: use.range.end, &map)
        next = use.range.end
      }
      append(.conventional, from: next, to: ram.range.end, &map)
    }
    return map + sorted.filter { $0.type == .memoryMappedIO }
  }

  private static func append(
    _ type: EFIMemoryType, from start: UInt64, to end: UInt64, _ map: inout [EFIMemoryDescriptor]
  ) {
    guard start < end else { return }
    if let last = map.last, last.type == type, last.range.end == start {
      map[map.count - 1] = EFIMemoryDescriptor(type, AddressRange(last.range.start, end - last.range.start))
    } else {
      map.append(EFIMemoryDescriptor(type, AddressRange(start, end - start)))
    }
  }

  /// Linux's boot memory map table: sizes and version, then the descriptors.
  public static func linuxTable(_ descriptors: [EFIMemoryDescriptor]) -> [UInt8] {
    let size = UInt64(descriptors.count * descriptorSize)
    var writer = ByteWriter()
    writer.u64(size)
    writer.u64(UInt64(descriptorSize))
    writer.u32(1)
    writer.u32(0)
    writer.u64(0)
    writer.u64(size)
    for descriptor in descriptors { descriptor.encode(into: &writer) }
    return writer.bytes
  }
}
