// The tables that a guest is handed, for any machine within the limits.

import FuzzSupport
import LoaderCore
import Machine

/// Builds the hand-over of a machine that the input describes.
///
/// Promises: a shape that passes its check can be built; everything lies below the kernel and nothing overlaps; the tables do not
/// depend on anything but the shape.
enum TablesTarget {
  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    let deviceTree = source.byte() & 1 == 1
    let vcpus = Int(source.integer(UInt16.self))
    let ram = source.integer(UInt32.self)
    let kernelStart = UInt64(source.integer(UInt32.self)) << 12
    let kernelSize = UInt64(source.integer(UInt32.self))
    let initrdSize = UInt64(source.integer(UInt32.self))
    let shape = MachineShape(
      vcpus: vcpus, ramBytes: UInt64(ram) << 20, deviceTree: deviceTree, commandLine: source.bytes(source.remaining))
    guard (try? shape.check()) != nil,
      let kernel = try? Placement.kernel(AddressRange(kernelStart, kernelSize), ramBytes: shape.ramBytes)
    else { return nil }
    let initrd = try? Placement.initrd(size: initrdSize, kernel: kernel, ramBytes: shape.ramBytes)
    if let initrd, initrd.overlaps(kernel) || initrd.overlaps(FirmwareLayout.area) {
      return "the initrd overlaps the kernel or the tables"
    }
    let tables = HandOver(shape, kernel: kernel, initrd: initrd, initrdSize: initrdSize)
    return check(tables.blobs)
  }

  private static func check(_ blobs: [Blob]) -> String? {
    let ranges = blobs.map(\.range).filter { $0.size > 0 }
    for (index, range) in ranges.enumerated() {
      guard FirmwareLayout.area.contains(range) else { return "a table lies outside of the first 2 MiB" }
      for other in ranges[..<index] where other.overlaps(range) { return "two tables overlap at \(range.start)" }
    }
    return nil
  }

  /// The ordinary machine with ACPI tables, and a large one with a device tree.
  static var seeds: [[UInt8]] {
    [
      [0, 1, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0, 0xa0, 1, 0, 0, 1, 0] + Array("console=ttyS0".utf8),
      [1, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0xa0, 1, 0, 0, 0, 0x10] + Array("quiet".utf8),
    ]
  }
}
