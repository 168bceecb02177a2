import DeviceModel
import FuzzSupport
import Testing

@testable import SerialModel

@Suite("Serial: saved state")
struct StateTests {
  private static let now = SerialRig.now

  /// A device with something in every field.
  static var busy: SerialDevice {
    var rig = SerialRig()
    rig.openPort(trigger: 8)
    rig.store(.ier, 0x05)
    rig.store(.scr, 0x77)
    rig.offer([1, 2, 3])
    rig.send("\n[  1.5] Kern")
    rig.makeRoom(0)
    rig.send("el pan")
    rig.store(0, 0x44, region: 1)
    return rig.device
  }

  @Test("a short state is refused", arguments: [0, 1, SerialDevice.stateSize - 1])
  func truncated(length: Int) {
    let bytes = Array(saved(Self.busy).prefix(length))
    #expect(throws: StateError.truncated) { try SerialDevice(restoring: bytes.span.bytes, at: Self.now) }
  }

  @Test("the state is at most 1024 bytes and `save` writes all of it")
  func size() {
    #expect(SerialDevice.stateSize <= 1024)
    var bytes = [UInt8](repeating: 0xee, count: SerialDevice.stateSize + 1)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    Self.busy.save(into: &raw)
    #expect(bytes.last == 0xee)
    #expect(Array(bytes.dropLast()) == saved(Self.busy))
  }

  @Test(
    "a value that the device cannot have written is refused",
    arguments: [
      (0, 0), (1, 0x10), (2, 0x02), (2, 0xc0), (4, 0x20), (5, 0x10), (9, 2), (9, 1), (10, 200), (11, 1), (19, 2),
      (20, 0x08),
      (21, 0x01),
      (22, 17), (22, 200), (22, 2), (28, 1), (39, 17), (55, 1), (56, 17), (56, 16), (58, 1), (73, 7), (74, 26), (74, 0),
      (75, 2),
    ] as [(Int, UInt8)])
  func impossible(place: Int, value: UInt8) {
    var bytes = saved(Self.busy)
    bytes[place] = value
    #expect(throws: StateError.impossible("")) { try SerialDevice(restoring: bytes.span.bytes, at: Self.now) }
  }

  @Test("random scripts: saving and restoring before every step changes nothing", arguments: 0..<24 as Range<UInt64>)
  func transparent(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    #expect(DeviceScript<SerialDevice>.run(random.bytes(1500)) == nil)
  }

  @Test("random bytes as a state never trap, and what is accepted saves as it was", arguments: 0..<8 as Range<UInt64>)
  func hostile(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let good = saved(Self.busy)
    for _ in 0..<200 {
      var bytes = random.bytes(SerialDevice.stateSize)
      if seed > 1 { bytes = Array((random.mutate(good) + good).prefix(SerialDevice.stateSize)) }
      guard let device = try? SerialDevice(restoring: bytes.span.bytes, at: Self.now) else { continue }
      #expect(saved(device) == bytes)
    }
  }
}
