import KVMKernelModel
import Testing

// The LS7A, EIOINTC and IPI rules (reference B.2, B.4, C.2, C.3), and section I's proof obligations.

/// Machines whose EIOINTC has everything enabled and leads vectors by `map` to the lines.
private func enabledMachine(
  _ version: KernelVersion = .v7_2, vcpus: Int = 1, map: UInt64 = 0x0202_0202_0202_0202
) -> RawMachine {
  let raw = RawMachine(KernelModel(version: version), vcpus: vcpus)
  raw.guestSetsIOCSR(0x14c0, map & 0xffff_ffff)
  raw.guestSetsIOCSR(0x14c4, map >> 32)
  for word in 0..<8 { raw.guestSetsIOCSR(0x1600 + UInt64(word) * 4, 0xffff_ffff) }
  return raw
}

extension RawMachine {
  /// The guest programs a pin: edge or level, unmasked.
  fileprivate func program(_ pin: UInt64, edge: Bool, masked: Bool = false) {
    guestStores(edge ? 1 << pin : 0, to: 0x1000_0060)
    guestStores(masked ? 0xffff_ffff : ~(1 << pin) & 0xffff_ffff, to: 0x1000_0020)
  }
  fileprivate func clear(_ pin: UInt64) { guestStores(1 << pin, to: 0x1000_0080) }
  fileprivate func acknowledge(_ vector: Int) {
    guestSetsIOCSR(0x1800 + UInt64(vector / 32) * 4, 1 << UInt64(vector % 32))
  }
  fileprivate var pending: [UInt64] { model.eiointc()?.pending[0] ?? [] }
  fileprivate var hardwareLines: UInt64 { model.lines(vcpu: 0) & 0x3fc }
}

private let hwi1: UInt64 = 1 << 3

@Suite struct ModelPulseTests {
  @Test(arguments: [KernelVersion.v6_13, .v7_2, .v7_3])
  func aPulseOnAnEdgePinReachesTheLineAndClearingDropsIt(version: KernelVersion) throws {
    let raw = enabledMachine(version)
    raw.program(2, edge: true)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)

    raw.model.signal(eventfd: event.descriptor)

    // Reference H.1: irr = isr = COREISR = 4.
    var pic = try #require(raw.model.pic())
    #expect((pic.request, pic.inService) == (4, 4))
    #expect(raw.pending[0] == 4)
    #expect(raw.hardwareLines == hwi1)
    raw.clear(2)
    pic = try #require(raw.model.pic())
    #expect((pic.request, pic.inService) == (0, 0))
    #expect(raw.pending[0] == 0)
    #expect(raw.hardwareLines == 0)
  }

  @Test(arguments: [KernelVersion.v6_13, .v7_2])
  func aPulseOnALevelPinStaysUntilTheLineIsLowered(version: KernelVersion) throws {
    let raw = enabledMachine(version)
    raw.program(3, edge: false)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 3)

    raw.model.signal(eventfd: event.descriptor)
    raw.clear(3)
    raw.acknowledge(3)

    let pic = try #require(raw.model.pic())
    #expect((pic.request, pic.inService) == (8, 8))
    // Each unmask raises it again: the storm of reference B.4.
    raw.guestStores(0xffff_ffff, to: 0x1000_0020)
    raw.guestStores(~UInt64(8) & 0xffff_ffff, to: 0x1000_0020)
    #expect(raw.hardwareLines == hwi1)
    #expect(raw.line(3, false) == 0)
    #expect(try #require(raw.model.pic()).request == 0)
    #expect(raw.hardwareLines == 0)
  }

  @Test func pulsesBeforeTheAcknowledgementAreOneInterrupt() {
    let raw = enabledMachine()
    raw.program(2, edge: true)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)

    raw.model.signal(eventfd: event.descriptor)
    raw.model.signal(eventfd: event.descriptor)
    raw.acknowledge(2)
    raw.clear(2)

    #expect(raw.hardwareLines == 0)
    #expect(raw.pending[0] == 0)
  }

  @Test func aPulseAfterTheClearIsASecondInterrupt() {
    let raw = enabledMachine()
    raw.program(2, edge: true)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)
    raw.model.signal(eventfd: event.descriptor)
    raw.acknowledge(2)
    raw.clear(2)

    raw.model.signal(eventfd: event.descriptor)

    #expect(raw.hardwareLines == hwi1)
    #expect(raw.pending[0] == 4)
  }

  @Test func aPulseAtAMaskedPinIsDroppedByClearAndKeptOtherwise() {
    for clears in [true, false] {
      let raw = enabledMachine()
      raw.program(2, edge: true, masked: true)
      let event = TestEvent()
      _ = raw.irqfd(event.descriptor, gsi: 2)

      raw.model.signal(eventfd: event.descriptor)
      #expect(raw.hardwareLines == 0)
      if clears { raw.clear(2) }
      raw.guestStores(~UInt64(4) & 0xffff_ffff, to: 0x1000_0020)

      #expect(raw.hardwareLines == (clears ? 0 : hwi1))
    }
  }

  @Test func aPulseAtADisabledVectorComesWhenItIsEnabled() {
    let raw = enabledMachine()
    raw.program(2, edge: true)
    raw.guestSetsIOCSR(0x1600, 0)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)

    raw.model.signal(eventfd: event.descriptor)
    #expect(raw.hardwareLines == 0)
    raw.guestSetsIOCSR(0x1600, 0xffff_ffff)

    #expect(raw.hardwareLines == hwi1)
    #expect(raw.pending[0] == 4)
  }

  @Test func aLineDropsWithTheLastOfItsVectors() {
    let raw = enabledMachine()
    #expect(raw.message(40) == 0)
    #expect(raw.message(130) == 0)

    raw.acknowledge(40)
    #expect(raw.hardwareLines == hwi1)
    raw.acknowledge(130)

    #expect(raw.hardwareLines == 0)
  }

  @Test func thePinsVectorIsTheOneThatTheGuestProgrammed() {
    let raw = enabledMachine()
    raw.program(2, edge: true)
    raw.guestStores(77, to: 0x1000_0202, .byte)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)

    raw.model.signal(eventfd: event.descriptor)

    #expect(raw.pending == [0, 1 << 13, 0, 0])
  }

  @Test func aLevelPinIsRaisedAgainUntilItsLineIsLow() {
    let raw = enabledMachine()
    raw.program(3, edge: false)
    _ = raw.line(3, true)
    raw.acknowledge(3)
    #expect(raw.hardwareLines == 0)

    raw.guestStores(0xffff_ffff, to: 0x1000_0020)
    raw.guestStores(~UInt64(8) & 0xffff_ffff, to: 0x1000_0020)
    #expect(raw.hardwareLines == hwi1)
    _ = raw.line(3, false)

    #expect(raw.hardwareLines == 0)
  }

  @Test(arguments: [(UInt32(10), UInt64(1 << 2)), (70, 1 << 3), (140, 1 << 4), (255, 1 << 5)] as [(UInt32, UInt64)])
  func fourLinesServeTheVectorsInQuarters(vector: UInt32, line: UInt64) {
    let raw = enabledMachine(map: 0x0808_0404_0202_0101)

    #expect(raw.message(vector) == 0)

    #expect(raw.hardwareLines == line)
  }
}

@Suite struct ModelRoutingTests {
  @Test func vectorsGoToTheCPUThatTheGuestNames() {
    let raw = enabledMachine(vcpus: 2)
    raw.guestSetsIOCSR(0x1c00 + 40, 0x0202_0202)

    _ = raw.message(40)
    _ = raw.message(50)

    #expect(raw.model.lines(vcpu: 1) & 0x3fc == hwi1)
    #expect(raw.model.lines(vcpu: 0) & 0x3fc == hwi1)
    #expect(raw.model.eiointc()?.pending[1][0] == 1 << 40)
    #expect(raw.model.eiointc()?.pending[0][0] == 1 << 50)
  }

  @Test func aPendingVectorMovesWithItsRoute() {
    let raw = enabledMachine(vcpus: 2)
    _ = raw.message(40)

    raw.guestSetsIOCSR(0x1c00 + 40, 2, .byte)

    #expect(raw.model.lines(vcpu: 0) & 0x3fc == 0)
    #expect(raw.model.lines(vcpu: 1) & 0x3fc == hwi1)
  }

  @Test func aRouteToACPUWithoutCPUIDIsIgnored() {
    let raw = RawMachine(vcpus: 1)
    let second = Int32(raw.model.control(raw.machine, 0xae41, 1))
    #expect(second > 0)
    raw.guestSetsIOCSR(0x14c0, 0x0202_0202)
    raw.guestSetsIOCSR(0x1604, 0xffff_ffff)

    raw.guestSetsIOCSR(0x1c00 + 40, 2, .byte)
    _ = raw.message(40)

    #expect(raw.model.eiointc()?.target[40] == 0)
    #expect(raw.model.lines(vcpu: 0) & 0x3fc == hwi1)
  }

  @Test func theExtensionsFeaturesAreChosenWhileItIsOff() {
    let raw = RawMachine()
    _ = raw.set(DeviceType.eiointc, 0x4000_0004, 1, UInt32(0b1011))
    _ = raw.set(DeviceType.eiointc, 0x4000_0003, 2, UInt32(0))

    #expect(raw.guestReadsIOCSR(0x4000_0000, .word) == 0b1011)
    raw.guestSetsIOCSR(0x4000_0004, 0xe)
    #expect(raw.guestReadsIOCSR(0x4000_0004, .word) == 0xa)
    raw.guestSetsIOCSR(0x4000_0004, 2)
    #expect(raw.guestReadsIOCSR(0x4000_0004, .word) == 0xa)
    raw.guestSetsIOCSR(0x4000_0004, 0)
    #expect(raw.guestReadsIOCSR(0x4000_0004, .word) == 0)
  }

  @Test func loadingRebuildsTheTargets() {
    let raw = RawMachine(vcpus: 2)
    _ = raw.set(DeviceType.eiointc, 0x4000_0002, 0xc0, UInt32(0x0202_0202))
    _ = raw.set(DeviceType.eiointc, 0x4000_0002, 0x200, UInt32.max)
    _ = raw.set(DeviceType.eiointc, 0x4000_0002, 0x800, UInt32(0x0202_0202))

    _ = raw.message(1)
    #expect(raw.model.lines(vcpu: 1) == 0)
    _ = raw.set(DeviceType.eiointc, 0x4000_0004, 3, UInt32(0))
    _ = raw.message(2)

    #expect(raw.model.eiointc()?.target[2] == 1)
    #expect(raw.model.lines(vcpu: 1) & 0x3fc == hwi1)
  }
}

@Suite struct ModelIPITests {
  @Test func aSentInterruptRaisesLine12UntilItIsCleared() {
    let raw = RawMachine(vcpus: 2)

    raw.guestSetsIOCSR(0x1040, 1 << 16 | 5)
    #expect(raw.model.lines(vcpu: 1) == 1 << 12)
    #expect(raw.model.ipi(vcpu: 1)[0] == 1 << 5)
    raw.guestSetsIOCSR(0x100c, 1 << 5, vcpu: 1)

    #expect(raw.model.lines(vcpu: 1) == 0)
  }

  @Test func mailIsSentInHalvesWithAByteMask() {
    let raw = RawMachine(vcpus: 2)

    // Mailbox 0, low then high half; then its lowest byte alone.
    raw.guestSetsIOCSR(0x1048, 0x8020_0000 << 32 | 1 << 16, .double)
    raw.guestSetsIOCSR(0x1048, 0x9000_0000 << 32 | 1 << 16 | 1 << 2, .double)
    raw.guestSetsIOCSR(0x1048, 0xffff_ff44 << 32 | 1 << 16 | 0xe << 27, .double)

    #expect(raw.model.ipi(vcpu: 1)[2] == 0x9000_0000_8020_0044)
    #expect(raw.guestReadsIOCSR(0x1020, .double, vcpu: 1) == 0x9000_0000_8020_0044)
  }

  @Test func anythingCanBeSentToAnotherCPUsRegisters() {
    let raw = RawMachine(vcpus: 2)

    raw.guestSetsIOCSR(0x1158, 0x55 << 32 | 1 << 16 | 0x1004, .double)

    #expect(raw.model.ipi(vcpu: 1)[1] == 0x55)
    #expect(raw.model.ipi(vcpu: 0)[1] == 0)
  }

  @Test func interruptsToNobodyAreDropped() {
    let raw = RawMachine(vcpus: 2)

    raw.guestSetsIOCSR(0x1040, 7 << 16 | 5)

    #expect(raw.model.lines(vcpu: 0) == 0)
    #expect(raw.model.lines(vcpu: 1) == 0)
  }
}
