import KVMKernelModel
import Testing

@Suite struct ModelRegisterTests {
  private let counter: UInt64 = 0x9030_0000_0002_0001
  private let reset: UInt64 = 0x9030_0000_0002_0002

  @Test func aNewVCPUIsInDirectModeAndWithoutCPUID() {
    let raw = RawMachine(vcpus: 2, irqchip: false)

    #expect(raw.csr(1, 0x00) == 8)
    #expect(raw.csr(1, 0x20) == 256)
    #expect(raw.csr(1, 0x40) == 1)
    #expect(raw.model.configuration(vcpu: 1).allSatisfy { $0 == 0 })
  }

  @Test func cpuidIsSetOnceAndNotTwice() {
    let raw = RawMachine(vcpus: 2, irqchip: false)

    #expect(raw.setCSR(0, 0x20, 256) == Failure.invalid)
    #expect(raw.setCSR(0, 0x20, 3) == 0)
    #expect(raw.setCSR(0, 0x20, 3) == 0)
    #expect(raw.setCSR(0, 0x20, 4) == Failure.invalid)
    #expect(raw.setCSR(1, 0x20, 3) == Failure.invalid)
    #expect(raw.setCSR(1, 0x20, 4) == 0)
  }

  @Test func numbersFrom800OnAreInvalidAndOthersAreStored() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.setCSR(0, 0x800, 1) == Failure.invalid)
    #expect(raw.getRegister(0, 0x9030_0000_0001_0000 | 0xfff << 3).0 == Failure.invalid)
    #expect(raw.setCSR(0, 0x30, 0x1234) == 0)
    #expect(raw.csr(0, 0x30) == 0x1234)
    // GSTAT is the host's.
    #expect(raw.setCSR(0, 0x50, 1) == 0)
    #expect(raw.model.kernelHazards.count == 1)
  }

  @Test func onlyRegistersOf64BitsExist() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.setRegister(0, 0x9020_0000_0001_0000, 0) == Failure.invalid)
    #expect(raw.setRegister(0, 0x9030_0000_0000_0000, 0) == Failure.invalid)
    #expect(raw.setRegister(0, 0x9030_0000_0003_0000, 0) == Failure.invalid)
    #expect(raw.getRegister(0, 0x9030_0000_0002_0009).0 == Failure.invalid)
    #expect(raw.getRegister(0, 0x9030_0000_0002_0002).0 == Failure.invalid)
  }

  @Test func counterIsTheMachinesAndSetThroughVCPU0() {
    let raw = RawMachine(vcpus: 2, irqchip: false)

    #expect(raw.setRegister(1, counter, 5000) == 0)
    #expect(raw.getRegister(1, counter).1 == raw.model.hostTicks)
    #expect(raw.setRegister(0, counter, 5000) == 0)
    raw.model.advance(ticks: 20)
    #expect(raw.getRegister(1, counter).1 == 5020)
  }

  @Test(
    arguments: [
      (0, UInt64.max, Failure.invalid), (0, 0x0014_c010, 0), (1, 0x03f2_f2ee, 0), (1, 1 << 26, Failure.invalid),
      // Without the constant timer, with LSX but without FP, with LASX but without LSX, FP without double.
      (2, 0x0060_80cf, Failure.invalid), (2, 0x4040, Failure.invalid), (2, 0x408f, Failure.invalid),
      (2, 0x4003, Failure.invalid), (2, 0x0060_c0cf, 0), (2, 0x0060_c00f, 0), (2, 0x4000, 0),
      // LBT, PTW: the host has none.
      (2, 0x0064_c0cf, Failure.invalid), (2, 0x0160_c0cf, Failure.invalid),
      (3, 1, Failure.invalid), (3, 0, 0), (4, 100_000_000, 0), (6, 1, Failure.invalid), (7, 1, Failure.invalid),
      (7, 0, 0),
      (15, 1, Failure.invalid), (16, 0x1_ffff, 0), (16, 0x2_0000, Failure.invalid), (20, 0x7fff_ffff, 0),
      (21, 0, Failure.invalid),
    ] as [(UInt64, UInt64, Int)])
  func configurationIsWhatTheHostCanGive(word: UInt64, value: UInt64, expected: Int) {
    let raw = RawMachine(irqchip: false)

    #expect(raw.setConfiguration(0, word, value) == expected)
  }

  @Test func aStrongerHostGivesMore() {
    let raw = RawMachine(KernelModel(host: .la664), irqchip: false)

    #expect(raw.setConfiguration(0, 2, 0x0164_c0cf) == 0)
    #expect(raw.setConfiguration(0, 3, 0x0000_00fc) == 0)
    #expect(raw.setConfiguration(0, 3, 0x0000_00fe) == Failure.invalid)
    #expect(raw.setConfiguration(0, 6, 0x3f41) == 0)
    #expect(raw.setConfiguration(0, 6, 0x3f51) == Failure.invalid)
    #expect(raw.setConfiguration(0, 6, 0x1f41) == Failure.invalid)
  }

  @Test func translationRegistersNeedTheFeature() {
    let raw = RawMachine(KernelModel(host: .la664), irqchip: false)
    let scratch: UInt64 = 0x9030_0000_0005_0001

    #expect(raw.setRegister(0, scratch, 7) == Failure.noDeviceOrAddress)
    #expect(raw.setConfiguration(0, 2, 0x0064_c0cf) == 0)
    #expect(raw.setRegister(0, scratch, 7) == 0)
    #expect(raw.getRegister(0, scratch) == (0, 7))
    #expect(raw.setRegister(0, scratch + 6, 7) == Failure.invalid)
  }

  @Test func estatIsReplacedNowAndWasAddedTo() {
    for (version, expected) in [(KernelVersion.v7_2, UInt64(0x10)), (.v6_13, 0x1018)] {
      let raw = RawMachine(KernelModel(version: version), irqchip: false)

      #expect(raw.setCSR(0, 0x05, 0x1008) == 0)
      #expect(raw.setCSR(0, 0x05, 0x10) == 0)

      #expect(raw.csr(0, 0x05) == expected)
    }
  }

  @Test func resetOfAVCPUDropsWhatWaits() {
    let raw = RawMachine(irqchip: false)
    _ = raw.request(raw.vcpus[0], 0x4004_ae86, .u32(3))
    _ = raw.setCSR(0, 0x05, 0x1000)
    _ = raw.setCSR(0, 0x30, 77)

    #expect(raw.setRegister(0, reset, 0) == 0)

    #expect(raw.csr(0, 0x05) == 0)
    #expect(raw.csr(0, 0x30) == 77)
  }

  @Test(
    arguments: [
      (KernelVersion.v7_2, UInt32(3), 0), (.v7_2, UInt32(bitPattern: -3), 0), (.v7_2, 0, Failure.invalid),
      (.v7_2, 14, Failure.invalid), (.v7_2, 15, Failure.invalid), (.v7_3, 3, Failure.invalid),
    ] as [(KernelVersion, UInt32, Int)])
  func linesAreRaisedByNumber(version: KernelVersion, line: UInt32, expected: Int) {
    let raw = RawMachine(KernelModel(version: version))

    #expect(raw.request(raw.vcpus[0], 0x4004_ae86, .u32(line)) == expected)

    #expect(raw.model.lines(vcpu: 0) == (expected == 0 && line == 3 ? 8 : 0))
  }

  @Test func onlyRunnableIsAState() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.request(raw.vcpus[0], 0x4004_ae99, .u32(0)) == 0)
    #expect(raw.request(raw.vcpus[0], 0x4004_ae99, .u32(3)) == Failure.invalid)
    #expect(raw.request(raw.vcpus[0], 0x8004_ae98) == 0)
  }

  @Test func signalMaskHasEightBytes() {
    let raw = RawMachine(irqchip: false)

    #expect(raw.request(raw.vcpus[0], 0x4004_ae8b, .u32(8), .u64(0)) == 0)
    #expect(raw.request(raw.vcpus[0], 0x4004_ae8b, .u32(16), .u64(0)) == Failure.invalid)
    #expect(raw.model.control(raw.vcpus[0], 0x4004_ae8b, 0) == 0)
  }

  @Test func paravirtualFeaturesAreOneForAll() {
    let raw = RawMachine(vcpus: 2, irqchip: false)
    let word: UInt64 = 0x4000_0004

    #expect(raw.getAttribute(raw.vcpus[0], 0, word, as: UInt64.self) == (0, 0xe))
    #expect(raw.hasAttribute(raw.vcpus[0], 0, word) == 0)
    #expect(raw.setAttribute(raw.vcpus[0], 0, word, UInt64(1)) == Failure.invalid)
    #expect(raw.setAttribute(raw.vcpus[0], 0, word, UInt64(0x0100_0006)) == 0)
    #expect(raw.setAttribute(raw.vcpus[1], 0, word, UInt64(0x0100_0002)) == Failure.invalid)
    #expect(raw.setAttribute(raw.vcpus[1], 0, word, UInt64(0x0100_0006)) == 0)
    #expect(raw.setAttribute(raw.vcpus[1], 0, 2, UInt64(0)) == Failure.noDeviceOrAddress)
  }

  @Test func stealTimeIsInMemoryAndAligned() {
    let raw = RawMachine(irqchip: false)
    _ = raw.addMemory()

    #expect(raw.hasAttribute(raw.vcpus[0], 1, 0) == 0)
    #expect(raw.setAttribute(raw.vcpus[0], 1, 0, UInt64(0x8001)) == 0)
    #expect(raw.getAttribute(raw.vcpus[0], 1, 0, as: UInt64.self) == (0, 0x8001))
    #expect(raw.setAttribute(raw.vcpus[0], 1, 0, UInt64(0x8003)) == Failure.invalid)
    #expect(raw.setAttribute(raw.vcpus[0], 1, 0, UInt64(0x8000_0001)) == Failure.invalid)
    #expect(raw.setAttribute(raw.vcpus[0], 0, 0x4000_0004, UInt64(2)) == 0)
    #expect(raw.hasAttribute(raw.vcpus[0], 1, 0) == Failure.noDeviceOrAddress)
  }

  @Test func floatRegistersAreWholeNowAndWereFourBytes() {
    for (version, expected) in [(KernelVersion.v7_2, UInt64(0x0123_4567_89ab_cdef)), (.v6_13, 0x89ab_cdef)] {
      let raw = RawMachine(KernelModel(version: version), irqchip: false)
      let fields: [Field] = [.u32(1), .u32(0), .u64(1)] + (0..<128).map { _ in .u64(0x0123_4567_89ab_cdef) }
      var bytes = RawMachine.bytes(fields)

      bytes.withUnsafeMutableBytes { buffer in
        #expect(raw.model.control(raw.vcpus[0], 0x4410_ae8d, UInt(bitPattern: buffer.baseAddress)) == 0)
        #expect(raw.model.control(raw.vcpus[0], 0x8410_ae8c, UInt(bitPattern: buffer.baseAddress)) == 0)
        #expect(buffer.load(fromByteOffset: 16, as: UInt64.self) == expected)
      }

      #expect(raw.model.vectors(vcpu: 0)[1] == (version == .v7_2 ? expected : 0))
    }
  }
}
