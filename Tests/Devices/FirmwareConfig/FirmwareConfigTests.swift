import DeviceModel
import FuzzSupport
import Testing

@testable import FirmwareConfigModel

private let now = Instant(monotonic: 0, realtime: 0)

/// A file of items as the machine makes it.
private func file(_ items: [(UInt16, [UInt8])]) -> [UInt8] {
  func little(_ value: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  var bytes = Array("ATOLFWCF".utf8) + little(items.count, 4)
  var offset = 12 + 12 * items.count
  for item in items {
    bytes += little(Int(item.0), 4) + little(offset, 4) + little(item.1.count, 4)
    offset += item.1.count
  }
  return bytes + items.flatMap(\.1)
}

private func device(_ items: [(UInt16, [UInt8])]) throws -> FirmwareConfigDevice {
  var device = FirmwareConfigDevice(at: now)
  device.items = try Items(file: file(items))
  return device
}

extension FirmwareConfigDevice {
  fileprivate mutating func select(_ selector: UInt16) {
    var effects = Effects()
    write(Access(region: 0, offset: 8, size: 2), value: UInt64(selector.byteSwapped), at: now, &effects)
    let silent = effects.isEmpty
    #expect(silent)
  }
  fileprivate mutating func data(_ size: UInt8, at offset: UInt32 = 0) -> UInt64 {
    var effects = Effects()
    return read(Access(region: 0, offset: offset, size: size), at: now, &effects)
  }
}

@Suite struct FirmwareConfigTests {
  @Test func selectedItem_isReadInOrder_whateverTheSizes() throws {
    var device = try device([(0, Array("QEMU".utf8)), (0x20, Array(1...15))])
    device.select(0)
    #expect(device.data(4) == 0x554d_4551)
    device.select(0x20)
    #expect(device.data(8) == 0x0807_0605_0403_0201)
    #expect(device.data(4) == 0x0c0b_0a09)
    #expect(device.data(2) == 0x0e0d)
    #expect(device.data(1) == 0x0f)
  }

  @Test func selectingAgain_startsOver_andBeyondTheEndAreZeros() throws {
    var device = try device([(5, [1, 2])])
    device.select(5)
    #expect(device.data(8) == 0x0201)
    #expect(device.data(8) == 0)
    device.select(5)
    #expect(device.data(1) == 1)
  }

  @Test(arguments: [UInt16(1), 0x21, 0xffff]) func itemThatIsNotThere_readsZeros(selector: UInt16) throws {
    var device = try device([(0x20, [9])])
    device.select(selector)
    #expect(device.data(8) == 0)
  }

  @Test func selectorsBitsForWritingAndArchitecture_areIgnored() throws {
    var device = try device([(0x20, [9])])
    device.select(0xc020)
    #expect(device.data(1) == 9)
  }

  @Test(arguments: [(UInt32(8), UInt8(4)), (9, 1), (0x10, 8), (0x14, 4), (0, 2)])
  func otherStores_changeNothing(offset: UInt32, size: UInt8) throws {
    var device = try device([(0x20, [7, 8])])
    device.select(0x20)
    #expect(device.data(1) == 7)
    var effects = Effects()
    device.write(Access(region: 0, offset: offset, size: size), value: .max, at: now, &effects)
    let silent = effects.isEmpty
    #expect(silent)
    #expect(device.data(1) == 8)
  }

  @Test(arguments: [UInt32(8), 0x10, 0x14]) func otherRegisters_readZeroAndTakeNothing(offset: UInt32) throws {
    var device = try device([(0x20, [7])])
    device.select(0x20)
    #expect(device.data(4, at: offset) == 0)
    #expect(device.data(1) == 7)
  }

  @Test func positionAtItsEnd_staysThere() throws {
    var device = try device([(0x20, [7])])
    device.select(0x20)
    var bytes = [UInt8](repeating: 0, count: FirmwareConfigDevice.stateSize)
    var slots = bytes.mutableSpan
    var span = slots.mutableBytes
    device.save(into: &span)
    for index in 3..<7 { bytes[index] = 0xff }
    device = try FirmwareConfigDevice(restoring: bytes.span.bytes, at: now)
    device.items = try Items(file: file([(0x20, [7])]))
    #expect(device.data(8) == 0)
    #expect(device.position == .max)
  }

  @Test func savedState_goesOnWhereItWas() throws {
    var device = try device([(0x20, [1, 2, 3])])
    device.select(0x20)
    _ = device.data(1)
    var bytes = [UInt8](repeating: 0, count: FirmwareConfigDevice.stateSize)
    var slots = bytes.mutableSpan
    var span = slots.mutableBytes
    device.save(into: &span)
    var next = try FirmwareConfigDevice(restoring: bytes.span.bytes, at: now)
    next.items = device.items
    #expect(next.data(2) == 0x0302)
  }

  @Test func impossibleStates_areRefused() {
    func refused(_ bytes: [UInt8]) {
      #expect(throws: StateError.self) { try FirmwareConfigDevice(restoring: bytes.span.bytes, at: now) }
    }
    refused([])
    refused([1, 0, 0, 0, 0, 0])
    refused([2, 0, 0, 0, 0, 0, 0])
    refused([1, 0, 0x80, 0, 0, 0, 0])
  }

  @Test func damagedFiles_areRefused() {
    let good = file([(0, [1, 2]), (0x20, [3])])
    for count in [0, 7, 11, 12, 23, 35, good.count - 1] {
      #expect(throws: ItemError.self, "\(count) bytes") { try Items(file: Array(good[..<count])) }
    }
    for (offset, value) in [(0, 0), (8, 255), (11, 1), (14, 1), (16, 200), (19, 128), (20, 200), (23, 255)]
      as [(Int, UInt8)]
    {
      var bad = good
      bad[offset] = value
      #expect(throws: ItemError.self, "byte \(offset)") { try Items(file: bad) }
    }
  }

  @Test(arguments: 0..<20) func anyScript_keepsTheDevicesPromises(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    #expect(DeviceScript<FirmwareConfigDevice>.run(random.bytes(1500)) == nil)
  }
}
