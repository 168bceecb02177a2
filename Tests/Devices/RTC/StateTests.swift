import DeviceModel
import FuzzSupport
import Testing

@testable import RTCModel

@Suite("RTC: saved state")
struct StateTests {
  /// A device with something in every field.
  static var busy: RTCDevice {
    var rig = RTCRig()
    rig.store(0x40, 0x2900)
    rig.store(0x20, 0x1111)
    rig.store(0x60, 0x2222)
    rig.store(0x34, toyMatch(2026, 7, 25, 17, 20, 0))
    rig.store(0x38, toyMatch(2031, 1, 1, 0, 0, 0))
    rig.store(0x6c, 77)
    rig.store(0x24, toyLow(7, 25, 17, 20, 0))
    return rig.device
  }

  @Test("a short state is refused", arguments: [0, 1, RTCDevice.stateSize - 1])
  func truncated(length: Int) {
    let bytes = Array(saved(Self.busy).prefix(length))
    #expect(throws: StateError.truncated) { try RTCDevice(restoring: bytes.span.bytes, at: RTCRig.start) }
  }

  @Test("a busy device's state is taken, is as long as it says, and saves as it was")
  func roundTrip() throws {
    let bytes = saved(Self.busy)
    #expect(RTCDevice.stateSize <= 1024)
    #expect(bytes.last != 0xee)
    #expect(saved(try RTCDevice(restoring: bytes.span.bytes, at: RTCRig.start)) == bytes)
  }

  @Test(
    "a value that the device cannot have written is refused",
    arguments: [(0, 0), (1, 1), (2, 0x01), (13, 0x40), (22, 2), (22, 0), (27, 1), (31, 1), (35, 1), (67, 1), (71, 1)]
      as [(Int, UInt8)])
  func impossible(place: Int, value: UInt8) {
    var bytes = saved(Self.busy)
    bytes[place] ^= value
    if place == 0 || place == 22 { bytes[place] = value }
    #expect(throws: StateError.impossible("")) { try RTCDevice(restoring: bytes.span.bytes, at: RTCRig.start) }
  }

  @Test("random scripts: saving and restoring before every step changes nothing", arguments: 0..<24 as Range<UInt64>)
  func transparent(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    #expect(DeviceScript<RTCDevice>.run(random.bytes(1500)) == nil)
  }

  @Test("random bytes as a state never trap, and what is accepted saves as it was", arguments: 0..<8 as Range<UInt64>)
  func hostile(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let good = saved(Self.busy)
    for _ in 0..<200 {
      var bytes = random.bytes(RTCDevice.stateSize)
      if seed > 1 { bytes = Array((random.mutate(good) + good).prefix(RTCDevice.stateSize)) }
      guard var device = try? RTCDevice(restoring: bytes.span.bytes, at: RTCRig.start) else { continue }
      #expect(saved(device) == bytes)
      var effects = Effects()
      _ = device.deadline
      device.elapse(at: Instant(monotonic: .max, realtime: .max), &effects)
      _ = device.deadline
    }
  }
}
