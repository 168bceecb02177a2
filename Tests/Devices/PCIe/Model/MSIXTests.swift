import FuzzSupport
import PCIeModel
import Testing

@Suite("PCIe: MSI-X")
struct MSIXTests {
  @Test("the table: one vector for each queue and one more, masked after power-on")
  func table() {
    var rig = PCIeRig(.disk)
    #expect(rig.config(1, 0x42, 2) == 2)
    for vector in 0..<UInt32(3) { #expect(rig.bar(1, 0x800c + vector * 16, 4) == 1) }
    #expect(rig.bar(1, 0x8030, 4) == 0, "no fourth")
    rig.setBAR(1, 0x8010, 8, 0x1234_5678_9abc_deff)
    #expect(rig.bar(1, 0x8010, 8) == 0x1234_5678_9abc_defc)
    rig.setBAR(1, 0x8018, 8, 0xffff_fffe_0000_0041)
    #expect(rig.bar(1, 0x8018, 8) == 0x41, "of vector control one bit")
    rig.setBAR(1, 0x8019, 1, 0x7f)
    #expect(rig.bar(1, 0x8018, 4) == 0x7f41)
  }

  @Test("message control: enable and function mask are stored, the size is not")
  func control() {
    var rig = PCIeRig(.disk)
    rig.setConfig(1, 0x42, 2, 0xffff)
    #expect(rig.config(1, 0x42, 2) == 0xc002)
    rig.setConfig(1, 0x43, 1, 0x80)
    #expect(rig.config(1, 0x40) == 0x8002_5011)
  }

  @Test("a vector that does not exist reads back as none")
  func noSuchVector() {
    var rig = PCIeRig(.disk)
    rig.setBAR(1, 0x10, 2, 2)
    #expect(rig.bar(1, 0x10, 2) == 2)
    rig.setBAR(1, 0x10, 2, 3)
    #expect(rig.bar(1, 0x10, 2) == 0xffff)
    rig.setBAR(1, 0x1a, 2, 2)
    #expect(rig.bar(1, 0x1a, 2) == 2)
    rig.setBAR(1, 0x1a, 2, 0x8000)
    #expect(rig.bar(1, 0x1a, 2) == 0xffff)
  }

  /// What keeps a vector from being sent, and what lets it go again.
  enum Hold: CaseIterable {
    case vectorMask, functionMask, disabled, busMaster, address

    func set(_ rig: inout PCIeRig, _ held: Bool) {
      switch self {
      case .vectorMask: rig.setBAR(1, 0x801c, 4, held ? 1 : 0)
      case .functionMask: rig.setConfig(1, 0x42, 2, held ? 0xc000 : 0x8000)
      case .disabled: rig.setConfig(1, 0x42, 2, held ? 0 : 0x8000)
      case .busMaster: rig.setConfig(1, 0x04, 2, held ? 2 : 6)
      case .address: rig.setBAR(1, 0x8010, 4, held ? 0xfee0_0000 : 0x2ff0_0000)
      }
    }
  }

  @Test("what fires while it cannot be sent is pending, and is sent once when it can", arguments: Hold.allCases)
  func pending(hold: Hold) {
    var rig = PCIeRig(.disk)
    rig.start(1)
    #expect(rig.function(1).vectors.message(1) == 65)
    rig.device.fire(1, vector: 1)
    #expect(rig.device.takeFired(0) == 2)
    hold.set(&rig, true)
    #expect(rig.function(1).vectors.message(1) == nil)
    rig.device.fire(1, vector: 1)
    rig.device.fire(1, vector: 1)
    #expect(rig.device.takeFired(0) == 0)
    #expect(rig.bar(1, 0xc000, 8) == 2)
    hold.set(&rig, false)
    #expect(rig.bar(1, 0xc000, 8) == 0)
    #expect(rig.device.takeFired(0) == 2)
    #expect(rig.device.takeFired(0) == 0)
  }

  @Test("pending bits are not a guest's to write, and a vector that does not exist does not fire")
  func pendingBits() {
    var rig = PCIeRig(.disk)
    rig.setBAR(1, 0xc000, 8, .max)
    rig.device.fire(1, vector: 3)
    rig.device.fire(1, vector: 64)
    rig.device.fire(2, vector: 0)
    #expect(rig.bar(1, 0xc000, 8) == 0)
    rig.device.fire(1, vector: 2)
    #expect(rig.bar(1, 0xc000, 1) == 4)
  }

  /// What the specification says a vector may do, computed from nothing but registers as a guest reads them.
  private static func mayBeSent(_ rig: inout PCIeRig, _ vector: UInt32) -> Bool {
    let control = rig.config(1, 0x42, 2)
    let entry = 0x8000 + vector * 16
    return control & 0xc000 == 0x8000 && rig.config(1, 0x04, 2) & 4 != 0 && rig.bar(1, entry + 12, 4) & 1 == 0
      && rig.bar(1, entry, 8) == 0x2ff0_0000
  }

  @Test(
    "random masking and firing: a vector is sent or pending, never both, never neither, as registers alone say",
    arguments: 0..<6 as Range<UInt64>)
  func reference(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var rig = PCIeRig(.disk)
    rig.start(1)
    var pending: Set<UInt32> = []
    for step in 0..<400 {
      let vector = UInt32.random(in: 0..<3, using: &random)
      var sent: Set<UInt32> = []
      switch Int.random(in: 0..<6, using: &random) {
      case 0: rig.setBAR(1, 0x800c + vector * 16, 4, UInt64.random(in: 0...1, using: &random))
      case 1: rig.setConfig(1, 0x42, 2, [0, 0x8000, 0x8000, 0xc000].randomElement(using: &random) ?? 0)
      case 2: rig.setConfig(1, 0x04, 2, [2, 6, 6].randomElement(using: &random) ?? 6)
      case 3:
        rig.setBAR(1, 0x8000 + vector * 16, 4, [0x2ff0_0000, 0x2ff0_0000, 0x1000].randomElement(using: &random) ?? 0)
      default:
        rig.device.fire(1, vector: Int(vector))
        if Self.mayBeSent(&rig, vector) { sent.insert(vector) } else { pending.insert(vector) }
      }
      for waiting in pending where Self.mayBeSent(&rig, waiting) {
        sent.insert(waiting)
        pending.remove(waiting)
      }
      #expect(rig.device.takeFired(0) == sent.reduce(0) { $0 | 1 << UInt64($1) }, "step \(step)")
      #expect(rig.bar(1, 0xc000, 8) == pending.reduce(0) { $0 | 1 << UInt64($1) }, "step \(step)")
    }
  }
}
