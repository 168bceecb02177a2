import KVMKernelModel
import Testing

// The model against the kernel's statements (reference A): what every other test stands on.

@Suite struct ModelSystemTests {
  @Test func kvmAnswersItsVersionAndTheSizeOfRun() {
    let model = KernelModel()

    #expect(model.control(model.system, 0xae00, 0) == 12)
    #expect(model.control(model.system, 0xae00, 1) == Failure.invalid)
    #expect(model.control(model.system, 0xae04, 0) == 32768)
  }

  @Test(
    arguments: [
      (KernelVersion.v6_12, 32, 0), (.v6_12, 77, 0), (.v6_12, 36, 1), (.v6_13, 32, 1), (.v6_13, 77, 1),
      (.v6_13, 25, 4096),
      (.v7_2, 82, 0), (.v7_2, 66, 256), (.v7_2, 136, 1), (.v7_2, 127, 0), (.v7_3, 127, 1), (.v7_3, 187, 1),
      (.v7_2, 101, 0),
    ] as [(KernelVersion, Int, Int)])
  func capabilitiesAreTheVersions(version: KernelVersion, number: Int, value: Int) {
    let model = KernelModel(version: version)

    #expect(model.control(model.system, 0xae03, UInt(number)) == value)
  }

  @Test func unknownRequestsAreRefusedAndKept() {
    let raw = RawMachine()

    #expect(raw.request(raw.machine, 0x4008_ae99) == Failure.notTTY)
    #expect(raw.request(raw.vcpus[0], 0x8000_aeff) == Failure.notTTY)
    #expect(raw.model.control(12345, 0xae01, 0) == Failure.badDescriptor)

    #expect(raw.model.unknownRequests == [0x4008_ae99, 0x8000_aeff])
  }

  @Test func createIRQChipSaysYesAndMakesNothing() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.request(raw.machine, 0xae60) == 0)

    #expect(raw.line(2, true) == Failure.noDeviceOrAddress)
  }

  @Test func vCPUsAreNumberedOnceAndBelow256() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.model.control(raw.machine, 0xae41, 0) == Failure.exists)
    #expect(raw.model.control(raw.machine, 0xae41, 256) == Failure.invalid)
    #expect(raw.model.control(raw.machine, 0xae41, 255) > 0)
  }

  @Test(
    arguments: [
      (HostFeatures.la464, [0, 1, 6, 7, 10]), (.la664, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      (.withoutVectors, [6, 7, 10]),
    ] as [(HostFeatures, [Int])])
  func machineAttributesTellTheHostsFeatures(host: HostFeatures, there: [Int]) {
    var host = host
    if there.contains(9) { host.configuration[1] |= 1 << 26 }
    let raw = RawMachine(KernelModel(host: host), irqchip: false)

    for feature in 0...11 {
      let expected = there.contains(feature) ? 0 : Failure.noDeviceOrAddress
      #expect(raw.hasAttribute(raw.machine, 0, UInt64(feature)) == expected, "feature \(feature)")
    }
    #expect(raw.hasAttribute(raw.machine, 1, 0) == Failure.noDeviceOrAddress)
  }
}

@Suite struct ModelMemoryTests {
  @Test(
    arguments: [
      (UInt64(0x1000), UInt64(0x4000), UInt64(0x10_0000), Failure.invalid),
      (0x4000, 0x1000, 0x10_0000, Failure.invalid),
      (0x4000, 0x4000, 0x10_1000, Failure.invalid),
      (1 << 47, 0x4000, 0x10_0000, Failure.noMemory),
      ((1 << 47) - 0x4000, 0x8000, 0x10_0000, Failure.noMemory),
      (UInt64.max - 0x3fff, 0x8000, 0x10_0000, Failure.invalid),
      (0x4000, 0, 0x10_0000, Failure.invalid),
      ((1 << 47) - 0x4000, 0x4000, 0x10_0000, 0),
    ] as [(UInt64, UInt64, UInt64, Int)])
  func slotsMustFit(address: UInt64, size: UInt64, host: UInt64, expected: Int) {
    let raw = RawMachine(irqchip: false)

    #expect(raw.slot(0, address, size, host) == expected)
  }

  @Test func slotsDoNotOverlapAndGoBySizeZero() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory(0, at: 0x10_0000)
    let host = UInt64(UInt(bitPattern: memory.base))

    #expect(raw.slot(1, 0x10_4000, 0x4000, host) == Failure.exists)
    #expect(raw.slot(1, 0x0f_c000, 0x4000, host) == 0)
    #expect(raw.slot(0, 0x10_0000, 0x4000, host) == Failure.invalid)
    #expect(raw.slot(0, 0x10_0000, UInt64(memory.size), host, flags: 2) == Failure.invalid)
    #expect(raw.slot(0, 0x10_0000, UInt64(memory.size), host, flags: 1) == 0)
    #expect(raw.slot(0, 0x10_0000, UInt64(memory.size), host, flags: 8) == Failure.invalid)
    #expect(raw.slot(0, 0x10_0000, 0, host) == 0)
    #expect(raw.slot(1, 0x0f_c000, 0, host) == 0)

    #expect(raw.model.memorySlots().isEmpty)
  }

  @Test func dirtyPagesAreToldOnce() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory(0, at: 0, flags: 1)
    memory.place(
      GuestProgram {
        $0.setMemory(0x8000, 1)
        $0.idle()
      }, at: 0x1000)
    raw.setPC(0, 0x1000)
    _ = raw.run()
    var bitmap: UInt64 = 0

    func take() -> Int {
      withUnsafeMutablePointer(to: &bitmap) {
        raw.request(raw.machine, 0x4010_ae42, .u32(0), .u32(0), .u64(UInt64(UInt(bitPattern: $0))))
      }
    }

    #expect(take() == 0)
    #expect(bitmap == 1 << 2)
    #expect(take() == 0)
    #expect(bitmap == 0)
    #expect(raw.request(raw.machine, 0x4010_ae42, .u32(3), .u32(0), .u64(0)) == Failure.noEntry)
  }
}
