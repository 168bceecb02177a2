// The two devices whose content is not in their state, with a small content that is: so that a device and its reincarnation can be
// compared as all others are.

import DeviceModel
import FirmwareConfigModel
import FlashModel

/// A flash's content as a value.
struct SmallStore: FlashStore {
  var bytes = [UInt8](repeating: 0xff, count: 512)
  var size: UInt32 { UInt32(bytes.count) }
  func load(_ offset: UInt32, count: UInt8) -> UInt64 {
    (0..<Int(count)).reduce(0) { $0 | UInt64(bytes[Int(offset) + $1]) << UInt64(8 * $1) }
  }
  mutating func program(_ offset: UInt32, _ data: borrowing FlashBuffer, count: Int) -> Bool {
    for i in 0..<count { bytes[Int(offset) + i] &= data[i] }
    return true
  }
  mutating func erase(_ offset: UInt32, count: UInt32) -> Bool {
    for i in 0..<Int(count) { bytes[Int(offset) + i] = 0xff }
    return true
  }
}

/// A flash of 512 bytes, which are part of its saved state here.
struct SmallFlash: DeviceModel {
  private var flash: FlashDevice<SmallStore>

  static var regions: [RegionLayout] { FlashDevice<SmallStore>.regions }
  static var stateSize: Int { FlashDevice<SmallStore>.stateSize + 512 }

  init(at now: Instant) {
    flash = FlashDevice(at: now)
    flash.store = SmallStore()
  }
  init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    flash = try FlashDevice(restoring: bytes, at: now)
    var store = SmallStore()
    var offset = FlashDevice<SmallStore>.stateSize
    for i in 0..<512 { store.bytes[i] = try bytes.take(UInt8.self, at: &offset) }
    flash.store = store
  }
  func save(into bytes: inout MutableRawSpan) {
    flash.save(into: &bytes)
    var offset = FlashDevice<SmallStore>.stateSize
    for byte in flash.store?.bytes ?? [] { bytes.put(byte, at: &offset) }
  }
  mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    flash.read(access, at: now, &effects)
  }
  mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    flash.write(access, value: value, at: now, &effects)
  }
  var receiveCapacity: Int { 0 }
  mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {}
  mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  var deadline: Int64? { nil }
  mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
  var interruptPending: Bool { false }
}

/// The firmware configuration, as a file of items and what a guest then does. The first two bytes are the length of the file.
enum FirmwareConfigTarget {
  /// Promises: a damaged file is refused, and reads what it names otherwise; and all that every model promises.
  static func run(_ input: [UInt8]) -> String? {
    let length = min(input.prefix(2).reduce(0) { $0 << 8 | Int($1) }, max(0, input.count - 2))
    let items = (try? Items(file: Array(input.dropFirst(2).prefix(length)))) ?? Items()
    var device = FirmwareConfigDevice(at: Instant(monotonic: 0, realtime: 0))
    device.items = items
    var effects = Effects()
    let now = Instant(monotonic: 0, realtime: 0)
    for selector in 0..<64 as Range<UInt16> {
      device.write(Access(region: 0, offset: 8, size: 2), value: UInt64(selector.byteSwapped), at: now, &effects)
      for _ in 0..<8 { _ = device.read(Access(region: 0, offset: 0, size: 8), at: now, &effects) }
    }
    guard effects.isEmpty else { return "the firmware configuration had an effect" }
    return nil
  }
}
