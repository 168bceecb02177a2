import KVMKernelModel
import Testing

@Suite struct ModelGuestTests {
  @Test func instructionsDoWhatTheManualSays() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory()
    memory[0x8000] = 0x8877_6655_4433_2211
    raw.runs {
      $0.li(R.s0, 0x8000)
      $0.load(R.a0, R.s0, 7, .byte)
      $0.load(R.a1, R.s0, 6, .half, unsigned: true)
      $0.load(R.a2, R.s0, 4, .word, unsigned: true)
      $0.store(R.a2, R.s0, 8, .double)
      $0.store(R.a0, R.s0, 16, .half)
      $0.addi(R.t0, R.zero, -1)
      $0.srli(R.t1, R.t0, 60)
      $0.slli(R.t2, R.t1, 4)
      $0.sub(R.s1, R.t2, R.t1)
      $0.and(R.s2, R.t2, R.a1)
      $0.barrier()
      $0.instructionBarrier()
      $0.nop()
    }

    let gpr = raw.model.registers(vcpu: 0)
    #expect(gpr[Int(R.a0)] == 0xffff_ffff_ffff_ff88)
    #expect(gpr[Int(R.a1)] == 0x8877)
    #expect(gpr[Int(R.a2)] == 0x8877_6655)
    #expect(gpr[Int(R.t1)] == 15)
    #expect(gpr[Int(R.s1)] == 225)
    #expect(gpr[Int(R.s2)] == 0x70)
    #expect(memory[0x8008] == 0x8877_6655)
    #expect(memory[0x8010] == 0xff88)
    #expect(raw.model.unknownInstructions.isEmpty)
  }

  @Test func branchesAndCallsGoWhereTheySay() {
    let raw = RawMachine(irqchip: false)
    raw.runs {
      $0.addi(R.t0, R.zero, 5)
      let loop = $0.here
      $0.addi(R.a0, R.a0, 3)
      $0.addi(R.t0, R.t0, -1)
      $0.branch(ifNotZero: R.t0, to: loop)
      $0.branch(ifEqual: R.t0, R.zero, to: $0.here + 2)
      $0.addi(R.a0, R.a0, 100)
      $0.call(to: $0.here + 2)
      $0.branch(to: $0.here + 3)
      $0.addi(R.a1, R.zero, 7)
      $0.jump(R.ra)
    }

    #expect(raw.model.registers(vcpu: 0)[Int(R.a0)] == 15)
    #expect(raw.model.registers(vcpu: 0)[Int(R.a1)] == 7)
  }

  @Test func anUnknownInstructionIsTheGuestsException() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory()
    memory.place(GuestProgram { $0.idle() }, at: 0x4000)
    raw.runs {
      $0.setCSR(0x0c, 0x4000)
      $0.put(0xffff_ffff)
    }

    #expect(raw.model.unknownInstructions == [0xffff_ffff])
    #expect(raw.model.csr(0x05, vcpu: 0) >> 16 == 13)
  }

  @Test func theCounterCountsAndKnowsItsCPU() {
    let raw = RawMachine(vcpus: 2, irqchip: false)
    raw.runs(1) { $0.readTime(R.a0, id: R.a1) }

    let gpr = raw.model.registers(vcpu: 1)
    #expect(gpr[Int(R.a1)] == 1)
    #expect(gpr[Int(R.a0)] <= raw.model.hostTicks)
  }

  @Test func aGuestThatNeverStopsIsStopped() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory()
    memory.place(GuestProgram { $0.branch(to: 0) }, at: 0x1000)
    raw.setPC(0, 0x1000)

    #expect(raw.run() == Failure.interrupted)
  }

  @Test func anImmediateExitRunsNothingAndKeepsTheReason() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory()
    memory.place(GuestProgram { $0.setMemory(0x1fe0_0000, 1) }, at: 0x1000)
    raw.setPC(0, 0x1000)
    raw.area().storeBytes(of: 1, toByteOffset: 1, as: UInt8.self)

    #expect(raw.run() == Failure.interrupted)

    #expect(raw.reason() == 0)
    #expect(raw.model.programCounter(vcpu: 0) == 0x1000)
  }

  @Test func aReadIsFinishedByAnImmediateExit() {
    let raw = RawMachine(irqchip: false)
    let memory = raw.addMemory()
    memory.place(
      GuestProgram {
        $0.li(R.t0, 0x1fe0_0000)
        $0.load(R.a0, R.t0, 0, .word)
      }, at: 0x1000)
    raw.setPC(0, 0x1000)
    #expect(raw.run() == 0)
    #expect((raw.reason(), raw.address(), raw.length(), raw.isWrite()) == (6, 0x1fe0_0000, 4, false))
    #expect(raw.model.programCounter(vcpu: 0) == 0x1010)
    raw.area().storeBytes(of: 0x8123_4567, toByteOffset: 0x28, as: UInt32.self)
    raw.area().storeBytes(of: 1, toByteOffset: 1, as: UInt8.self)

    #expect(raw.run() == Failure.interrupted)

    #expect(raw.model.programCounter(vcpu: 0) == 0x1014)
    #expect(raw.model.registers(vcpu: 0)[Int(R.a0)] == 0xffff_ffff_8123_4567)
  }

  @Test func onlyWhatHasNotBeenDeliveredEndsIdle() {
    let raw = RawMachine()
    // A line that comes between two instructions of a guest with interrupts off is in ESTAT by the time of its idle.
    raw.runs { $0.setCSR(0x04, 1 << 3) }
    _ = raw.request(raw.vcpus[0], 0x4004_ae86, .u32(3))
    raw.runs {
      $0.nop()
      $0.idle()
      $0.addi(R.a0, R.zero, 1)
    }

    #expect(raw.model.registers(vcpu: 0)[Int(R.a0)] == 0)
    #expect(raw.model.lines(vcpu: 0) == 1 << 3)
  }
}

/// What a restored machine needs of a pending interrupt: as seen on Linux 7.2.12.
@Suite struct ModelRestoreTests {
  private func machine(controllers: Bool, lines: Bool) -> RawMachine {
    let raw = RawMachine()
    let group: UInt32 = 0x4000_0002
    _ = raw.set(DeviceType.eiointc, group, 0xc0, UInt32(0x0202_0202))
    _ = raw.set(DeviceType.eiointc, group, 0x204, UInt32.max)
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x60, UInt64(4))
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x20, ~UInt64(4))
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x202, UInt8(40))
    _ = raw.set(DeviceType.eiointc, 0x4000_0003, 2, UInt32(0xa))
    if controllers {
      _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x380, UInt64(4))
      _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x3a0, UInt64(4))
      _ = raw.set(DeviceType.eiointc, group, 0x304, UInt32(1 << 8))
      _ = raw.set(DeviceType.eiointc, group, 0x404, UInt32(1 << 8))
    }
    _ = raw.set(DeviceType.eiointc, 0x4000_0004, 3, UInt32(0))
    if lines { _ = raw.setCSR(0, 0x05, 1 << 3) }
    return raw
  }

  @Test func controllersAloneLoseItAndTheNextToo() {
    let raw = machine(controllers: true, lines: false)
    let event = TestEvent()
    _ = raw.irqfd(event.descriptor, gsi: 2)

    #expect(raw.model.lines(vcpu: 0) == 0)
    raw.model.signal(eventfd: event.descriptor)

    #expect(raw.model.lines(vcpu: 0) == 0)
  }

  @Test func bothAreAPendingInterruptThatEndsWhenItIsServed() {
    let raw = machine(controllers: true, lines: true)

    #expect(raw.csr(0, 0x05) == 1 << 3)
    raw.guestSetsIOCSR(0x1804, 1 << 8)

    #expect(raw.model.lines(vcpu: 0) == 0)
  }

  @Test func attributesHaveNoSideEffects() {
    let raw = machine(controllers: true, lines: false)

    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x20, UInt64.max)
    _ = raw.set(DeviceType.pchPIC, 0x4000_0005, 0x20, UInt64(0))
    _ = raw.set(DeviceType.eiointc, 0x4000_0002, 0x204, UInt32(0))
    _ = raw.set(DeviceType.eiointc, 0x4000_0002, 0x204, UInt32.max)

    #expect(raw.model.lines(vcpu: 0) == 0)
    #expect(raw.model.eiointc()?.pending[0][0] == 1 << 40)
  }
}
