import DeviceModel
import FuzzSupport
import Testing

@testable import PowerModel

private let second: Int64 = 1_000_000_000

/// Drives a device as a guest and as a host.
private struct PowerRig {
  var now = Instant(monotonic: 0, realtime: 0)
  var device = PowerDevice(at: Instant(monotonic: 0, realtime: 0))
  var pulsed = false

  /// Stores, and returns what the device asks of the machine.
  @discardableResult
  mutating func store(_ region: UInt8, _ offset: UInt32, _ value: UInt64, size: UInt8) -> MachineEvent {
    var effects = Effects()
    device.write(Access(region: region, offset: offset, size: size), value: value, at: now, &effects)
    pulsed = effects.interrupt
    return effects.machine
  }

  mutating func load(_ region: UInt8, _ offset: UInt32, size: UInt8) -> UInt64 {
    var effects = Effects()
    defer { pulsed = effects.interrupt }
    return device.read(Access(region: region, offset: offset, size: size), at: now, &effects)
  }

  mutating func pressButton() {
    var effects = Effects()
    device.hostEvent(.powerButton, at: now, &effects)
    pulsed = effects.interrupt
  }

  mutating func elapse() {
    var effects = Effects()
    device.elapse(at: now, &effects)
    pulsed = effects.interrupt
  }
}

private func saved(_ device: PowerDevice) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: PowerDevice.stateSize)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  device.save(into: &raw)
  return bytes
}

@Suite("Power: off and reset")
struct MachineEventTests {
  @Test(
    "a store switches off, resets, or does neither",
    arguments: [
      // Event device: SLP_EN with type 5, other types, no SLP_EN; reset.
      (2, 0x1c, 0x34, 1, .powerOff), (2, 0x1c, 0x24, 1, .none), (2, 0x1c, 0x14, 1, .none), (2, 0x1c, 0x3c, 1, .none),
      (2, 0x1e, 0x42, 1, .reset), (2, 0x1e, 0x41, 1, .none), (2, 0x1d, 0x34, 1, .none), (2, 0x1d, 0x42, 1, .none),
      (2, 0x1c, 0x42_0000, 4, .reset), (2, 0x1c, 0x0000_0034, 4, .powerOff), (2, 0x1c, 0xff34, 2, .powerOff),
      (2, 0x18, 0x34_0000_0000, 8, .powerOff), (2, 0x1b, 0x3400, 2, .powerOff),
      // ACPI: SLP_EN (bit 13) with type 7; reset bit.
      (1, 0x08, 0x3c00, 2, .powerOff), (1, 0x08, 0x3c01, 4, .powerOff), (1, 0x08, 0x3400, 4, .none),
      (1, 0x08, 0x1c00, 4, .none), (1, 0x09, 0x3c, 1, .powerOff), (1, 0x24, 1, 1, .reset), (1, 0x24, 1, 4, .reset),
      (1, 0x24, 0xfe, 1, .none), (1, 0x25, 1, 1, .none),
      // Loongson's mode register: 0 and 0xff.
      (0, 0x10, 0x00, 1, .reset), (0, 0x10, 0xff, 1, .powerOff), (0, 0x10, 0x55, 1, .none), (0, 0x11, 0x00, 1, .none),
      (0, 0x00, 0x00, 8, .none), (0, 0x10, 0xff, 4, .powerOff),
      (3, 0x00, 0x42, 4, .none),
    ] as [(UInt8, UInt32, UInt64, UInt8, MachineEvent)])
  func store(region: UInt8, offset: UInt32, value: UInt64, size: UInt8, event: MachineEvent) {
    var rig = PowerRig()
    #expect(rig.store(region, offset, value, size: size) == event)
  }

  @Test("a sleep type stored first and SLP_EN with another type is not S5")
  func typeOfLastStore() {
    var rig = PowerRig()
    #expect(rig.store(2, 0x1c, 0x14, size: 1) == .none)
    #expect(rig.load(2, 0x1c, size: 1) == 0x14)
    #expect(rig.store(2, 0x1c, 0x20, size: 1) == .none)
  }
}

@Suite("Power: registers")
struct RegisterTests {
  @Test(
    "a stored value reads back with the bits that exist",
    arguments: [
      (1, 0x04, 0xffff_ffff, 4, 0x0721), (1, 0x08, 0xffff_dfff, 4, 0x1c01), (1, 0x20, 0x1234_5678, 4, 0x1234_5678),
      (1, 0x1c, 0xffff_ffff, 4, 0), (1, 0x00, 0xffff, 2, 0), (1, 0x10, 0xff, 1, 0), (1, 0x28, 0xff, 4, 0),
      (2, 0x1c, 0x1f, 1, 0x1c), (2, 0x1d, 0xff, 1, 0), (2, 0x04, 0xffff_ffff, 4, 0), (2, 0x18, 0xff, 1, 0),
      (2, 0x20, 7, 4, 7), (2, 0x24, 0xff, 1, 0), (2, 0x28, 0xff, 4, 0), (3, 0x00, 3, 4, 3), (3, 0x04, 0xff, 1, 0),
      (3, 0x08, 0xff, 4, 0), (3, 0x0c, 2, 4, 0), (3, 0x1c, 0xff, 4, 0), (0, 0x00, 0xffff_ffff, 4, 0),
      (0, 0xf8, 0xffff, 8, 0),
    ] as [(UInt8, UInt32, UInt64, UInt8, UInt64)])
  func storage(region: UInt8, offset: UInt32, stored: UInt64, size: UInt8, read: UInt64) {
    var rig = PowerRig()
    #expect(rig.store(region, offset, stored, size: size) == .none)
    #expect(rig.load(region, offset, size: size) == read)
  }

  @Test("an access reaches just the bytes that it names", arguments: 0..<4 as Range<UInt32>)
  func bytes(byte: UInt32) {
    var rig = PowerRig()
    rig.store(1, 0x20, 0x4433_2211, size: 4)
    rig.store(1, 0x20 + byte, 0xee, size: 1)
    let shift = UInt64(byte) * 8
    let expected = 0x4433_2211 & ~(0xff << shift) | 0xee << shift
    #expect(rig.load(1, 0x20, size: 4) == expected)
    #expect(rig.load(1, 0x1d + byte, size: 8) == expected << (24 - shift))
  }

  @Test("PM1_STS is cleared by ones alone")
  func writeOneToClear() {
    var rig = PowerRig()
    rig.pressButton()
    rig.store(1, 0x00, 0x0001, size: 2)
    #expect(rig.load(1, 0x00, size: 2) == 0x0100)
    rig.store(1, 0x01, 0x01, size: 1)
    #expect(rig.load(1, 0x00, size: 2) == 0)
  }

  @Test("the RTC's PM1 enable is kept for its driver")
  func rtcEnable() {
    var rig = PowerRig()
    rig.store(1, 0x04, 0x0400, size: 4)
    #expect(rig.load(1, 0x04, size: 4) == 0x0400)
    rig.store(1, 0x00, 0x0400, size: 4)
    #expect(!rig.pulsed)
  }

  @Test("accesses beyond every region read 0 and do nothing", arguments: [0, 1, 2, 3, 4, 255] as [UInt8])
  func outside(region: UInt8) {
    var rig = PowerRig()
    let before = saved(rig.device)
    for size in [1, 2, 4, 8] as [UInt8] {
      #expect(rig.store(region, 0xffff_fff0, .max, size: size) == .none)
      #expect(rig.load(region, 0xffff_ffff, size: size) == 0)
    }
    #expect(saved(rig.device) == before)
  }
}

@Suite("Power: button and timer")
struct EventTests {
  @Test("the power button pulses, the event device says so once, and reading it ends the cause")
  func button() {
    var rig = PowerRig()
    rig.pressButton()
    #expect(rig.pulsed)
    #expect(rig.device.interruptPending)
    _ = rig.load(2, 0x1c, size: 1)
    #expect(rig.pulsed)
    #expect(rig.load(2, 0x00, size: 4) == 2)
    #expect(!rig.pulsed)
    #expect(rig.load(2, 0x00, size: 4) == 0)
    #expect(!rig.device.interruptPending)
  }

  @Test("a guest on ACPI's fixed hardware hears of the button by PM1, and clears it there")
  func buttonByFixedHardware() {
    var rig = PowerRig()
    rig.store(1, 0x04, 0x0100, size: 2)
    rig.pressButton()
    #expect(rig.load(1, 0x00, size: 2) & 0x0100 != 0)
    _ = rig.load(2, 0x00, size: 4)
    #expect(rig.pulsed)
    rig.store(1, 0x00, 0x0100, size: 2)
    #expect(!rig.pulsed)
    #expect(!rig.device.interruptPending)
  }

  @Test(
    "the PM timer counts 3.579545 MHz in 24 bits",
    arguments: [(0, 0), (second, 3_579_545), (10 * second, 35_795_450 % (1 << 24)), (280, 1), (279, 0)]
      as [(Int64, UInt64)])
  func timer(time: Int64, ticks: UInt64) {
    var rig = PowerRig()
    rig.now.monotonic = time
    #expect(rig.load(1, 0x0c, size: 4) == ticks)
  }

  @Test("TMR_STS is set at every change of the timer's top bit, by an interrupt if the guest wants one")
  func timerStatus() throws {
    var rig = PowerRig()
    #expect(rig.device.deadline == nil)
    rig.store(1, 0x04, 0x0001, size: 2)
    let half = try #require(rig.device.deadline)
    // 2²³ ticks.
    #expect(half == 2_343_484_438)
    rig.now.monotonic = half - 1
    rig.elapse()
    #expect(!rig.pulsed)
    rig.now.monotonic = half
    rig.elapse()
    #expect(rig.pulsed)
    #expect(rig.device.deadline == nil)
    rig.store(1, 0x00, 0x0001, size: 2)
    #expect(!rig.pulsed)
    #expect(rig.device.deadline.map { $0 > half } == true)
  }
}

@Suite("Power: saved state")
struct StateTests {
  private static let now = Instant(monotonic: 7 * second, realtime: 0)

  private static var busy: PowerDevice {
    var rig = PowerRig()
    rig.now = now
    rig.pressButton()
    for (region, offset, value) in [
      (1, 0x04, 0x0101), (1, 0x08, 0x0400), (1, 0x20, 0xabcd), (2, 0x1c, 0x10), (2, 0x04, 5), (2, 0x20, 6), (3, 0, 7),
      (3, 12, 8),
    ] as [(UInt8, UInt32, UInt64)] { rig.store(region, offset, value, size: 4) }
    return rig.device
  }

  @Test("a short state is refused", arguments: [0, 1, PowerDevice.stateSize - 1])
  func truncated(length: Int) {
    let bytes = Array(saved(Self.busy).prefix(length))
    #expect(throws: StateError.truncated) { try PowerDevice(restoring: bytes.span.bytes, at: Self.now) }
  }

  @Test("a busy device's state is taken and saves as it was")
  func roundTrip() throws {
    let bytes = saved(Self.busy)
    #expect(saved(try PowerDevice(restoring: bytes.span.bytes, at: Self.now)) == bytes)
  }

  @Test(
    "a value that the device cannot have written is refused",
    arguments: [(0, 1), (1, 0x10), (2, 0x80), (3, 0x80), (5, 1), (20, 0x7f), (21, 0xff), (22, 0x20)] as [(Int, UInt8)])
  func impossible(place: Int, value: UInt8) {
    var bytes = saved(Self.busy)
    bytes[place] = value
    #expect(throws: StateError.impossible("")) { try PowerDevice(restoring: bytes.span.bytes, at: Self.now) }
  }

  @Test("random scripts: saving and restoring before every step changes nothing", arguments: 0..<24 as Range<UInt64>)
  func transparent(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    #expect(DeviceScript<PowerDevice>.run(random.bytes(1500)) == nil)
  }

  @Test("random bytes as a state never trap, and what is accepted saves as it was", arguments: 0..<8 as Range<UInt64>)
  func hostile(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let good = saved(Self.busy)
    for _ in 0..<200 {
      var bytes = random.bytes(PowerDevice.stateSize)
      if seed > 1 { bytes = Array((random.mutate(good) + good).prefix(PowerDevice.stateSize)) }
      guard var device = try? PowerDevice(restoring: bytes.span.bytes, at: Self.now) else { continue }
      #expect(saved(device) == bytes)
      var effects = Effects()
      _ = device.deadline
      device.elapse(at: Instant(monotonic: .max, realtime: .min), &effects)
      _ = device.deadline
    }
  }
}
