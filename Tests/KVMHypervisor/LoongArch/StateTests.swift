import Hypervisor
import KVMHypervisor
import KVMKernelModel
import StateComparison
import Testing

@Suite struct KVMStateTests {
  @Test(arguments: usableVersions)
  func everythingIsRestoredIntoAnotherMachine(version: KernelVersion) throws {
    let source = try TestMachine(version, vcpus: 2)
    let state = try FullState.of(source)
    let target = try TestMachine(version, vcpus: 2)
    // Unlike with real machines, the hosts' counters differ by much.
    target.model.advance(ticks: 987_654_321)

    try target.hypervisor.restore(state)

    #expect(try target.hypervisor.save().words == state.words)
    #expect(target.model.counter() == state.counter)
    #expect(target.model.vectors(vcpu: 1).last == state.vcpus[1].vectors[127])
    #expect(target.model.stealTime(vcpu: 1) == 0x8081)
    #expect(target.model.eiointc()?.target[40] == 0)
    #expect(target.model.eiointc()?.target[41] == 1)
    #expect(target.model.kernelHazards.isEmpty)
    #expect(target.model.unknownRequests.isEmpty)
  }

  @Test(arguments: usableVersions)
  func aPendingInterruptSurvives(version: KernelVersion) throws {
    let source = try TestMachine(version)
    InterruptGuest.place(in: source.memory, pin: 2, vector: 40)
    source.start(0, at: InterruptGuest.start)
    let event = TestEvent()
    try source.hypervisor.bindInterrupt(event.descriptor, pin: 2)
    #expect(source.run() == .interrupted)
    source.model.signal(eventfd: event.descriptor)

    let state = try source.hypervisor.save()
    let target = try TestMachine(version, memory: source.memory.copy())
    try target.hypervisor.restore(state)
    let next = TestEvent()
    try target.hypervisor.bindInterrupt(next.descriptor, pin: 2)

    #expect(target.resume() == .mmioWrite(InterruptGuest.report, 4, 1))
    #expect(target.run() == .interrupted)
    next.signal()
    #expect(target.run() == .mmioWrite(InterruptGuest.report, 4, 2))
    #expect(target.run() == .interrupted)
  }

  @Test(arguments: usableVersions)
  func aPendingMessageAndIPIForTheSecondVCPUSurvive(version: KernelVersion) throws {
    let source = try TestMachine(version, vcpus: 2)
    InterruptGuest.place(in: source.memory, pin: 2, vector: 100, cpu: 1)
    source.start(0, at: InterruptGuest.start)
    _ = source.run()
    try source.hypervisor.signalMSI(vector: 100)
    source.memory.place(
      GuestProgram {
        $0.setIOCSR(0x1040, 1 << 16 | 3)
        $0.idle()
      }, at: 0x8000)
    source.start(0, at: 0x8000)
    _ = source.run()

    let target = try TestMachine(version, vcpus: 2)
    try target.hypervisor.restore(try source.hypervisor.save())

    #expect(target.model.lines(vcpu: 0) == 0)
    #expect(target.model.lines(vcpu: 1) == 1 << 3 | 1 << 12)
    #expect(target.model.eiointc()?.pending[1][1] == 1 << 36)
    #expect(target.model.ipi(vcpu: 1)[0] == 1 << 3)
  }

  @Test(arguments: usableVersions)
  func theGuestGoesOnWhereItWas(version: KernelVersion) throws {
    let source = try TestMachine(version)
    source.memory.place(
      GuestProgram {
        $0.li(R.t0, InterruptGuest.report)
        $0.load(R.a0, R.t0, 0, .word)
        $0.li(R.t1, 8)
        $0.iocsrRead(R.a1, R.t1, .word)
        $0.add(R.a2, R.a0, R.a1)
        $0.store(R.a2, R.t0, 8, .double)
        $0.idle()
      }, at: 0x1000)
    source.start(0, at: 0x1000)

    #expect(source.run() == .mmioRead(InterruptGuest.report, 4))
    source.cpus[0].completeRead(40)
    let second = try TestMachine(version, memory: source.memory)
    try second.hypervisor.restore(try source.hypervisor.save())
    #expect(second.resume() == .iocsrRead(8, 4))
    second.cpus[0].completeRead(2)
    let third = try TestMachine(version, memory: source.memory)
    try third.hypervisor.restore(try second.hypervisor.save())

    #expect(third.resume() == .mmioWrite(InterruptGuest.report + 8, 8, 42))
    let fourth = try TestMachine(version, memory: source.memory)
    try fourth.hypervisor.restore(try third.hypervisor.save())
    #expect(fourth.resume() == .interrupted)
    // The machine that was saved goes on as well.
    #expect(second.resume() == .mmioWrite(InterruptGuest.report + 8, 8, 42))
  }

  @Test func anUnansweredReadOfTheOldLifeDoesNotReachTheNew() throws {
    let machine = try TestMachine()
    machine.memory.place(
      GuestProgram {
        $0.li(R.t1, 8)
        $0.iocsrRead(R.a0, R.t1, .word)
        $0.idle()
      }, at: 0x1000)
    machine.start(0, at: 0x1000)
    var registers = VCPURegisters()
    registers.pc = 0x1000
    registers.gpr[Int(R.a0)] = 77
    machine.cpus[0].registers = registers
    let state = try machine.hypervisor.save()
    #expect(machine.resume() == .iocsrRead(8, 4))
    machine.cpus[0].completeRead(0xdead)

    try machine.hypervisor.restore(state)
    // The first instructions do not touch a0.
    machine.memory.place(GuestProgram { $0.idle() }, at: 0x1000)
    #expect(machine.resume() == .interrupted)

    #expect(machine.cpus[0].registers.gpr[Int(R.a0)] == 77)
  }

  @Test func aTimerThatRanOutDoesNotInterruptAgain() throws {
    let source = try TestMachine()
    var state = try source.hypervisor.save()
    state.vcpus[0].set(0x41, 0x1000_0001)
    state.vcpus[0].set(0x42, .max)
    let target = try TestMachine()

    try target.hypervisor.restore(state)
    target.memory.place(GuestProgram { $0.idle() }, at: 0)
    _ = target.resume()

    #expect(target.model.lines(vcpu: 0) == 0)
  }

  @Test(arguments: [UInt64(0x1000_0001), 0x1000_0003])
  func aRunningTimerInterruptsAtOnceWhichIsEarlyButNotLost(configuration: UInt64) throws {
    // What Linux 7.2 does in kvm_restore_timer: a new vCPU's expiry time is long past.
    let source = try TestMachine()
    var state = try source.hypervisor.save()
    state.vcpus[0].set(0x41, configuration)
    state.vcpus[0].set(0x42, 0x10_0000)
    let target = try TestMachine()

    try target.hypervisor.restore(state)
    target.memory.place(GuestProgram { $0.idle() }, at: 0)
    _ = target.resume()

    #expect(target.model.lines(vcpu: 0) == 1 << 11)
  }

  @Test func savingTwiceGivesTheSame() throws {
    let machine = try TestMachine(vcpus: 2)
    let first = try machine.hypervisor.save()

    #expect(try machine.hypervisor.save().words == first.words)
  }

  @Test func aKernelThatCopiesPartsOfFloatRegistersSavesNothing() throws {
    let machine = try TestMachine(.v6_13, wholeFloatRegisters: false)
    let before = machine.model.vectors(vcpu: 0)

    #expect(throws: HypervisorError.unavailable(.partialFloatRegisters)) { _ = try machine.hypervisor.save() }

    #expect(machine.model.vectors(vcpu: 0) == before)
  }
}

@Suite struct KVMForeignStateTests {
  private func expect(
    _ error: HypervisorError, restoring state: MachineState, into target: TestMachine<KernelModel>
  ) throws {
    let before = try target.hypervisor.save().words

    #expect(throws: error) { try target.hypervisor.restore(state) }

    #expect(try target.hypervisor.save().words == before)
  }

  @Test func vectorsThatTheHostDoesNotHaveAreNamed() throws {
    let state = try TestMachine().hypervisor.save()

    try expect(.foreignState(word: 2, bits: 0xc0), restoring: state, into: try TestMachine(host: .withoutVectors))
  }

  @Test func anotherCounterFrequencyIsNamed() throws {
    var host = HostFeatures.la464
    host.configuration[4] = 50_000_000
    let state = try TestMachine().hypervisor.save()

    try expect(
      .foreignState(word: 4, bits: 100_000_000 ^ 50_000_000), restoring: state, into: try TestMachine(host: host))
  }

  @Test func paravirtualFeaturesOfANewerKernelAreNamed() throws {
    let state = try TestMachine(.v7_2).hypervisor.save()

    try expect(.foreignState(word: 0x4000_0004, bits: 8), restoring: state, into: try TestMachine(.v6_13))
  }

  @Test func aGuestThatWasToldOfLessByAnOlderKernelGoesOnUnderANewerOne() throws {
    let state = try TestMachine(.v6_13).hypervisor.save()
    let target = try TestMachine(.v7_2)

    try target.hypervisor.restore(state)

    #expect(target.model.unknownRequests.isEmpty)
    #expect(target.model.kernelHazards.isEmpty)
  }

  @Test func aStealTimeRecordInReadOnlyMemoryIsRefusedBeforeAnythingChanges() throws {
    var state = try TestMachine().hypervisor.save()
    state.vcpus[0].stealTime = 0x1c00_0041
    let target = try TestMachine()
    let rom = GuestMemory()
    try target.hypervisor.addReadOnlyMemory(guestAddress: 0x1c00_0000, host: rom.base, size: UInt64(rom.size))

    try expect(.badState, restoring: state, into: target)
  }

  @Test func aStateOfAStrongerHostIsAtHomeOnAWeakerOne() throws {
    let source = try TestMachine(host: .la664, memory: GuestMemory())
    let target = try TestMachine()

    try target.hypervisor.restore(try source.hypervisor.save())
  }

  @Test(arguments: Damage.all)
  func damagedStatesAreRefusedBeforeAnythingChanges(damage: Damage) throws {
    var state = try FullState.of(try TestMachine(vcpus: 2))
    damage.apply(&state)

    let target = try TestMachine(vcpus: 2)
    try expect(.badState, restoring: state, into: target)

    #expect(target.model.kernelHazards.isEmpty)
  }
}
