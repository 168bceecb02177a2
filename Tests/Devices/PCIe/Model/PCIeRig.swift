import DeviceModel
import PCIeModel

/// A PCIe host without process, sockets or back-ends, and the guest's side of it.
struct PCIeRig {
  static let now = Instant(monotonic: 1, realtime: 2)
  var device = PCIeDevice(at: PCIeRig.now)

  /// One function for each offer, in slots 1, 2, …
  init(_ offers: BackEndOffer...) {
    for (index, offer) in offers.enumerated() { try? device.connect(index + 1, offer) }
  }

  // MARK: Accesses

  mutating func read(_ region: UInt8, _ offset: UInt32, _ size: UInt8) -> UInt64 {
    var effects = Effects()
    return device.read(Access(region: region, offset: offset, size: size), at: Self.now, &effects)
  }

  mutating func write(_ region: UInt8, _ offset: UInt32, _ size: UInt8, _ value: UInt64) {
    var effects = Effects()
    device.write(Access(region: region, offset: offset, size: size), value: value, at: Self.now, &effects)
  }

  /// Configuration space by ECAM.
  mutating func config(_ slot: Int, _ register: UInt32, _ size: UInt8 = 4) -> UInt64 {
    read(PCIWindow.ecam, UInt32(slot) << 15 | register, size)
  }

  mutating func setConfig(_ slot: Int, _ register: UInt32, _ size: UInt8, _ value: UInt64) {
    write(PCIWindow.ecam, UInt32(slot) << 15 | register, size, value)
  }

  /// BAR 0 where it is after power-on.
  mutating func bar(_ slot: Int, _ offset: UInt32, _ size: UInt8) -> UInt64 {
    read(PCIWindow.memory, UInt32(slot) << 16 | offset, size)
  }

  mutating func setBAR(_ slot: Int, _ offset: UInt32, _ size: UInt8, _ value: UInt64) {
    write(PCIWindow.memory, UInt32(slot) << 16 | offset, size, value)
  }

  // MARK: What a driver does

  mutating func status(_ slot: Int) -> UInt8 { UInt8(bar(slot, 0x14, 1)) }
  mutating func setStatus(_ slot: Int, _ value: UInt8) { setBAR(slot, 0x14, 1, UInt64(value)) }

  /// Chooses `features` and says so; true if the device accepts.
  mutating func negotiate(_ slot: Int, _ features: UInt64) -> Bool {
    setStatus(slot, 1)
    setStatus(slot, 3)
    for half in 0..<UInt64(2) {
      setBAR(slot, 0x08, 4, half)
      setBAR(slot, 0x0c, 4, features >> (32 * half) & 0xffff_ffff)
    }
    setStatus(slot, 11)
    return status(slot) & 8 != 0
  }

  /// Sets a queue up at `base` and enables it.
  mutating func setUpQueue(_ slot: Int, _ queue: Int, base: UInt64, vector: UInt16 = 0xffff, size: UInt16 = 128) {
    setBAR(slot, 0x16, 2, UInt64(queue))
    setBAR(slot, 0x18, 2, UInt64(size))
    for (place, address) in [base, base + 0x1000, base + 0x2000].enumerated() {
      setBAR(slot, 0x20 + UInt32(place) * 8, 4, address & 0xffff_ffff)
      setBAR(slot, 0x24 + UInt32(place) * 8, 4, address >> 32)
    }
    setBAR(slot, 0x1a, 2, UInt64(vector))
    setBAR(slot, 0x1c, 2, 1)
  }

  /// Programs and unmasks an MSI-X vector, which sends `data`.
  mutating func setVector(_ slot: Int, _ vector: Int, data: UInt32, masked: Bool = false) {
    let entry = 0x8000 + UInt32(vector) * 16
    setBAR(slot, entry, 4, 0x2ff0_0000)
    setBAR(slot, entry + 4, 4, 0)
    setBAR(slot, entry + 8, 4, UInt64(data))
    setBAR(slot, entry + 12, 4, masked ? 1 : 0)
  }

  /// All of it: bus master, MSI-X on, vectors 0 (configuration) and 1 (queue 0), one queue, DRIVER_OK.
  mutating func start(_ slot: Int, features: UInt64 = Feature.version1) {
    setConfig(slot, 0x04, 2, 0x406)
    _ = negotiate(slot, features)
    setConfig(slot, 0x42, 2, 0x8000)
    setVector(slot, 0, data: 64)
    setVector(slot, 1, data: 65)
    setBAR(slot, 0x10, 2, 0)
    setUpQueue(slot, 0, base: 0x9100_0000, vector: 1)
    setStatus(slot, 15)
  }

  func function(_ slot: Int) -> VirtioFunction { device.functions[device.index(of: slot) ?? 0] }
}

extension BackEndOffer {
  static let entropy = BackEndOffer(deviceID: 4, features: Feature.version1 | 1 << 28 | 1 << 29, queues: 1, config: [])
  static let disk = BackEndOffer(
    deviceID: 2, features: Feature.version1 | Feature.ringPacked | 1 << 30 | 1 << 11 | 1 << 9, queues: 2,
    config: [UInt8](1...60))
}

func saved(_ device: PCIeDevice) -> [UInt8] {
  var bytes = [UInt8](repeating: 0xee, count: PCIeDevice.stateSize)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  device.save(into: &raw)
  return bytes
}
