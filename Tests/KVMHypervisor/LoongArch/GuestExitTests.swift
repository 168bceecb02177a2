import Hypervisor
import KVMHypervisor
import KVMKernelModel
import Testing

@Suite struct KVMExitTests {
  private func machine(_ version: KernelVersion = .v7_2, _ body: (inout GuestProgram) -> Void) throws -> TestMachine<
    KernelModel
  > {
    let machine = try TestMachine(version)
    machine.memory.place(GuestProgram(body), at: 0x1000)
    machine.start(0, at: 0x1000)
    return machine
  }

  @Test(
    arguments: [
      (Width.byte, false, UInt64(0xffff_ffff_ffff_ff80)), (.byte, true, 0x80), (.half, false, 0xffff_ffff_ffff_f080),
      (.half, true, 0xf080), (.word, false, 0xffff_ffff_9abc_f080), (.word, true, 0x9abc_f080),
      (.double, false, 0x0123_4567_9abc_f080),
    ] as [(Width, Bool, UInt64)])
  func aLoadGetsItsAnswerExtendedAsItSays(width: Width, unsigned: Bool, expected: UInt64) throws {
    let machine = try machine {
      $0.li(R.t0, 0x1fe0_01e0)
      $0.load(R.a0, R.t0, 8, width, unsigned: unsigned)
      $0.idle()
    }

    #expect(machine.run() == .mmioRead(0x1fe0_01e8, 1 << UInt8(width.rawValue)))
    machine.cpus[0].completeRead(0x0123_4567_9abc_f080)
    #expect(machine.run() == .interrupted)

    #expect(machine.cpus[0].registers.gpr[Int(R.a0)] == expected)
  }

  @Test(arguments: [Width.byte, .half, .word, .double])
  func aStoreLeavesWithItsLowBytes(width: Width) throws {
    let machine = try machine {
      $0.setMemory(0x1fe0_01e0, 0x8123_4567_9abc_def0, width)
      $0.idle()
    }
    let value: UInt64 = 0x8123_4567_9abc_def0
    let low = width == .double ? value : value & (1 << UInt64(8 << width.rawValue) - 1)

    #expect(machine.run() == .mmioWrite(0x1fe0_01e0, 1 << UInt8(width.rawValue), low))
    #expect(machine.run() == .interrupted)
  }

  @Test func iocsrsOutsideTheKernelLeaveAndAnswersAreSignExtended() throws {
    let machine = try machine {
      $0.li(R.t0, 0x420)
      $0.iocsrRead(R.a0, R.t0, .word)
      $0.setIOCSR(0x420, 5, .double)
      $0.li(R.t0, 8)
      $0.iocsrRead(R.a1, R.t0, .double)
      $0.idle()
    }

    #expect(machine.run() == .iocsrRead(0x420, 4))
    machine.cpus[0].completeRead(0x8000_0001)
    #expect(machine.run() == .iocsrWrite(0x420, 8, 5))
    #expect(machine.run() == .iocsrRead(8, 8))
    machine.cpus[0].completeRead(0x81c)
    #expect(machine.run() == .interrupted)

    #expect(machine.cpus[0].registers.gpr[Int(R.a0)] == 0xffff_ffff_8000_0001)
    #expect(machine.cpus[0].registers.gpr[Int(R.a1)] == 0x81c)
  }

  @Test func accessesThatOnly613LeavesOutComeOutInThePICsWindow() throws {
    for (version, exits) in [(KernelVersion.v6_13, true), (.v7_2, false)] {
      let machine = try machine(version) {
        // Linux's driver stores a stray byte here (reference B.5), and a debugger would look at the requests.
        $0.setMemory(InterruptGuest.pic + 0x2ff, 255, .byte)
        $0.li(R.t0, InterruptGuest.pic + 0x380)
        $0.load(R.a0, R.t0, 0, .word)
        $0.idle()
      }

      if exits {
        #expect(machine.run() == .mmioWrite(0x1000_02ff, 1, 255))
        #expect(machine.run() == .mmioRead(0x1000_0380, 4))
        machine.cpus[0].completeRead(0)
      }
      #expect(machine.run() == .interrupted)
    }
  }

  @Test(arguments: [(KernelVersion.v6_13, UInt64(7)), (.v7_2, 0x001f_0001)])
  func theUpperHalfOfThePICsIdentityIsWrongIn613(version: KernelVersion, expected: UInt64) throws {
    let machine = try machine(version) {
      $0.li(R.t0, InterruptGuest.pic)
      $0.load(R.a0, R.t0, 4, .word)
      $0.idle()
    }

    #expect(machine.run() == .interrupted)

    #expect(machine.cpus[0].registers.gpr[Int(R.a0)] == expected)
  }

  @Test func aStoreToReadOnlyMemoryLeaves() throws {
    let machine = try TestMachine()
    let rom = GuestMemory()
    rom[8] = 0x1234
    try machine.hypervisor.addReadOnlyMemory(guestAddress: 0x1c00_0000, host: rom.base, size: UInt64(rom.size))
    rom.place(
      GuestProgram {
        $0.li(R.t0, 0x1c00_0000)
        $0.load(R.a0, R.t0, 8, .double)
        $0.store(R.a0, R.t0, 16, .double)
        $0.idle()
      }, at: 0x100)
    machine.start(0, at: 0x1c00_0100)

    #expect(machine.run() == .mmioWrite(0x1c00_0010, 8, 0x1234))
    #expect(machine.run() == .interrupted)
    #expect(rom[16] == 0)
  }

  @Test func aStoreToTheMessageDoorbellIsAMessage() throws {
    let machine = try machine {
      $0.setIOCSR(0x1604, 0xffff_ffff)
      $0.setMemory(0x2ff0_0000, 40)
      $0.setMemory(0x2ff0_0000, 400)
      $0.idle()
    }

    #expect(machine.run() == .interrupted)

    #expect(machine.model.eiointc()?.pending[0][0] == 1 << 40)
    #expect(machine.model.kernelHazards.isEmpty)
  }

  @Test func aKickThatComesBeforeRunIsNotLost() throws {
    let machine = try machine {
      $0.setMemory(0x1fe0_0000, 1)
      $0.idle()
    }
    machine.cpus[0].kick()

    #expect(machine.run() == .interrupted)
    #expect(machine.run() == .mmioWrite(0x1fe0_0000, 4, 1))
  }

  @Test func registersAreWhatWasSet() throws {
    let machine = try TestMachine()
    var registers = VCPURegisters()
    registers.pc = 0x20_0000
    for index in 1..<32 { registers.gpr[index] = UInt64(index) << 40 }

    machine.cpus[0].registers = registers

    #expect(machine.model.programCounter(vcpu: 0) == 0x20_0000)
    #expect(machine.model.registers(vcpu: 0)[31] == 31 << 40)
    #expect(machine.cpus[0].registers.gpr[17] == 17 << 40)
    #expect(machine.cpus[0].controlRegisters.crmd == 8)
  }

  @Test func guestsSeeTheirHypervisorInCPUCFG() throws {
    let machine = try machine {
      $0.li(R.t0, 0x4000_0000)
      $0.cpucfg(R.a0, R.t0)
      $0.addi(R.t0, R.t0, 4)
      $0.cpucfg(R.a1, R.t0)
      $0.li(R.t0, 2)
      $0.cpucfg(R.a2, R.t0)
      $0.idle()
    }

    _ = machine.run()

    let gpr = machine.cpus[0].registers.gpr
    #expect((gpr[Int(R.a0)], gpr[Int(R.a1)], gpr[Int(R.a2)]) == (0x004d_564b, 0x0100_000e, 0x0060_c0cf))
  }

  @Test func storesAreLoggedByPage() throws {
    let machine = try machine {
      $0.setMemory(0xc000, 1)
      $0.idle()
    }
    try machine.hypervisor.logDirtyPages(true, guestAddress: 0)

    _ = machine.run()

    #expect(try machine.hypervisor.takeDirtyPages(guestAddress: 0) == [1 << 3])
    #expect(try machine.hypervisor.takeDirtyPages(guestAddress: 0) == [0])
  }

  @Test func theTimerInterruptsAnIdleGuest() throws {
    let machine = try machine {
      $0.setCSR(0x0c, 0x4000)
      $0.setCSR(0x04, 1 << 11)
      $0.setCSR(0x41, 4000 | 1)
      InterruptGuest.wait(&$0)
    }
    machine.memory.place(
      GuestProgram {
        $0.setCSR(0x44, 1)
        $0.setMemory(InterruptGuest.report, 1)
        $0.ertn()
      }, at: 0x4000)
    machine.model.waitsWhenIdle = true

    #expect(machine.run() == .mmioWrite(InterruptGuest.report, 4, 1))
  }
}
