import Hypervisor
import StateComparison
import Testing

@testable import SoftHypervisor

/// States as Linux's KVM writes them for a guest that was told of nothing but what this CPU has (reference A.4, D.1, D.2).
@Suite struct StateFromKVMTests {
  /// What KVM's registers hold, where it differs: a narrower physical address, registers that this CPU has not, and those of a
  /// vCPU that has not run (`fresh`), which hardware has not filled in yet.
  private func kvmState(fresh: Bool = false) throws -> MachineState {
    var state = try hypervisor().save()
    state.vcpus[0].configuration[1] = 0x03f2_f2ee
    var csrs = state.vcpus[0].csrs.filter { ![0x80, 0x81, 0x98].contains($0.number) && $0.number < 0x500 }
    let others: [UInt16] = [0x1b, 0x44] + Array(0x38...0x3f) + Array(0xa0...0xa4) + Array(0x200...0x207)
    for number in others { csrs.append(CSRValue(number: number, value: 0)) }
    state.vcpus[0].csrs = csrs.sorted { $0.number < $1.number }
    if fresh {
      for number in [CSR.asid, CSR.stlbps, CSR.pwcl, CSR.prcfg1, CSR.prcfg2, CSR.prcfg3] {
        state.vcpus[0].set(UInt16(number), 0)
      }
    }
    return state
  }

  @Test(arguments: [false, true]) func machineOfKVM_isTakenOver(fresh: Bool) throws {
    let state = try kvmState(fresh: fresh)
    let machine = try CPUMachine()
    try machine.hypervisor.restore(state)
    #expect(machine.csr(CSR.asid) == CSR.asidBits)
    #expect(machine.csr(CSR.prcfg1) == CPUIdentity.prcfg1)
    #expect(machine.csr(CSR.stlbps) == 12)
  }

  @Test func configuration_isReportedToTheGuest_andKept() throws {
    var state = try kvmState()
    state.vcpus[0].configuration[0] = 0x8014_d010
    state.vcpus[0].configuration[2] &= ~(1 << 6)
    state.vcpus[0].configuration[16] = 0
    let machine = try CPUMachine()
    var own = try machine.hypervisor.save()
    own.vcpus[0].configuration = state.vcpus[0].configuration
    try machine.hypervisor.restore(own)
    machine.set(7, to: 1 << 40)
    machine.set(8, to: 21)
    let words = [
      I.cpucfg(4, 0), I.addi(5, 0, 1), I.cpucfg(5, 5), I.addi(6, 0, 2), I.cpucfg(6, 6), I.cpucfg(7, 7), I.cpucfg(8, 8),
    ]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect(machine.gpr(4) == 0xffff_ffff_8014_d010)
    #expect(machine.gpr(5) == 0x03f2_f2ee)
    #expect(machine.gpr(6) == 0x0060_c00f)
    #expect(machine.gpr(7) | machine.gpr(8) == 0)
    let again = try machine.hypervisor.save().vcpus[0]
    #expect(again.configuration[0] == 0x8014_d010)
  }

  @Test func signExtendedAddresses_areAccepted() throws {
    var state = try kvmState()
    state.vcpus[0].set(UInt16(CSR.tlbehi), 0xffff_8000_0000_2000)
    state.vcpus[0].set(UInt16(CSR.tlbrehi), 0xffff_8000_0000_400e)
    state.vcpus[0].set(UInt16(CSR.tlbelo0), 0xf8f)
    let machine = try CPUMachine()
    try machine.hypervisor.restore(state)
    #expect(machine.csr(CSR.tlbehi) == 0x8000_0000_2000)
    #expect(machine.csr(CSR.tlbrehi) == 0x8000_0000_400e)
    #expect(machine.csr(CSR.tlbelo0) == 0x18f)
  }

  /// Hardware leaves TCFG.En set when a one-shot timer has fired, and TVAL at all ones (Vol. 1, 7.6.2).
  @Test func firedOneShotTimer_staysFired() throws {
    var state = try kvmState()
    state.vcpus[0].set(UInt16(CSR.tcfg), 5000 | CSR.tcfgEnable)
    state.vcpus[0].set(UInt16(CSR.tval), 0xffff_ffff_ffff)
    let machine = try CPUMachine()
    try machine.hypervisor.restore(state)
    #expect(machine.csr(CSR.tval) == 0xffff_ffff_ffff)
    #expect(machine.csr(CSR.estat) & CSR.estatTimer == 0)
    #expect(machine.cpu.nanosecondsToTimer == nil)
    let again = try machine.hypervisor.save().vcpus[0]
    #expect(again.csr(UInt16(CSR.tval)) == 0xffff_ffff_ffff)
  }

  @Test(arguments: [CSR.tcfgEnable, CSR.tcfgEnable | CSR.tcfgPeriodic])
  func dueTimer_fires(bits: UInt64) throws {
    var state = try CPUMachine().hypervisor.save()
    state.vcpus[0].set(UInt16(CSR.tcfg), 1 << 40 | bits)
    state.vcpus[0].set(UInt16(CSR.tval), 0)
    state.vcpus[0].set(UInt16(CSR.ecfg), CSR.estatTimer)
    state.vcpus[0].set(UInt16(CSR.crmd), CSR.crmdDA | CSR.crmdIE)
    let machine = try CPUMachine()
    machine.write([I.b(0)], at: CPUMachine.code)
    try machine.hypervisor.restore(state)
    #expect(machine.stopped() == CPUMachine.entry)
  }

  /// The lines that ESTAT shows follow from the controllers' state, whatever the state says of them.
  @Test func linesOfESTAT_comeFromTheIRQChip() throws {
    let machine = try CPUMachine()
    var state = try machine.hypervisor.save()
    state.vcpus[0].set(UInt16(CSR.estat), 0x1bff | 0x3f << 16)
    state.interrupts.ipi[0].status = 1
    try machine.hypervisor.restore(state)
    #expect(machine.csr(CSR.estat) == 1 << 12 | 1 << 11 | 3 | 0x3f << 16)
  }
}
