import Dispatch
import Hypervisor
import Machine
import System
import Testing

@testable import SoftHypervisor

/// The timer, interrupts and idle (Vol. 1, 6.1, 7.4.5 and 7.6).
@Suite struct CPUInterruptTests {
  static let forever = [I.b(0)]
  /// Interrupts on, with direct addressing.
  static let enabled = CSR.crmdDA | CSR.crmdIE
  static let timerLine: UInt64 = 1 << 11

  private func machine(lines: UInt64, enabled: Bool = true) throws -> CPUMachine {
    let machine = try CPUMachine()
    machine.set(CSR.ecfg, lines)
    if enabled { machine.set(CSR.crmd, Self.enabled) }
    return machine
  }

  // MARK: timer

  @Test func oneShotTimer_interruptsOnce_andStops() throws {
    let machine = try machine(lines: Self.timerLine)
    machine.set(CSR.tcfg, 5000 | CSR.tcfgEnable)
    #expect(machine.stopped(Self.forever) == CPUMachine.entry)
    #expect(machine.csr(CSR.estat) & CSR.interruptMask == Self.timerLine)
    #expect(machine.csr(CSR.era) == CPUMachine.code)
    #expect(machine.csr(CSR.tval) == 0xffff_ffff_ffff)
    machine.set(CSR.ticlr, 1)
    #expect(machine.csr(CSR.estat) & CSR.interruptMask == 0)
    #expect(machine.vcpus[0].counters.interrupts == 1)
  }

  @Test func periodicTimer_interruptsAgainAndAgain() throws {
    let machine = try machine(lines: Self.timerLine)
    // Counts to five, then stops.
    let handler = [
      I.addi(20, 20, 1), I.addi(13, 0, 1), I.csrwr(13, CSR.ticlr), I.addi(13, 20, -5), I.bnez(13, 8), CPUMachine.stop,
      I.ertn,
    ]
    machine.write(handler, at: 0x8000)
    machine.set(CSR.tcfg, 5000 | CSR.tcfgEnable | CSR.tcfgPeriodic)
    #expect(machine.stopped(Self.forever) == CPUMachine.entry + 20)
    #expect(machine.gpr(20) == 5)
    #expect(machine.csr(CSR.tcfg) == 5000 | CSR.tcfgEnable | CSR.tcfgPeriodic)
    #expect(machine.csr(CSR.tval) <= 5000)
  }

  @Test func tval_countsDown_andStandsStillWhenStopped() throws {
    let machine = try CPUMachine()
    machine.set(CSR.tcfg, 0xffff_ffff_fffc | CSR.tcfgEnable)
    let first = machine.csr(CSR.tval)
    _ = machine.stopped(Array(repeating: I.nop, count: 500))
    let second = machine.csr(CSR.tval)
    #expect(second < first)
    machine.set(CSR.tcfg, 0)
    let stopped = machine.csr(CSR.tval)
    #expect(stopped <= second)
    machine.setPC(CPUMachine.code)
    _ = machine.stopped()
    #expect(machine.csr(CSR.tval) == stopped)
  }

  @Test(arguments: [0, 1, 2, 3, 7, .max] as [UInt64])
  func extremeTimerValues_neitherTrapNorHang(value: UInt64) throws {
    let machine = try machine(lines: 0)
    machine.set(CSR.tcfg, value)
    for _ in 0..<3 {
      machine.setPC(CPUMachine.code)
      #expect(machine.stopped(Array(repeating: I.nop, count: 500)) == CPUMachine.code + 2000)
    }
  }

  @Test func maskedTimer_isPendingWithoutInterrupt() throws {
    let machine = try machine(lines: 0)
    machine.set(CSR.tcfg, 100 | CSR.tcfgEnable)
    machine.set(5, to: Self.timerLine)
    let words: [UInt32] = [I.csrrd(4, CSR.estat), 0x0014_9484, I.beqz(4, -8)]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
  }

  @Test func guestThatPollsADevice_stillSeesItsTimer() throws {
    let machine = try machine(lines: Self.timerLine)
    machine.set(5, to: 0x5000_0000)
    machine.set(CSR.tcfg, 10_000 | CSR.tcfgEnable)
    machine.write([I.ldW(4, 5), I.b(-4)], at: CPUMachine.code)
    for _ in 0..<1_000_000 {
      switch machine.vcpus[0].run() {
      case .mmioRead: machine.vcpus[0].completeRead(0)
      case .mmioWrite(CPUMachine.stopAddress, _, _): return
      default: break
      }
    }
    Issue.record("the timer never interrupted the polling")
  }

  @Test func rdtime_grows_andAddsCNTC() throws {
    let machine = try CPUMachine()
    machine.set(CSR.cntc, 1 << 50)
    machine.set(CSR.tid, 77)
    // rdtime.d r4, r6
    _ = machine.stopped([I.rdtime(4) | 6 << 5] + Array(repeating: I.nop, count: 100) + [I.rdtime(5)])
    #expect(machine.gpr(4) >= 1 << 50)
    #expect(machine.gpr(5) > machine.gpr(4))
    #expect(machine.gpr(6) == 77)
  }

  // MARK: idle

  @Test func idle_withInterruptsOff_endsWhenOneIsPending() throws {
    let machine = try machine(lines: Self.timerLine, enabled: false)
    machine.set(CSR.tcfg, 100_000 | CSR.tcfgEnable)
    #expect(machine.stopped([I.idle, I.addi(4, 0, 1)]) == CPUMachine.end(of: [0, 0]))
    #expect(machine.gpr(4) == 1)
    #expect(machine.csr(CSR.estat) & Self.timerLine != 0)
  }

  @Test func idle_withInterruptsOn_entersTheHandlerThenGoesOnBehind() throws {
    let machine = try machine(lines: Self.timerLine)
    machine.write([I.addi(13, 0, 1), I.csrwr(13, CSR.ticlr), I.ertn], at: 0x8000)
    // Periodic: a tick that comes before the vCPU sleeps is not the last.
    machine.set(CSR.tcfg, 100_000 | CSR.tcfgEnable | CSR.tcfgPeriodic)
    #expect(machine.stopped([I.idle]) == CPUMachine.end(of: [0]))
    #expect(machine.csr(CSR.era) == CPUMachine.code + 4)
  }

  @Test func kickedIdle_leavesTheLoop_andSleepsOn() throws {
    let machine = try machine(lines: Self.timerLine, enabled: false)
    for _ in 0..<3 {
      nonisolated(unsafe) let vcpu = machine.vcpus[0]
      DispatchQueue.global().async { vcpu.kick() }
      guard case .interrupted = machine.run([I.idle]) else {
        Issue.record("idle ended without an interrupt")
        return
      }
      #expect(machine.vcpus[0].registers.pc == CPUMachine.code)
    }
    machine.set(CSR.tcfg, 100_000 | CSR.tcfgEnable)
    #expect(machine.stopped() == CPUMachine.end(of: [0]))
  }

  @Test func kickBeforeRun_isNotLost() throws {
    let machine = try CPUMachine()
    machine.vcpus[0].kick()
    guard case .interrupted = machine.run(Self.forever) else {
      Issue.record("the kick was lost")
      return
    }
  }

  // MARK: software interrupts, masks, priority

  @Test func interruptWithHighestNumber_isTakenFirst() throws {
    let machine = try machine(lines: 0x1fff)
    machine.set(CSR.ecfg, 0x1fff | 3 << 16)
    for (pending, number) in [(1, 0), (2, 1), (3, 1)] as [(UInt64, UInt64)] {
      machine.set(CSR.crmd, Self.enabled)
      machine.setPC(CPUMachine.code)
      machine.set(CSR.estat, pending)
      #expect(machine.stopped(Self.forever) == CPUMachine.entry + (64 + number) * 32)
      #expect(machine.exceptionCode == 0)
      #expect(machine.csr(CSR.prmd) & 7 == CSR.crmdIE)
    }
  }

  @Test func softwareInterrupt_comesRightAfterItsWrite() throws {
    let machine = try machine(lines: 1)
    machine.set(4, to: 1)
    #expect(machine.stopped([I.csrwr(4, CSR.estat), I.addi(5, 0, 1)]) == CPUMachine.entry)
    #expect(machine.csr(CSR.era) == CPUMachine.code + 4)
    #expect(machine.gpr(5) == 0)
  }

  @Test func unmaskingInECFGOrCRMD_takesThePendingInterruptAtOnce() throws {
    for number in [CSR.ecfg, CSR.crmd] {
      let machine = try machine(lines: number == CSR.ecfg ? 0 : 1, enabled: number == CSR.ecfg)
      machine.set(CSR.estat, 1)
      machine.set(4, to: number == CSR.ecfg ? 1 : CSR.crmdIE)
      machine.set(6, to: machine.gpr(4))
      #expect(machine.stopped([I.nop, I.csrxchg(4, 6, number), I.addi(5, 0, 1)]) == CPUMachine.entry)
      #expect(machine.csr(CSR.era) == CPUMachine.code + 8)
      #expect(machine.gpr(5) == 0)
    }
  }

  @Test func interruptsOff_byCSRXCHG_takesNone() throws {
    let machine = try machine(lines: 1)
    machine.set(4, to: 1)
    machine.set(6, to: CSR.crmdIE)
    let words = [I.csrxchg(0, 6, CSR.crmd), I.csrwr(4, CSR.estat), I.nop]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
  }

  @Test func ertnIntoEnabledInterrupts_takesThePendingOne() throws {
    let machine = try machine(lines: 1, enabled: false)
    machine.set(CSR.estat, 1)
    machine.set(CSR.prmd, CSR.crmdIE | 3)
    machine.set(CSR.era, 0x2_0000)
    #expect(machine.stopped([I.ertn]) == CPUMachine.entry)
    #expect(machine.csr(CSR.era) == 0x2_0000)
    #expect(machine.csr(CSR.prmd) & 7 == CSR.crmdIE | 3)
  }

  // MARK: irqchip

  /// Enables all of EIOINTC on HWI0 of CPU 0, and unmasks all pins as edges.
  private static let chipSetUp: [UInt32] =
    I.li(4, .max) + I.li(5, 0x1600) + [I.iocsrwr(4, 5, log2: 3)] + I.li(5, 0x14c0)
    + I.li(6, 0x0101_0101_0101_0101) + [I.iocsrwr(6, 5, log2: 3)] + I.li(5, 0x1c00) + [I.iocsrwr(6, 5, log2: 3)]
    + I.li(5, CPUMachine.window | 0x1000_0060) + [I.stD(4, 5), I.stD(0, 5, -0x40)]

  @Test func pin_reachesTheGuestsHandler_andIsAcknowledged() throws {
    let machine = try machine(lines: 1 << 2, enabled: false)
    #expect(machine.stopped(Self.chipSetUp) != nil)
    machine.set(CSR.crmd, Self.enabled)
    let handler =
      I.li(5, 0x1800) + [I.iocsrrd(6, 5, log2: 3), CPUMachine.stop, I.iocsrwr(6, 5, log2: 3), CPUMachine.stop]
    machine.write(handler, at: 0x8000)
    machine.setPC(CPUMachine.code)
    nonisolated(unsafe) let hypervisor = machine.hypervisor
    DispatchQueue.global().async { hypervisor.setLine(pin: 5, level: true) }
    #expect(machine.stopped([I.idle]) == CPUMachine.entry + 20)
    #expect(machine.gpr(6) == 1 << 5)
    #expect(machine.csr(CSR.estat) & CSR.interruptMask == 1 << 2)
    #expect(machine.stopped() == CPUMachine.entry + 28)
    #expect(machine.csr(CSR.estat) & CSR.interruptMask == 0)
  }

  @Test func msi_interruptsARunningGuest() throws {
    let machine = try machine(lines: 1 << 2, enabled: false)
    #expect(machine.stopped(Self.chipSetUp) != nil)
    machine.set(CSR.crmd, Self.enabled)
    machine.setPC(CPUMachine.code)
    nonisolated(unsafe) let hypervisor = machine.hypervisor
    DispatchQueue.global().async { try? hypervisor.signalMSI(vector: 3) }
    #expect(machine.stopped(Self.forever) == CPUMachine.entry)
  }

  @Test(arguments: [3, 64, 255] as [UInt64]) func storeToTheMSIDoorbell_raisesTheVector(vector: UInt64) throws {
    let machine = try machine(lines: 1 << 2, enabled: false)
    let enable = I.li(5, 0x1600 + vector / 64 * 8) + [I.iocsrwr(4, 5, log2: 3)]
    #expect(machine.stopped(Self.chipSetUp + enable) != nil)
    machine.set(CSR.crmd, Self.enabled)
    machine.set(4, to: vector)
    let handler = I.li(5, 0x1800 + vector / 64 * 8) + [I.iocsrrd(6, 5, log2: 3)]
    machine.write(handler + [CPUMachine.stop], at: 0x8000)
    machine.setPC(CPUMachine.code)
    let end = CPUMachine.entry + UInt64(handler.count) * 4
    #expect(machine.stopped(I.li(5, CPUMachine.window | 0x2ff0_0000) + [I.stW(4, 5), I.nop]) == end)
    #expect(machine.gpr(6) == 1 << (vector % 64))
  }

  @Test func ipi_wakesTheOtherCPU() throws {
    let machine = try CPUMachine(vcpus: 2)
    machine.set(CSR.ecfg, 1 << 12, cpu: 1)
    machine.set(CSR.crmd, Self.enabled, cpu: 1)
    let other: UInt64 = 0x2_0000
    machine.write([I.idle, CPUMachine.stop], at: other)
    machine.setPC(other, cpu: 1)
    let words = I.li(4, 1 << 16 | 7) + I.li(5, 0x1040) + [I.iocsrwr(4, 5, log2: 2)]
    machine.write(words + [CPUMachine.stop], at: CPUMachine.code)
    #expect(try machine.runAll() == [CPUMachine.end(of: words), CPUMachine.entry])
    #expect(machine.csr(CSR.estat, cpu: 1) & CSR.interruptMask == 1 << 12)
  }

  @Test func parkedCPU_startsAtTheMailbox() throws {
    let machine = try CPUMachine(vcpus: 2)
    let parking: UInt64 = 0x2_0000
    let target: UInt64 = 0x3_0000
    for (index, byte) in Parking.code().enumerated() {
      machine.ram.storeBytes(of: byte, toByteOffset: Int(parking) + index, as: UInt8.self)
    }
    machine.setPC(parking, cpu: 1)
    machine.write([I.csrrd(4, CSR.cpuid), CPUMachine.stop], at: target)
    // MAIL_SEND of the low half of mailbox 0 to CPU 1, then IPI 0, as Linux does it; first an IPI without mail.
    let ring = I.li(4, 1 << 16) + I.li(5, 0x1040) + [I.iocsrwr(4, 5, log2: 2)]
    let mail = I.li(4, target << 32 | 1 << 16) + I.li(5, 0x1048) + [I.iocsrwr(4, 5, log2: 3)]
    let words = ring + mail + ring
    machine.write(words + [CPUMachine.stop], at: CPUMachine.code)
    #expect(try machine.runAll() == [CPUMachine.end(of: words), target + 4])
    #expect(machine.gpr(4, cpu: 1) == 1)
  }

  @Test func wakeUps_neverGetLost_betweenTwoCPUs() throws {
    let machine = try CPUMachine(vcpus: 2)
    // Ping-pong of 2000 IPIs: CPU 0 sends, sleeps, clears; CPU 1 sleeps, clears, sends.
    let setUp = I.li(5, 0x1040) + I.li(6, 0x100c) + I.li(7, 2000)
    let send = [I.iocsrwr(4, 5, log2: 2)]
    let receive = [I.idle, I.iocsrwr(8, 6, log2: 2)]
    let again = [I.addi(7, 7, -1), I.bnez(7, -16)]
    let other: UInt64 = 0x2_0000
    for id in 0..<2 {
      machine.set(CSR.ecfg, 1 << 12, cpu: id)
      machine.set(4, to: UInt64(1 - id) << 16 | 1, cpu: id)
      machine.set(8, to: .max, cpu: id)
    }
    machine.write(setUp + send + receive + again + [CPUMachine.stop], at: CPUMachine.code)
    machine.write(setUp + receive + send + again + [CPUMachine.stop], at: other)
    machine.setPC(other, cpu: 1)
    let length: UInt64 = 17 * 4
    #expect(try machine.runAll() == [CPUMachine.code + length, other + length])
  }
}
