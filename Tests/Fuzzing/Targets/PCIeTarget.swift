// The PCIe host with a disk and a source of entropy, under a guest and back-ends that do as they like.

import DeviceModel
import FuzzSupport
import PCIeModel

/// The host's model as a device with small regions, one for each place where something is, so that a script of short offsets
/// reaches all of it. The script's received bytes are what back-ends do.
struct PCIeUnderTest: DeviceModel {
  private var host: PCIeDevice

  /// Region and offset of the host at which each of the regions here starts.
  private static var places: [(region: UInt8, offset: UInt32)] {
    let blocks: [UInt32] = [0x0000, 0x1000, 0x2000, 0x4000, 0x8000, 0xc000]
    let functions: [UInt32] = [1, 2]
    let configuration = functions.map { (PCIWindow.ecam, $0 << 15) }
    let memory = functions.flatMap { slot in blocks.map { (PCIWindow.memory, slot << 16 | $0) } }
    return configuration + memory + [(PCIWindow.legacy, 1 << 11)]
  }

  static var regions: [RegionLayout] { places.map { _ in RegionLayout(size: 256, posted: false) } }
  static var stateSize: Int { PCIeDevice.stateSize }

  init(at now: Instant) {
    host = PCIeDevice(at: now)
    for slot in 1...2 { connect(slot, features: .max) }
  }
  init(restoring bytes: RawSpan, at now: Instant) throws(StateError) {
    host = try PCIeDevice(restoring: bytes, at: now)
  }
  func save(into bytes: inout MutableRawSpan) { host.save(into: &bytes) }

  private mutating func connect(_ slot: Int, features: UInt64) {
    let offer = BackEndOffer(
      deviceID: slot == 1 ? 2 : 4, features: features, queues: slot, config: [UInt8](repeating: 5, count: slot * 30))
    try? host.connect(slot, offer)
  }

  private static func placed(_ access: Access) -> Access {
    let place = places[Int(access.region) % places.count]
    return Access(region: place.region, offset: place.offset + access.offset, size: access.size)
  }

  mutating func read(_ access: Access, at now: Instant, _ effects: inout Effects) -> UInt64 {
    host.read(Self.placed(access), at: now, &effects)
  }
  mutating func write(_ access: Access, value: UInt64, at now: Instant, _ effects: inout Effects) {
    host.write(Self.placed(access), value: value, at: now, &effects)
  }

  var receiveCapacity: Int { 31 }
  mutating func receive(_ bytes: RawSpan, at now: Instant, _ effects: inout Effects) {
    let bytes = (0..<bytes.byteCount).map { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    guard bytes.count >= 2 else { return }
    let slot = Int(bytes[0] & 3)
    switch bytes[0] >> 2 & 7 {
    case 0: connect(slot, features: bytes[1] & 1 == 0 ? .max : Feature.version1)
    case 1: host.changeConfig(slot, Array(bytes[1...]))
    case 2: host.fire(slot, vector: Int(bytes[1]))
    case 3: host.breakDown(slot)
    case 4: host.abandon(slot)
    case 5: host.finishReset(slot)
    default: _ = host.takeChanges()
    }
  }

  mutating func outputRoom(_ bytes: Int, at now: Instant, _ effects: inout Effects) {}
  var deadline: Int64? { nil }
  mutating func elapse(at now: Instant, _ effects: inout Effects) {}
  mutating func hostEvent(_ event: HostEvent, at now: Instant, _ effects: inout Effects) {}
  var interruptPending: Bool { false }
}

extension Seeds {
  /// A driver's way to DRIVER_OK with MSI-X, a configuration change, a vector masked and unmasked, a reset.
  static let pcie: [UInt8] = driver.flatMap(\.encoded)

  private static func store(_ region: UInt8, _ offset: UInt32, _ size: UInt8, _ value: UInt64) -> DeviceOperation {
    .write(Access(region: region, offset: offset, size: size), value)
  }

  private static func load(_ region: UInt8, _ offset: UInt32, _ size: UInt8) -> DeviceOperation {
    .read(Access(region: region, offset: offset, size: size))
  }

  /// Region 0 is the disk's configuration space, 2 its common structure, 3 its ISR, 6 its vectors, 7 their pending bits.
  private static let driver: [DeviceOperation] = [
    load(0, 0, 4), store(0, 0x10, 4, 0xffff_ffff), load(0, 0x10, 4), store(0, 0x10, 4, 0x4001_0000),
    store(0, 4, 2, 0x406),
    store(2, 0x14, 1, 0), load(2, 0x14, 1), store(2, 0x14, 1, 3), store(2, 8, 4, 1), store(2, 0xc, 4, 1),
    store(2, 0x14, 1, 11), load(2, 0x14, 1), store(0, 0x42, 2, 0x8000), store(6, 0x10, 8, 0x2ff0_0000),
    store(6, 0x18, 8, 65), store(6, 0, 8, 0x2ff0_0000), store(6, 8, 8, 64), store(2, 0x10, 2, 0), store(2, 0x16, 2, 0),
    store(2, 0x18, 2, 64), store(2, 0x20, 8, 0x9100_0000), store(2, 0x28, 8, 0x9100_1000),
    store(2, 0x30, 8, 0x9100_2000), store(2, 0x1a, 2, 1), store(2, 0x1c, 2, 1), store(2, 0x14, 1, 15), .restart,
    store(5, 0, 2, 0), .receive([0x05, 1, 2, 3]), load(3, 0, 1), store(6, 0x1c, 4, 1), .receive([0x09, 1]),
    load(7, 0, 8),
    store(6, 0x1c, 4, 0), load(7, 0, 8), store(2, 0x14, 1, 0), load(2, 0x14, 1), .receive([0x15, 0]), load(2, 0x14, 1),
  ]
}
