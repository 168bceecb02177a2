import PCIeModel
import Testing

@Suite("PCIe: virtio transport")
struct VirtioTests {
  @Test("offered features leave out what is not a guest's or not this transport's")
  func offered() {
    var rig = PCIeRig(BackEndOffer(deviceID: 3, features: .max, queues: 2, config: []))
    rig.setBAR(1, 0x00, 4, 0)
    #expect(rig.bar(1, 0x04, 4) == 0x32ff_fffb, "not 24, 26, 27, 30, 31; not the console's 2")
    rig.setBAR(1, 0x00, 4, 1)
    #expect(rig.bar(1, 0x04, 4) == 0xffff_fc1d, "not 33, 37 to 41")
    rig.setBAR(1, 0x00, 4, 2)
    #expect(rig.bar(1, 0x04, 4) == 0)
  }

  @Test(
    "FEATURES_OK holds only for a subset with VERSION_1",
    arguments: [
      (Feature.version1, true), (Feature.version1 | 1 << 28, true), (1 << 28, false), (0, false),
      (Feature.version1 | 1 << 5, false), (Feature.version1 | Feature.ringPacked, false),
    ] as [(UInt64, Bool)])
  func negotiation(features: UInt64, accepted: Bool) {
    var rig = PCIeRig(.entropy)
    #expect(rig.negotiate(1, features) == accepted)
    rig.setStatus(1, 15)
    #expect(rig.status(1) == (accepted ? 15 : 3), "and DRIVER_OK only after it")
    #expect(rig.function(1).negotiated == (accepted ? features : 0))
  }

  @Test("settled features do not change; a reset forgets them")
  func settled() {
    var rig = PCIeRig(.entropy)
    _ = rig.negotiate(1, Feature.version1)
    rig.setBAR(1, 0x08, 4, 0)
    rig.setBAR(1, 0x0c, 4, 1 << 28)
    #expect(rig.function(1).driverFeatures == Feature.version1)
    rig.setStatus(1, 0)
    #expect(rig.status(1) == 0)
    #expect(rig.function(1).driverFeatures == 0)
  }

  @Test("a driver cannot take a status bit away or set DEVICE_NEEDS_RESET")
  func statusBits() {
    var rig = PCIeRig(.entropy)
    rig.setStatus(1, 0x70 | 3)
    rig.setStatus(1, 1)
    #expect(rig.status(1) == 3)
    rig.setStatus(1, 128)
    #expect(rig.status(1) == 131)
  }

  @Test("a queue's registers, by queue_select; where there is no queue, size 0")
  func queues() {
    var rig = PCIeRig(.disk)
    #expect(rig.bar(1, 0x12, 2) == 2)
    for queue in [0, 1, 2, 0xffff] as [UInt64] {
      rig.setBAR(1, 0x16, 2, queue)
      #expect(rig.bar(1, 0x16, 2) == queue)
      #expect(rig.bar(1, 0x18, 2) == (queue < 2 ? 256 : 0))
      #expect(rig.bar(1, 0x1a, 2) == 0xffff)
      #expect(rig.bar(1, 0x1e, 2) == (queue < 2 ? queue : 0), "queue_notify_off")
      rig.setBAR(1, 0x20, 8, 0x1111_2222_3333_4440)
      #expect(rig.bar(1, 0x20, 8) == (queue < 2 ? 0x1111_2222_3333_4440 : 0))
    }
    rig.setBAR(1, 0x16, 2, 1)
    rig.setBAR(1, 0x26, 2, 0xabcd)
    #expect(rig.bar(1, 0x20, 8) == 0xabcd_2222_3333_4440, "any bytes of an address")
  }

  @Test(
    "a split ring's size is a power of two up to 256",
    arguments: [(1, true), (2, true), (256, true), (0, false), (3, false), (255, false), (512, false), (0xffff, false)]
      as [(UInt64, Bool)])
  func sizes(size: UInt64, allowed: Bool) {
    var rig = PCIeRig(.disk)
    _ = rig.negotiate(1, Feature.version1)
    rig.setBAR(1, 0x18, 2, 64)
    rig.setBAR(1, 0x18, 2, size)
    #expect(rig.bar(1, 0x18, 2) == (allowed ? size : 64))
  }

  @Test("a packed ring's size is anything up to 256")
  func packedSizes() {
    var rig = PCIeRig(.disk)
    _ = rig.negotiate(1, Feature.version1 | Feature.ringPacked)
    rig.setBAR(1, 0x18, 2, 255)
    #expect(rig.bar(1, 0x18, 2) == 255)
    #expect(rig.function(1).isPacked)
  }

  @Test("an enabled queue stays as it is")
  func enabledQueue() {
    var rig = PCIeRig(.disk)
    rig.start(1)
    rig.setBAR(1, 0x16, 2, 0)
    rig.setBAR(1, 0x1c, 2, 0)
    rig.setBAR(1, 0x18, 2, 16)
    rig.setBAR(1, 0x20, 8, 0)
    #expect(rig.bar(1, 0x1c, 2) == 1)
    #expect(rig.bar(1, 0x18, 2) == 128)
    #expect(rig.bar(1, 0x20, 8) == 0x9100_0000)
    #expect(rig.function(1).runs(0))
    #expect(!rig.function(1).runs(1))
  }

  @Test(
    "a queue whose areas are not aligned breaks the device",
    arguments: [(0x20, 8), (0x28, 1), (0x30, 2)] as [(UInt32, UInt64)])
  func misaligned(register: UInt32, address: UInt64) {
    var rig = PCIeRig(.disk)
    _ = rig.negotiate(1, Feature.version1)
    rig.setBAR(1, register, 8, address)
    rig.setBAR(1, 0x1c, 2, 1)
    #expect(rig.status(1) == 11 | 64)
    #expect(rig.bar(1, 0x1c, 2) == 0)
  }

  @Test("rings run between DRIVER_OK and reset, while the function is bus master")
  func running() {
    var rig = PCIeRig(.disk)
    rig.start(1)
    #expect(rig.function(1).runs)
    rig.setConfig(1, 0x04, 2, 2)
    #expect(!rig.function(1).runs)
    rig.setConfig(1, 0x04, 2, 6)
    #expect(rig.function(1).runs)
    rig.setStatus(1, 0)
    #expect(!rig.function(1).runs)
  }

  @Test("the status reads as not 0 until the back-end is reset, and a driver that does not wait gets its device")
  func reset() {
    var rig = PCIeRig(.disk)
    rig.start(1)
    rig.setStatus(1, 0)
    #expect(rig.status(1) != 0)
    #expect(rig.function(1).resetting)
    rig.start(1)
    #expect(rig.status(1) == 15)
    #expect(!rig.function(1).runs, "the old rings may still be in use")
    rig.device.finishReset(1)
    #expect(rig.function(1).runs)
    rig.setStatus(1, 0)
    rig.device.finishReset(1)
    #expect(rig.status(1) == 0)
  }

  @Test("the device's configuration is bytes; beyond its end 0; not the driver's to write")
  func deviceConfig() {
    var rig = PCIeRig(.disk)
    #expect(rig.bar(1, 0x2000, 8) == 0x0807_0605_0403_0201)
    #expect(rig.bar(1, 0x2003, 1) == 4)
    #expect(rig.bar(1, 0x203a, 4) == 0x3c3b)
    #expect(rig.bar(1, 0x2ffc, 4) == 0)
    rig.setBAR(1, 0x2000, 8, .max)
    rig.setBAR(1, 0x2020, 1, 0)
    #expect(rig.bar(1, 0x2000, 1) == 1)
    #expect(rig.bar(1, 0x2020, 1) == 33)
  }

  @Test("a disk's cache mode is the driver's if CONFIG_WCE was negotiated, until reset")
  func cacheMode() {
    var rig = PCIeRig(.disk)
    _ = rig.negotiate(1, Feature.version1 | 1 << 11)
    rig.setBAR(1, 0x2020, 1, 0)
    #expect(rig.bar(1, 0x2020, 1) == 0)
    #expect(rig.function(1).cacheMode == 0)
    rig.setStatus(1, 0)
    #expect(rig.bar(1, 0x2020, 1) == 33)
  }

  @Test("a change of configuration: new generation, ISR bit, vector; reading the ISR takes it")
  func configChange() {
    var rig = PCIeRig(.disk)
    rig.start(1)
    let generation = rig.bar(1, 0x15, 1)
    rig.device.changeConfig(1, [9, 9])
    #expect(rig.bar(1, 0x15, 1) == generation + 1)
    #expect(rig.device.takeFired(0) == 1)
    #expect(rig.bar(1, 0x2000, 2) == 0x0909)
    #expect(rig.bar(1, 0x1000, 1) == 2)
    #expect(rig.bar(1, 0x1000, 1) == 0)
    rig.device.changeConfig(1, [9, 9])
    #expect(rig.device.takeFired(0) == 0, "no news")
  }

  @Test("a change that may not have been announced is announced again by a successor, unless the driver has read of it")
  func announcedAgain() {
    var rig = PCIeRig(.disk)
    rig.start(1)
    rig.device.announceAgain(1)
    #expect(rig.device.takeFired(0) == 0)
    rig.device.changeConfig(1, [9, 9])
    _ = rig.device.takeFired(0)
    rig.device.announceAgain(1)
    #expect(rig.device.takeFired(0) == 1)
    _ = rig.bar(1, 0x1000, 1)
    rig.device.announceAgain(1)
    #expect(rig.device.takeFired(0) == 0)
  }

  @Test("a back-end that takes over the driver's cache mode has no news for the driver")
  func ownNews() {
    var rig = PCIeRig(.disk)
    rig.start(1, features: Feature.version1 | 1 << 11)
    rig.setBAR(1, 0x2020, 1, 0)
    var config = BackEndOffer.disk.config
    config[32] = 0
    rig.device.changeConfig(1, config)
    #expect(rig.device.takeFired(0) == 0)
    config[0] = 77
    rig.device.changeConfig(1, config)
    #expect(rig.device.takeFired(0) == 1)
  }

  @Test(
    "a broken ring or an abandoned back-end: DEVICE_NEEDS_RESET and a configuration interrupt",
    arguments: [false, true])
  func broken(abandoned: Bool) {
    var rig = PCIeRig(.disk)
    rig.start(1)
    if abandoned { rig.device.abandon(1) } else { rig.device.breakDown(1) }
    #expect(rig.status(1) == 15 | 64)
    #expect(rig.device.takeFired(0) == 1)
    #expect(rig.bar(1, 0x1000, 1) == 2)
    #expect(rig.bar(1, 0x2000, 1) == 1, "configuration stays readable")
    rig.setStatus(1, 0)
    #expect((rig.status(1) == 0) == abandoned, "nobody has to be reset if nobody is there")
    rig.device.finishReset(1)
    #expect(rig.negotiate(1, Feature.version1) == !abandoned)
  }

  @Test("a back-end that comes back with fewer features than the driver relies on breaks the device")
  func lostFeatures() throws {
    var rig = PCIeRig(.entropy)
    rig.start(1, features: Feature.version1 | 1 << 28)
    var offer = BackEndOffer.entropy
    try rig.device.connect(1, offer)
    #expect(rig.status(1) == 15)
    offer.features = Feature.version1
    try rig.device.connect(1, offer)
    #expect(rig.status(1) == 15 | 64)
  }

  @Test("doorbells through the access ring, in any size", arguments: [1, 2, 4, 8] as [UInt8])
  func doorbells(size: UInt8) {
    var rig = PCIeRig(.disk)
    rig.start(1)
    rig.setBAR(1, 0x4004, size, 1)
    #expect(rig.device.takeKicks(0) == (size == 8 ? 6 : 2) & 2)
    rig.setBAR(1, 0x4008, size, 2)
    #expect(rig.device.takeKicks(0) == 0, "no such queue")
    #expect(rig.bar(1, 0x4000, 4) == 0)
  }
}

@Suite("PCIe: back-ends")
struct OfferTests {
  private static func offer(_ change: (inout BackEndOffer) -> Void) -> BackEndOffer {
    var offer = BackEndOffer.disk
    change(&offer)
    return offer
  }

  @Test("an offer that cannot be served is refused with a reason")
  func refused() {
    var rig = PCIeRig(.disk)
    #expect(throws: OfferError.slot) { try rig.device.connect(0, .disk) }
    #expect(throws: OfferError.slot) { try rig.device.connect(32, .disk) }
    #expect(throws: OfferError.slot) { try rig.device.connect(2, Self.offer { $0.deviceID = 64 }) }
    #expect(throws: OfferError.queueCount) { try rig.device.connect(2, Self.offer { $0.queues = 0 }) }
    #expect(throws: OfferError.queueCount) { try rig.device.connect(2, Self.offer { $0.queues = 33 }) }
    #expect(throws: OfferError.configSize) {
      try rig.device.connect(2, Self.offer { $0.config = [UInt8](repeating: 0, count: 257) })
    }
    #expect(throws: OfferError.legacy) { try rig.device.connect(2, Self.offer { $0.features = 1 << 28 }) }
    #expect(throws: OfferError.otherDevice) { try rig.device.connect(1, .entropy) }
    #expect(throws: OfferError.fewerQueues) { try rig.device.connect(1, Self.offer { $0.queues = 1 }) }
    #expect(rig.device.functions.count == 1)
  }

  @Test("16 functions with 10 queues each, and each has at least two vectors")
  func bindings() throws {
    var rig = PCIeRig()
    for slot in 1...16 { try rig.device.connect(slot, Self.offer { $0.queues = 10 }) }
    #expect(throws: OfferError.tooManyFunctions) { try rig.device.connect(17, .disk) }
    var doorbells: Set<Int> = []
    var messages: Set<Int> = []
    for function in rig.device.functions {
      let vectors = Int(rig.config(function.slot, 0x42, 2) & 0x7ff) + 1
      #expect(vectors >= 2)
      doorbells.formUnion(function.firstDoorbell..<function.firstDoorbell + 10)
      messages.formUnion(function.firstMessage..<function.firstMessage + vectors)
    }
    #expect(doorbells == Set(0..<160))
    #expect(messages == Set(0..<160))
  }

  @Test("more than 160 queues are refused")
  func tooManyQueues() throws {
    var rig = PCIeRig()
    for slot in 1...5 { try rig.device.connect(slot, Self.offer { $0.queues = 32 }) }
    #expect(throws: OfferError.tooManyQueues) { try rig.device.connect(6, .entropy) }
  }
}
