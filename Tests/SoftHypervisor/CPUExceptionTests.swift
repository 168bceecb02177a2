import Hypervisor
import Testing

@testable import SoftHypervisor

/// One instruction that raises an exception.
struct ExceptionCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let word: UInt32
  let code: Int
  var privilege: UInt64 = 0
  /// What BADV must hold, if the exception sets it.
  var badAddress: UInt64?

  init(_ name: String, _ word: UInt32, _ code: Int, privilege: UInt64 = 0, badAddress: UInt64? = nil) {
    testDescription = name
    self.word = word
    self.code = code
    self.privilege = privilege
    self.badAddress = badAddress
  }
}

/// Exceptions, their entry and the return from them (Vol. 1, 6.2 and 7.4).
@Suite struct CPUExceptionTests {
  /// r5 = 0x2001 in memory, r6 = 0, r7 = a device.
  static let device: UInt64 = 0x5000_0000
  static let cases: [ExceptionCase] = [
    .init("syscall", I.syscall | 7, Ecode.systemCall),
    .init("syscall from user", I.syscall, Ecode.systemCall, privilege: 3),
    .init("break", I.brk | 5, Ecode.breakpoint),
    .init("word 0 is no instruction", 0, Ecode.instructionNonexistent),
    .init("word of all ones", .max, Ecode.instructionNonexistent, privilege: 3),
    .init("bstrins.d with msb < lsb", 0x0080_fc00, Ecode.instructionNonexistent),
    .init("amadd.d with rd = rj", I.amaddD(5, 6, 5), Ecode.instructionNonexistent),
    .init("invtlb of operation 7", I.invtlb(7, 5, 6), Ecode.instructionNonexistent),
    .init("csrrd from user", I.csrrd(4, CSR.crmd), Ecode.instructionPrivilege, privilege: 3),
    .init("csrwr from level 1", I.csrwr(4, CSR.crmd), Ecode.instructionPrivilege, privilege: 1),
    .init("ertn from user", I.ertn, Ecode.instructionPrivilege, privilege: 3),
    .init("idle from user", I.idle, Ecode.instructionPrivilege, privilege: 3),
    .init("iocsrrd from user", I.iocsrrd(4, 5, log2: 2), Ecode.instructionPrivilege, privilege: 3),
    .init("tlbwr from user", I.tlbwr, Ecode.instructionPrivilege, privilege: 3),
    .init("invtlb of operation 7 from user", I.invtlb(7, 5, 6), Ecode.instructionPrivilege, privilege: 3),
    .init("cacop by index from user", I.cacop(0x08, 5), Ecode.instructionPrivilege, privilege: 3),
    .init("ll.d misaligned", I.llD(4, 5), Ecode.alignment, badAddress: 0x2001),
    .init("sc.w misaligned", I.scW(4, 5), Ecode.alignment, badAddress: 0x2001),
    .init("amadd.w misaligned", I.amaddW(4, 6, 5), Ecode.alignment, badAddress: 0x2001),
    .init("ldgt.d misaligned", I.ldgtD(4, 5, 6), Ecode.alignment, badAddress: 0x2001),
    .init("ldgt.d below its bound", I.ldgtD(4, 6, 5), Ecode.boundCheck, badAddress: 0),
    .init("asrtle.d of a greater value", I.asrtle(5, 6), Ecode.boundCheck, badAddress: 0x2001),
    .init("fadd.d without FPE", I.faddD, Ecode.floatDisabled),
    .init("fld.d without FPE from user", I.fldD(0, 5), Ecode.floatDisabled, privilege: 3),
    .init("vadd.b without SXE", I.vaddB, Ecode.vectorDisabled),
    .init("vld without SXE", I.vld(0, 5), Ecode.vectorDisabled),
    .init("xvadd.b", I.xvaddB, Ecode.wideVectorDisabled),
    .init("amadd.d on a device", I.amaddD(4, 6, 7), Ecode.addressMemory, badAddress: device),
    .init("ll.w on a device", I.llW(4, 7), Ecode.addressMemory, badAddress: device),
  ]

  @Test(arguments: cases)
  func instruction_entersItsException(given: ExceptionCase) throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x2001)
    machine.set(7, to: Self.device)
    machine.set(CSR.crmd, CSR.crmdDA | CSR.crmdIE | given.privilege)
    machine.set(CSR.badv, 0x77)
    let before = machine.vcpus[0].counters.exceptions
    #expect(machine.stopped([I.nop, given.word]) == CPUMachine.entry)
    #expect(machine.exceptionCode == given.code)
    #expect(machine.csr(CSR.era) == CPUMachine.code + 4)
    #expect(machine.csr(CSR.prmd) & 7 == CSR.crmdIE | given.privilege)
    #expect(machine.csr(CSR.crmd) & 7 == 0)
    #expect(machine.csr(CSR.badi) == UInt64(given.word))
    #expect(machine.csr(CSR.badv) == given.badAddress ?? 0x77)
    #expect(machine.vcpus[0].counters.exceptions == before + 1)
  }

  @Test(arguments: [0x10, 0x11, 0x13] as [UInt32])
  func cacopHit_fromUser_isAllowed(code: UInt32) throws {
    let machine = try CPUMachine()
    machine.set(CSR.crmd, CSR.crmdDA | 3)
    #expect(machine.stopped([I.cacop(code, 5)]) == CPUMachine.end(of: [0]))
  }

  @Test func floatAndVector_enabled_run() throws {
    let machine = try CPUMachine()
    machine.set(CSR.euen, 3)
    #expect(machine.stopped([I.faddD, I.vaddB]) == CPUMachine.end(of: [0, 0]))
  }

  @Test func enablingBit_isSeenByTextThatRanBefore() throws {
    let machine = try CPUMachine()
    _ = machine.stopped([I.faddD])
    machine.set(CSR.euen, 1)
    machine.setPC(CPUMachine.code)
    #expect(machine.stopped([I.faddD]) == CPUMachine.end(of: [0]))
    machine.set(CSR.euen, 0)
    machine.setPC(CPUMachine.code)
    #expect(machine.stopped([I.faddD]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.floatDisabled)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func misalignedTarget_raisesADEF_evenIfTheWordHasRunInAnotherMode(offset: UInt64) throws {
    let machine = try CPUMachine()
    let target: UInt64 = 0x2_0000
    machine.write([I.syscall], at: target)
    machine.write([I.jirl(0, 5)], at: CPUMachine.code)
    // Both privilege levels, both addressing modes have the text in their jump cache.
    for mode in [CSR.crmdDA, CSR.crmdDA | 3, CSR.crmdPG] {
      machine.set(CSR.crmd, mode)
      machine.map(0x2_0000, target | Page.all, 0, index: 2048)
      machine.setPC(target)
      #expect(machine.stopped() == CPUMachine.entry)
    }
    for mode in [CSR.crmdDA, CSR.crmdPG] {
      machine.set(CSR.crmd, mode)
      machine.set(5, to: target | offset)
      machine.setPC(mode == CSR.crmdDA ? CPUMachine.code : CPUMachine.window | CPUMachine.code)
      #expect(machine.stopped() == CPUMachine.entry)
      #expect(machine.exceptionCode == Ecode.addressFetch)
      #expect(machine.csr(CSR.era) == target | offset)
      #expect(machine.csr(CSR.badv) == target | offset)
    }
  }

  @Test func misalignedERA_ertnRaisesADEF() throws {
    let machine = try CPUMachine()
    machine.set(CSR.era, CPUMachine.code + 2)
    #expect(machine.stopped([I.ertn]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressFetch)
  }

  @Test func fetchOutsideOfMemory_raisesADEF() throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x5000_0000)
    #expect(machine.stopped([I.jirl(0, 5)]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressFetch)
    #expect(machine.csr(CSR.badv) == 0x5000_0000)
  }

  @Test func textRunningIntoTheEndOfMemory_executesTheLastWordThenRaisesADEF() throws {
    let machine = try CPUMachine()
    let last = UInt64(CPUMachine.ramSize) - 4
    machine.write([I.addi(4, 0, 9)], at: last)
    machine.setPC(last)
    #expect(machine.stopped() == CPUMachine.entry)
    #expect(machine.gpr(4) == 9)
    #expect(machine.csr(CSR.badv) == UInt64(CPUMachine.ramSize))
  }

  @Test(arguments: [1, 3, 7] as [UInt64])
  func vectorSpacing_movesTheEntry(spacing: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(CSR.ecfg, spacing << 16)
    #expect(machine.stopped([I.syscall]) == CPUMachine.entry + UInt64(Ecode.systemCall) * (4 << spacing))
  }

  @Test func ertn_restoresModeAndPC() throws {
    let machine = try CPUMachine()
    machine.write([I.csrrd(12, CSR.era), I.addi(12, 12, 4), I.csrwr(12, CSR.era), I.ertn], at: 0x8000)
    machine.set(CSR.crmd, CSR.crmdDA | 3)
    #expect(machine.stopped([I.syscall, I.addi(4, 0, 1)]) == CPUMachine.end(of: [0, 0]))
    #expect(machine.gpr(4) == 1)
    #expect(machine.csr(CSR.crmd) == CSR.crmdDA | 3)
  }

  @Test func ertn_dropsTheReservation_unlessKLO() throws {
    for keep in [false, true] {
      let machine = try CPUMachine()
      machine.set(CSR.era, CPUMachine.code + 8)
      machine.set(CSR.llbctl, keep ? CSR.llbctlKLO : 0)
      machine.set(5, to: 0x2000)
      machine.set(4, to: 7)
      _ = machine.stopped([I.llD(6, 5), I.ertn, I.scD(4, 5)])
      #expect(machine.gpr(4) == (keep ? 1 : 0))
      #expect(machine.read64(0x2000) == (keep ? 7 : 0))
      #expect(machine.csr(CSR.llbctl) == 0)
    }
  }

  @Test(arguments: [0x5000_0000, 0x9000_0000_5000_0000, 0x0001_0000_0000_0000] as [UInt64])
  func entryThatCannotBeFetched_failsInsteadOfSpinning(entry: UInt64) throws {
    let machine = try CPUMachine()
    machine.page()
    machine.set(CSR.eentry, entry)
    machine.set(CSR.tlbrentry, 0x5000_0000)
    for _ in 0..<2 {
      guard case .failed(.exceptionEntryUnreachable) = machine.run([I.syscall]) else {
        Issue.record("the vCPU did not fail")
        return
      }
    }
  }

  @Test func csr_absent_readsZeroAndIgnoresWrites() throws {
    let machine = try CPUMachine()
    machine.set(4, to: .max)
    machine.set(5, to: .max)
    let words = [I.csrwr(4, 0x3fff), I.csrrd(6, 0x3fff), I.csrwr(5, 0x200), I.csrrd(7, 0x200)]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect([machine.gpr(4), machine.gpr(5), machine.gpr(6), machine.gpr(7)] == [0, 0, 0, 0])
  }

  @Test func csrxchg_changesMaskedBitsOnly_andReturnsTheOldValue() throws {
    let machine = try CPUMachine()
    machine.set(CSR.save0, 0xff00)
    machine.set(4, to: 0x1234)
    machine.set(5, to: 0x0ff0)
    _ = machine.stopped([I.csrxchg(4, 5, CSR.save0)])
    #expect(machine.gpr(4) == 0xff00)
    #expect(machine.csr(CSR.save0) == 0xf230)
  }

  @Test func rdtime_forbiddenToUser_raisesIPE() throws {
    let machine = try CPUMachine()
    machine.set(CSR.misc, 1 << 7)
    #expect(machine.stopped([I.rdtime(4)]) == CPUMachine.end(of: [0]))
    machine.set(CSR.crmd, CSR.crmdDA | 3)
    machine.setPC(CPUMachine.code)
    #expect(machine.stopped() == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.instructionPrivilege)
  }
}
