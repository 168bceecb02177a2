// fw_cfg, the memory-mapped interface (QEMU, docs/specs/fw_cfg): a selector and a data register. Deliberately absent: the DMA
// register, which reads 0 and does nothing, because this device has no guest memory; writing to items.

import DeviceModel

/// The firmware configuration interface.
public struct FirmwareConfigDevice: DeviceModel {
  /// Offsets of the registers.
  private enum Register {
    /// 1, 2, 4 or 8 bytes of the selected item, the first one lowest.
    static let data: Range<UInt32> = 0..<8
    /// Which item, 16 bits, big endian. Write only.
    static let selector: UInt32 = 8
  }

  /// Bits of a selector that ask for writing and for the architecture's own items: of neither there are any.
  private static let modifiers: UInt16 = 0xc000

  public static var regions: [RegionLayout] { [RegionLayout(size: 0x18, posted: false)] }

  /// What is served. Not state: the same for every incarnation, and given by the process.
  public var items = Items()
  private(set) var selector: UInt16 = 0
  /// The next byte of the item.
  private(set) var position: UInt32 = 0

  public init(at now: Instant) {}

  public mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    guard Register.data.contains(access.offset), access.offset + UInt32(access.size) <= 8 else { return 0 }
    var value: UInt64 = 0
    for index in 0..<UInt64(access.size) {
      value |= UInt64(items.byte(selector, position)) << (8 * index)
      // A guest that reads on for ever gets zeros, not the item once more.
      position = position == .max ? .max : position + 1
    }
    return value
  }

  public mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    guard access.offset == Register.selector, access.size == 2 else { return }
    selector = UInt16(truncatingIfNeeded: value).byteSwapped & ~Self.modifiers
    position = 0
  }

  // A device without bytes, time and interrupts.
  public var receiveCapacity: Int { 0 }
  public mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  public mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  public var deadline: Int64? { nil }
  public mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  public mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
  public var interruptPending: Bool { false }
}

// MARK: saved state

extension FirmwareConfigDevice {
  public static var stateSize: Int { 7 }
  private static let layout: UInt8 = 1

  public func save(into bytes: inout MutableRawSpan) {
    var offset = 0
    bytes.put(Self.layout, at: &offset)
    bytes.put(selector, at: &offset)
    bytes.put(position, at: &offset)
  }

  public init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    guard bytes.byteCount >= Self.stateSize else { throw .truncated }
    var offset = 0
    try check(bytes.take(UInt8.self, at: &offset) == Self.layout, "the saved state is not a firmware configuration's")
    selector = try bytes.take(UInt16.self, at: &offset)
    position = try bytes.take(UInt32.self, at: &offset)
    try check(selector & Self.modifiers == 0, "an item is selected that no guest can select")
  }
}
