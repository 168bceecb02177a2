import Hypervisor
import KVMHypervisor
import KVMKernelModel
import Testing

@Suite struct KVMInterruptTests {
  @Test(arguments: usableVersions, [(UInt64(2), UInt64(2)), (16, 77), (31, 200)])
  func aPulseFromOutsideRunsTheGuestsHandlerEachTime(version: KernelVersion, pinAndVector: (UInt64, UInt64)) throws {
    let (pin, vector) = pinAndVector
    let machine = try TestMachine(version)
    InterruptGuest.place(in: machine.memory, pin: pin, vector: vector)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: UInt32(pin))
    #expect(machine.run() == .interrupted)

    for count in 1...3 {
      event.signal()
      #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, UInt64(count)))
      #expect(machine.run() == .interrupted)
      #expect(machine.model.pic()?.request == 0)
      #expect(machine.model.lines(vcpu: 0) == 0)
    }
    #expect(machine.model.unknownInstructions.isEmpty)
    #expect(machine.model.kernelHazards.isEmpty)
  }

  @Test(arguments: usableVersions)
  func pulsesBeforeTheGuestLooksAreOneAndLaterOnesAreNotLost(version: KernelVersion) throws {
    let machine = try TestMachine(version)
    InterruptGuest.place(in: machine.memory, pin: 5, vector: 9)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: 5)
    _ = machine.run()

    event.signal()
    machine.model.takeSignals()
    event.signal()
    #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, 1))
    // The guest has cleared it, and has not returned yet.
    event.signal()

    #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, 2))
    #expect(machine.run() == .interrupted)
  }

  @Test(arguments: usableVersions)
  func aMessageRunsTheHandlerFromEventfdAndFromTheCore(version: KernelVersion) throws {
    let machine = try TestMachine(version)
    InterruptGuest.place(in: machine.memory, pin: 2, vector: 130)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindMSI(event.descriptor, vector: 130)
    _ = machine.run()

    event.signal()
    #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, 1))
    #expect(machine.run() == .interrupted)
    try machine.hypervisor.signalMSI(vector: 130)
    #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, 2))
    #expect(machine.run() == .interrupted)
  }

  @Test func unboundEventfdsRaiseNothing() throws {
    let machine = try TestMachine()
    InterruptGuest.place(in: machine.memory, pin: 2, vector: 2)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: 2)
    _ = machine.run()

    machine.hypervisor.unbindInterrupt(event.descriptor, pin: 2)
    event.signal()

    #expect(machine.run() == .interrupted)
    #expect(event.take() == 1)
    #expect(machine.model.irqfdCount() == 0)
  }

  @Test func aSecondBindingOfAnEventfdIsRefused() throws {
    let machine = try TestMachine()
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: 2)

    #expect(throws: HypervisorError.badBinding(3)) {
      try machine.hypervisor.bindInterrupt(event.descriptor, pin: 3)
    }
    #expect(throws: HypervisorError.badBinding(64)) {
      try machine.hypervisor.bindInterrupt(event.descriptor, pin: 64)
    }
    #expect(throws: HypervisorError.badBinding(256)) {
      try machine.hypervisor.bindMSI(event.descriptor, vector: 256)
    }
  }

  @Test func theLineOfALevelPinIsTheCores() throws {
    let machine = try TestMachine()
    machine.memory.place(
      GuestProgram {
        $0.setMemory(InterruptGuest.pic + 0x20, ~UInt64(1 << 7) & 0xffff_ffff)
        $0.setIOCSR(0x1600, 0xffff_ffff)
        $0.idle()
      }, at: 0x1000)
    machine.start(0, at: 0x1000)
    _ = machine.run()

    machine.hypervisor.setLine(pin: 7, level: true)
    #expect(machine.model.lines(vcpu: 0) == 1 << 2)
    machine.hypervisor.setLine(pin: 7, level: false)

    #expect(machine.model.lines(vcpu: 0) == 0)
  }

  @Test(arguments: usableVersions)
  func anInterruptGoesToTheVCPUThatTheGuestNames(version: KernelVersion) throws {
    let machine = try TestMachine(version, vcpus: 2)
    InterruptGuest.place(in: machine.memory, pin: 2, vector: 40, cpu: 1)
    machine.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try machine.hypervisor.bindInterrupt(event.descriptor, pin: 2)
    _ = machine.run()

    event.signal()
    machine.model.takeSignals()

    #expect(machine.model.lines(vcpu: 0) == 0)
    #expect(machine.model.lines(vcpu: 1) == 1 << 3)
  }

  @Test(arguments: usableVersions)
  func aVCPUWakesAnotherByMailAndInterrupt(version: KernelVersion) throws {
    let machine = try TestMachine(version, vcpus: 2)
    // Reference D.4: the address in mailbox 0, then an interrupt.
    machine.memory.place(
      GuestProgram {
        $0.setIOCSR(0x1048, 0 << 32 | 1 << 16 | 1 << 2, .double)
        $0.setIOCSR(0x1048, 0x8000 << 32 | 1 << 16, .double)
        $0.setIOCSR(0x1040, 1 << 31 | 1 << 16)
        $0.idle()
      }, at: 0x1000)
    machine.start(0, at: 0x1000)

    #expect(machine.run() == .interrupted)

    #expect(machine.model.ipi(vcpu: 1)[2] == 0x8000)
    #expect(machine.model.lines(vcpu: 1) == 1 << 12)
  }
}

@Suite struct KVMDoorbellTests {
  @Test func aStoreRingsWithoutAnExit() throws {
    let machine = try TestMachine()
    let any = TestEvent()
    let matching = TestEvent()
    try machine.hypervisor.bindDoorbell(any.descriptor, address: 0x4000_0000, length: 0, match: nil)
    try machine.hypervisor.bindDoorbell(matching.descriptor, address: 0x4000_1000, length: 2, match: 7)
    machine.memory.place(
      GuestProgram {
        $0.setMemory(0x4000_0000, 1, .word)
        $0.setMemory(0x4000_0000, 1, .byte)
        $0.setMemory(0x4000_1000, 7, .half)
        $0.setMemory(0x4000_1000, 8, .half)
        $0.idle()
      }, at: 0x1000)
    machine.start(0, at: 0x1000)

    #expect(machine.run() == .mmioWrite(0x4000_1000, 2, 8))
    #expect(machine.run() == .interrupted)

    #expect(any.take() == 2)
    #expect(matching.take() == 1)
  }

  @Test func aDoorbellOverTheInterruptControllerIsRefused() throws {
    let machine = try TestMachine()
    let event = TestEvent()

    for address in [UInt64(0x1000_0000), 0x1000_03e0, 0x2ff0_0000] {
      #expect(throws: HypervisorError.badBinding(address)) {
        try machine.hypervisor.bindDoorbell(event.descriptor, address: address, length: 4, match: nil)
      }
    }
  }

  @Test func aRepeatedDoorbellIsRefusedAndAnUnboundOneIsGone() throws {
    let machine = try TestMachine()
    let event = TestEvent()
    try machine.hypervisor.bindDoorbell(event.descriptor, address: 0x4000_0000, length: 4, match: nil)

    #expect(throws: HypervisorError.badBinding(0x4000_0000)) {
      try machine.hypervisor.bindDoorbell(event.descriptor, address: 0x4000_0000, length: 4, match: 1)
    }
    machine.hypervisor.unbindDoorbell(event.descriptor, address: 0x4000_0000)

    #expect(machine.model.doorbellCount() == 0)
  }
}
