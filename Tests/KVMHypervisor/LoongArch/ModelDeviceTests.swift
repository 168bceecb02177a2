import KVMKernelModel
import Testing

@Suite struct ModelDeviceTests {
  @Test(arguments: KernelVersion.allCases)
  func deviceTypesAreTheVersions(version: KernelVersion) {
    let raw = RawMachine(KernelModel(version: version), irqchip: false)
    let expected = version >= .v6_13 ? 0 : Failure.noDevice

    #expect(raw.create(DeviceType.pchPIC, flags: 1) == expected)
    #expect(raw.create(DeviceType.pchPIC) == expected)
    #expect(raw.create(DeviceType.dmsintc, flags: 1) == Failure.noDevice)
    #expect(raw.create(99, flags: 1) == Failure.noDevice)
  }

  @Test func testingMakesNothingAndMakingWorksOnce() {
    let raw = RawMachine(irqchip: false)

    for type in [DeviceType.ipi, DeviceType.eiointc, DeviceType.pchPIC] {
      #expect(raw.create(type, flags: 1) == 0)
      #expect(raw.create(type) == 0)
      #expect(raw.create(type) == Failure.invalid)
    }

    #expect(raw.model.openDescriptors == 1 + 1 + 3)
  }

  @Test func messageControllerExistsWithMessageInterruptsOnly() {
    var host = HostFeatures.la464
    host.configuration[1] |= 1 << 26
    let raw = RawMachine(KernelModel(host: host), irqchip: false)

    #expect(raw.create(DeviceType.dmsintc) == 0)
    #expect(raw.set(DeviceType.dmsintc, 0x4000_0007, 0, UInt64(0x2fe0_0001)) == Failure.invalid)
    #expect(raw.set(DeviceType.dmsintc, 0x4000_0007, 0, UInt64(0x2fe0_0000)) == 0)
    #expect(raw.set(DeviceType.dmsintc, 0x4000_0007, 0, UInt64(0x2fe0_0000)) == Failure.fault)
    #expect(raw.set(DeviceType.dmsintc, 0x4000_0007, 2, UInt64(0)) == Failure.noDeviceOrAddress)
  }

  @Test func newPICIsZeroIn613AndResetIn72() throws {
    for (version, mask, vector) in [(KernelVersion.v6_13, UInt64(0), UInt8(0)), (.v7_2, .max, 5)] {
      let raw = RawMachine(KernelModel(version: version), irqchip: false)
      _ = raw.create(DeviceType.pchPIC)

      let (result, value) = raw.get(DeviceType.pchPIC, 0x4000_0005, 0x20, as: UInt64.self)
      let pic = try #require(raw.model.pic())
      #expect(result == 0)
      #expect(value == mask)
      #expect(pic.vector[5] == vector)
      #expect(pic.route[5] == (version == .v7_2 ? 1 : 0))
      #expect(pic.vector[40] == 0)
      #expect((pic.edge, pic.request, pic.inService) == (0, 0, 0))
    }
  }

  @Test(arguments: [UInt64(0x20), 0x40, 0x60, 0xc0, 0xe0, 0x380, 0x3a0, 0x3e0])
  func picWordsAreWrittenAndReadBack(offset: UInt64) {
    let raw = RawMachine()

    #expect(raw.set(DeviceType.pchPIC, 0x4000_0005, offset, UInt64(0x0123_4567_89ab_cdef)) == 0)

    #expect(raw.get(DeviceType.pchPIC, 0x4000_0005, offset, as: UInt64.self) == (0, 0x0123_4567_89ab_cdef))
  }

  @Test(arguments: [UInt64(0x00), 0x24, 0x80, 0x140, 0x240, 0x388, 0x400])
  func otherPICOffsetsAreRefused(offset: UInt64) {
    let raw = RawMachine()

    #expect(raw.get(DeviceType.pchPIC, 0x4000_0005, offset, as: UInt64.self).0 == Failure.invalid)
    #expect(raw.set(DeviceType.pchPIC, 0x4000_0005, offset, UInt64(0)) == Failure.invalid)
  }

  @Test func unknownGroupsAreRefusedAndHasAttributeIsNotPermitted() {
    let raw = RawMachine()

    for type in [DeviceType.ipi, DeviceType.eiointc, DeviceType.pchPIC] {
      #expect(raw.set(type, 0x4000_0099, 0, UInt64(0)) == Failure.invalid)
      #expect(raw.hasAttribute(raw.devices[type] ?? 0, 0x4000_0001, 0) == Failure.permission)
    }
    #expect(raw.get(DeviceType.pchPIC, 0x4000_0006, 0, as: UInt64.self).0 == Failure.invalid)
    #expect(raw.get(DeviceType.eiointc, 0x4000_0004, 0, as: UInt32.self).0 == Failure.invalid)
  }

  @Test(
    arguments: [
      (KernelVersion.v6_13, UInt32(255), 0), (.v6_13, 256, Failure.invalid), (.v7_2, 256, 0),
      (.v7_2, 257, Failure.invalid),
    ] as [(KernelVersion, UInt32, Int)])
  func eiointcTakesSoManyCPUs(version: KernelVersion, count: UInt32, expected: Int) {
    let raw = RawMachine(KernelModel(version: version))

    #expect(raw.set(DeviceType.eiointc, 0x4000_0004, 0, count) == expected)
  }

  @Test func eiointcWithoutExtensionIsEnabledByItself() {
    let raw = RawMachine()

    #expect(raw.get(DeviceType.eiointc, 0x4000_0003, 2, as: UInt32.self) == (0, 2))
    #expect(raw.get(DeviceType.eiointc, 0x4000_0003, 0, as: UInt32.self) == (0, 1))
    #expect(raw.set(DeviceType.eiointc, 0x4000_0003, 1, UInt32(15)) == 0)
    #expect(raw.get(DeviceType.eiointc, 0x4000_0003, 1, as: UInt32.self) == (0, 0))
  }

  @Test func eiointcRegistersAreOfFourBytesAndPendingOfACPU() {
    let raw = RawMachine(vcpus: 2)

    for offset in [UInt64(0xa0), 0xbc, 0xc4, 0x21c, 0x280, 0x300, 0x800, 0x8fc] {
      #expect(raw.set(DeviceType.eiointc, 0x4000_0002, offset, UInt32(0x89ab_cdef)) == 0)
      #expect(raw.get(DeviceType.eiointc, 0x4000_0002, offset, as: UInt32.self) == (0, 0x89ab_cdef))
    }
    #expect(raw.set(DeviceType.eiointc, 0x4000_0002, 1 << 16 | 0x404, UInt32(7)) == 0)
    #expect(raw.get(DeviceType.eiointc, 0x4000_0002, 0x404, as: UInt32.self) == (0, 0))
    #expect(raw.set(DeviceType.eiointc, 0x4000_0002, 2 << 16 | 0x404, UInt32(7)) == Failure.invalid)
    #expect(raw.set(DeviceType.eiointc, 0x4000_0002, 0x500, UInt32(7)) == Failure.invalid)
  }

  @Test func ipiRegistersNeedTheirVCPU() {
    let raw = RawMachine()

    #expect(raw.set(DeviceType.ipi, 0x4000_0001, 0x04, UInt32.max) == 0)
    #expect(raw.set(DeviceType.ipi, 0x4000_0001, 0x38, UInt64(0x1234_5678_9abc)) == 0)
    #expect(raw.get(DeviceType.ipi, 0x4000_0001, 0x38, as: UInt64.self) == (0, 0x1234_5678_9abc))
    #expect(raw.set(DeviceType.ipi, 0x4000_0001, 1 << 16, UInt32(0)) == Failure.invalid)
    #expect(raw.set(DeviceType.ipi, 0x4000_0001, 0x40, UInt32(0)) == Failure.invalid)
  }
}

@Suite struct ModelBindingTests {
  @Test(arguments: [[UInt32](), [12], [12, 13], [13, 14], [12, 14], [12, 13, 14]])
  func interruptsNeedAllThreeDevices(types: [UInt32]) {
    let raw = RawMachine(irqchip: false)
    for type in types { _ = raw.create(type) }
    let event = TestEvent()
    let isWhole = types.count == 3

    #expect(raw.irqfd(event.descriptor, gsi: 2) == (isWhole ? 0 : Failure.again))
    #expect(raw.line(2, true) == (isWhole ? 0 : Failure.noDeviceOrAddress))
    #expect(raw.message(40) == (isWhole ? 0 : Failure.invalid))
  }

  @Test func anEventfdRaisesOneGSIOnly() {
    let raw = RawMachine()
    let event = TestEvent()

    #expect(raw.irqfd(event.descriptor, gsi: 2) == 0)
    #expect(raw.irqfd(event.descriptor, gsi: 2) == Failure.busy)
    #expect(raw.irqfd(event.descriptor, gsi: 3) == Failure.busy)
    // No such binding is no error.
    #expect(raw.irqfd(event.descriptor, gsi: 3, flags: 1) == 0)
    #expect(raw.irqfd(event.descriptor, gsi: 2, flags: 1) == 0)
    #expect(raw.irqfd(event.descriptor, gsi: 3) == 0)
    #expect(raw.model.irqfdCount() == 1)
  }

  @Test func badDescriptorsAndFlagsAreRefused() {
    let raw = RawMachine()
    let event = TestEvent()
    let resample = TestEvent()

    #expect(raw.irqfd(-1, gsi: 2) == Failure.badDescriptor)
    #expect(raw.irqfd(0x7fff_0000, gsi: 2) == Failure.badDescriptor)
    #expect(raw.irqfd(0, gsi: 2) == Failure.invalid)
    #expect(raw.irqfd(event.descriptor, gsi: 2, flags: 4) == Failure.invalid)
    #expect(raw.irqfd(event.descriptor, gsi: 2, flags: 2, resample: -1) == Failure.badDescriptor)
    #expect(raw.irqfd(event.descriptor, gsi: 2, flags: 2, resample: resample.descriptor) == 0)
  }

  @Test func anEventfdThatIsReadableInjectsOnceWhenItIsBound() throws {
    let raw = RawMachine()
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x60, UInt64(1 << 2))
    let event = TestEvent()
    event.signal()

    _ = raw.irqfd(event.descriptor, gsi: 2)
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x380, UInt64(0))
    raw.model.takeSignals()

    #expect(try #require(raw.model.pic()).request == 0)
    raw.model.signal(eventfd: event.descriptor)
    #expect(try #require(raw.model.pic()).request == 1 << 2)
  }

  @Test func routesReplaceAllOrNothing() {
    let raw = RawMachine()
    func route(_ fields: [Field]) -> Int {
      var bytes = RawMachine.bytes(fields)
      return bytes.withUnsafeMutableBytes {
        raw.model.control(raw.machine, 0x4008_ae6a, UInt(bitPattern: $0.baseAddress))
      }
    }
    func entry(_ gsi: UInt32, _ type: UInt32, _ words: UInt32..., flags: UInt32 = 0) -> [Field] {
      let words = words + [UInt32](repeating: 0, count: 8 - words.count)
      return [.u32(gsi), .u32(type), .u32(flags), .u32(0)] + words.map { .u32($0) }
    }

    #expect(raw.model.routeCounts() == (64, 0))
    #expect(route([.u32(1), .u32(0)] + entry(3, 1, 0, 64)) == Failure.invalid)
    #expect(route([.u32(1), .u32(0)] + entry(4096, 1, 0, 3)) == Failure.invalid)
    #expect(route([.u32(1), .u32(0)] + entry(3, 7, 0, 3)) == Failure.invalid)
    #expect(route([.u32(1), .u32(1)] + entry(3, 1, 0, 3)) == Failure.invalid)
    #expect(route([.u32(1), .u32(0)] + entry(3, 1, 1, 3)) == Failure.invalid)
    #expect(route([.u32(2), .u32(0)] + entry(3, 1, 0, 3) + entry(3, 2, 0, 0, 40)) == Failure.invalid)
    #expect(raw.model.routeCounts() == (64, 0))
    #expect(route([.u32(2), .u32(0)] + entry(3, 1, 0, 3) + entry(70, 2, 0x2ff0_0000, 0, 40)) == 0)
    #expect(raw.model.routeCounts() == (1, 1))
  }

  @Test func otherChipsWereTakenBy613() {
    let raw = RawMachine(KernelModel(version: .v6_13))
    var bytes = RawMachine.bytes([.u32(1), .u32(0), .u32(3), .u32(1), .u32(0), .u32(0), .u32(1), .u32(3)])

    let result = bytes.withUnsafeMutableBytes {
      raw.model.control(raw.machine, 0x4008_ae6a, UInt(bitPattern: $0.baseAddress))
    }

    #expect(result == 0)
  }

  @Test func messagesBeyond255AreRefusedAndWereAHazard() {
    for (version, expected) in [(KernelVersion.v7_2, Failure.invalid), (.v6_13, 0)] {
      let raw = RawMachine(KernelModel(version: version))

      #expect(raw.message(256) == expected)

      #expect(raw.model.kernelHazards.count == (version == .v7_2 ? 0 : 1))
    }
  }

  @Test func doorbellsCollideAsTheKernelSays() {
    let raw = RawMachine()
    let one = TestEvent()
    let other = TestEvent()

    #expect(raw.ioeventfd(one.descriptor, 0x2000_0000, length: 4) == 0)
    #expect(raw.ioeventfd(other.descriptor, 0x2000_0000, length: 4) == Failure.exists)
    #expect(raw.ioeventfd(other.descriptor, 0x2000_0000, length: 4, match: 1, flags: 1) == Failure.exists)
    #expect(raw.ioeventfd(other.descriptor, 0x2000_0000, length: 0) == Failure.exists)
    #expect(raw.ioeventfd(other.descriptor, 0x2000_0000, length: 2) == 0)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0008, length: 8, match: 1, flags: 1) == 0)
    #expect(raw.ioeventfd(other.descriptor, 0x2000_0008, length: 8, match: 2, flags: 1) == 0)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0010, length: 3) == Failure.invalid)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0010, length: 0, match: 1, flags: 1) == Failure.invalid)
    #expect(raw.ioeventfd(one.descriptor, .max - 1, length: 4) == Failure.invalid)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0010, length: 4, flags: 0x10) == Failure.invalid)
    #expect(raw.ioeventfd(-1, 0x2000_0010, length: 4) == Failure.badDescriptor)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0000, length: 8, flags: 4) == Failure.noEntry)
    #expect(raw.ioeventfd(one.descriptor, 0x2000_0000, length: 4, flags: 4) == 0)
    #expect(raw.model.doorbellCount() == 3)
  }
}
