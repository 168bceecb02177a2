import DeviceModel
import FuzzSupport
import PCIeModel
import Testing

@Suite("PCIe: saved state")
struct StateTests {
  static var busy: PCIeDevice {
    var rig = PCIeRig(.entropy, .disk)
    rig.start(1)
    rig.start(2, features: Feature.version1 | 1 << 11)
    rig.setBAR(2, 0x2020, 1, 1)
    rig.setConfig(2, 0x42, 2, 0xc000)
    rig.device.fire(2, vector: 1)
    rig.device.changeConfig(2, [1, 2, 3])
    rig.setConfig(2, 0x9c, 4, 0x1234)
    rig.setStatus(1, 0)
    return rig.device
  }

  private static func restored(_ bytes: [UInt8]) throws(StateError) -> PCIeDevice {
    try PCIeDevice(restoring: bytes.span.bytes, at: PCIeRig.now)
  }

  @Test("a short state is refused", arguments: [0, 8, PCIeDevice.stateSize - 1])
  func truncated(length: Int) {
    let bytes = Array(saved(Self.busy).prefix(length))
    #expect(throws: StateError.truncated) { try Self.restored(bytes) }
  }

  @Test("saving and restoring changes nothing, and the state is 128 KiB")
  func roundTrip() throws {
    #expect(PCIeDevice.stateSize == 128 << 10)
    for device in [Self.busy, PCIeDevice(at: PCIeRig.now)] {
      #expect(saved(try Self.restored(saved(device))) == saved(device))
    }
  }

  @Test(
    "every function's block alone, changed in any byte, is refused or is another device", arguments: [0, 4096, 8192])
  func everyByte(block: Int) {
    let good = saved(Self.busy)
    for place in block..<block + 500 {
      for change in [0x01, 0xff] as [UInt8] {
        var bytes = good
        bytes[place] ^= change
        guard let device = try? Self.restored(bytes) else { continue }
        #expect(saved(device) == bytes, "byte \(place)")
      }
    }
  }

  @Test("something where nothing belongs is refused", arguments: [100, 4096 * 2 + 2000, 4096 * 3, 4096 * 31 + 4095])
  func leftover(place: Int) {
    var bytes = saved(Self.busy)
    bytes[place] = 1
    #expect(throws: StateError.impossible("")) { try Self.restored(bytes) }
  }

  @Test("changes alone, written to two slots in turn, are the whole state", arguments: 0..<4 as Range<UInt64>)
  func changes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var guest = RandomGuest(random: random)
    var slots = [[UInt8]](repeating: random.bytes(PCIeDevice.stateSize), count: 2)
    for step in 0..<100 {
      guest.step()
      var span = slots[step & 1].mutableSpan
      var raw = span.mutableBytes
      guest.rig.device.saveChanges(into: &raw)
      if step % 10 == 0 || step < 3 { #expect(slots[step & 1] == saved(guest.rig.device), "step \(step)") }
    }
  }

  @Test(
    "a device that is saved and restored before any step behaves like one that is not",
    arguments: 0..<8 as Range<UInt64>)
  func transparent(seed: UInt64) throws {
    var guest = RandomGuest(random: SeededRandom(seed: seed))
    for _ in 0..<60 {
      var twin = guest
      twin.rig.device = try Self.restored(saved(guest.rig.device))
      #expect(guest.step() == twin.step())
      #expect(saved(guest.rig.device) == saved(twin.rig.device))
      #expect(guest.asksForNothingForeign)
    }
  }
}

/// A guest without sense, and back-ends that come and go.
struct RandomGuest {
  var random: SeededRandom
  var rig = PCIeRig(.entropy, .disk)

  init(random: SeededRandom) { self.random = random }

  /// One thing that happens; what a load gave.
  @discardableResult
  mutating func step() -> UInt64 {
    let slot = Int.random(in: 1...2, using: &random)
    switch Int.random(in: 0..<20, using: &random) {
    case 0: rig.start(slot, features: Feature.version1 | random.next() & (1 << 34 | 1 << 28 | 1 << 11))
    case 1: rig.setStatus(slot, 0)
    case 2: rig.device.finishReset(slot)
    case 3: rig.device.fire(slot, vector: Int.random(in: 0..<4, using: &random))
    case 4: rig.device.changeConfig(slot, random.bytes(Int.random(in: 0...256, using: &random)))
    case 5: if Int.random(in: 0..<4, using: &random) == 0 { rig.device.abandon(slot) }
    case 6: try? rig.device.connect(slot, slot == 1 ? .entropy : .disk)
    case 7: rig.device.breakDown(slot)
    case 8...12: return access(PCIWindow.ecam, UInt32(slot) << 15 | UInt32.random(in: 0..<0xb0, using: &random))
    case 13...15: return access(PCIWindow.memory, bar(slot) &+ UInt32.random(in: 0..<0x40, using: &random))
    default:
      let place: UInt32 = [0x1000, 0x2020, 0x4000, 0x8000, 0x8010, 0x801c, 0xc000].randomElement(using: &random) ?? 0
      return access(PCIWindow.memory, bar(slot) &+ place)
    }
    return 0
  }

  /// Doorbells lie in the memory window, messages go to the interrupt controller, ids are each function's own.
  var asksForNothingForeign: Bool {
    rig.device.functions.allSatisfy { function in
      (0..<function.queues.count).allSatisfy { queue in
        guard let address = function.doorbell(queue) else { return true }
        return address >= 0x4000_0000 && address < 0x8000_0000 - 4
      } && function.firstDoorbell + function.queues.count <= 160
        && function.firstMessage + function.vectors.count <= 160
    }
  }

  private mutating func bar(_ slot: Int) -> UInt32 { UInt32(truncatingIfNeeded: rig.config(slot, 0x10)) & 0x3fff_0000 }

  private mutating func access(_ region: UInt8, _ offset: UInt32) -> UInt64 {
    let size: UInt8 = [1, 2, 4, 8].randomElement(using: &random) ?? 4
    guard Bool.random(using: &random) else { return rig.read(region, offset, size) }
    let value = Bool.random(using: &random) ? random.next() : UInt64.random(in: 0...15, using: &random)
    rig.write(region, offset, size, value)
    return 0
  }
}
