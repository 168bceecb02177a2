import Hypervisor
import StateComparison
import Testing

@testable import SoftHypervisor

/// States that no machine like this can be in are refused, and nothing is changed by them.
@Suite struct StateHostileTests {
  /// One change to a good state of two vCPUs, and what is said to it.
  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let error: HypervisorError
    let change: @Sendable (inout MachineState) -> Void

    init(
      _ name: String, _ error: HypervisorError = .badState, _ change: @escaping @Sendable (inout MachineState) -> Void
    ) {
      testDescription = name
      self.error = error
      self.change = change
    }

    /// A CSR of vCPU 1 with a value.
    static func csr(_ number: Int, _ value: UInt64, _ error: HypervisorError = .badState) -> Damage {
      Damage("CSR \(number) \(hex(value))", error) { $0.vcpus[1].set(UInt16(number), value) }
    }

    /// A CSR that the state has not, with a value.
    static func added(_ number: UInt16, _ value: UInt64, _ error: HypervisorError = .badState) -> Damage {
      Damage("added CSR \(number)", error) { state in
        let place = state.vcpus[1].csrs.firstIndex { $0.number > number } ?? state.vcpus[1].csrs.count
        state.vcpus[1].csrs.insert(CSRValue(number: number, value: value), at: place)
      }
    }

    /// CPUCFG word with bits flipped.
    static func configuration(_ word: Int, flip: UInt32, bits: UInt32) -> Damage {
      Damage("CPUCFG \(word)", .foreignState(word: word, bits: bits)) { $0.vcpus[1].configuration[word] ^= flip }
    }
  }

  private func expectRefused(_ damage: Damage) throws {
    let machine = try hypervisor(vcpus: 2)
    let before = try machine.save()
    var state = before
    state.vcpus[0].registers.gpr[4] = 4
    damage.change(&state)
    #expect(throws: damage.error) { try machine.restore(state) }
    let after = try machine.save()
    #expect(after.words == before.aged(to: after.counter).words)
  }

  private static let impossible: [Damage] = [
    Damage("no vCPU") { $0.vcpus = [] },
    Damage("a vCPU too few") { $0.vcpus.removeLast() },
    Damage("a vCPU too many") { $0.vcpus.append($0.vcpus[0]) },
    Damage("vCPUs exchanged") { $0.vcpus.swapAt(0, 1) },
    Damage("r0 not 0") { $0.vcpus[1].registers.gpr[0] = 1 },
    Damage("a condition flag of 2") { $0.vcpus[1].conditions = 2 << 56 },
    Damage("reserved bits of FCSR") { $0.vcpus[1].floatControl = 1 << 31 },
    Damage("steal time without the feature") { $0.vcpus[1].stealTime = 65 },
    Damage("a cache that cannot be") { $0.vcpus[1].configuration[17] |= 1 << 31 },
    Damage("ISR without IRR") { $0.interrupts.pic.inService = 1 },
    Damage("vector pending without a request") { $0.interrupts.extended.pending[1][3] = 1 },
    Damage("an IPI state too few") { $0.interrupts.ipi.removeLast() },
  ]

  @Test(arguments: impossible)
  func impossibleState_isRefused(damage: Damage) throws { try expectRefused(damage) }

  private static let impossibleCSRs: [Damage] = [
    Damage("no CSRs") { $0.vcpus[1].csrs = [] },
    Damage("CSRs of one kind missing") { $0.vcpus[1].csrs.removeFirst() },
    Damage("the last CSR that matters missing") { $0.vcpus[1].csrs.removeAll { $0.number == 0x183 } },
    Damage("a CSR twice") { $0.vcpus[1].csrs.insert($0.vcpus[1].csrs[0], at: 0) },
    Damage("CSRs out of order") { $0.vcpus[1].csrs.swapAt(3, 4) },
    Damage("a number that no instruction has") { $0.vcpus[1].csrs.append(CSRValue(number: 0x4000, value: 0)) },
    .csr(CSR.crmd, 0), .csr(CSR.crmd, CSR.crmdDA | CSR.crmdPG), .csr(CSR.crmd, CSR.crmdDA | 1 << 10),
    .csr(CSR.prmd, 1 << 4), .csr(CSR.euen, 1 << 4), .csr(CSR.misc, 1), .csr(CSR.ecfg, 1 << 15),
    .csr(CSR.estat, 1 << 13), .csr(CSR.estat, 1 << 15), .csr(CSR.estat, 1 << 31), .csr(CSR.badi, 1 << 32),
    .csr(CSR.eentry, 4), .csr(CSR.tlbidx, 1 << 30), .csr(CSR.tlbehi, 1 << 12), .csr(CSR.tlbehi, 1 << 48),
    .csr(CSR.tlbehi, 0xffff << 48), .csr(CSR.tlbelo0, 1 << 60), .csr(CSR.asid, 11 << 16), .csr(CSR.asid, 1 << 10),
    .csr(CSR.pgdl, 1), .csr(CSR.stlbps, 11), .csr(CSR.stlbps, 63), .csr(CSR.stlbps, .max), .csr(CSR.cpuid, 0),
    .csr(CSR.prcfg1, 1), .csr(CSR.prcfg2, .max), .csr(CSR.prcfg3, 1), .csr(CSR.tid, 1 << 32),
    .csr(CSR.tcfg, 1 << 48), .csr(CSR.tval, 1 << 48), .csr(CSR.llbctl, 2), .csr(CSR.dmw0, 1 << 6),
    .csr(CSR.tlbrentry, 1), .csr(CSR.tlbrprmd, 1 << 3), .csr(CSR.tlbrehi, 1 << 6),
  ]

  @Test(arguments: impossibleCSRs)
  func impossibleCSRs_areRefused(damage: Damage) throws { try expectRefused(damage) }

  private static let foreign: [Damage] = [
    Damage("LASX in use", .foreignState(word: 2, bits: 1 << 7)) { $0.vcpus[1].vectors[127] = 1 },
    Damage("binary translation in use", .foreignState(word: 2, bits: 7 << 18)) { $0.vcpus[1].translation[5] = 1 },
    Damage("paravirtual features", .foreignState(word: 0x4000_0004, bits: 6)) { $0.vcpus[1].paravirtualFeatures = 6 },
    Damage("virtual EIOINTC", .foreignState(word: 0x4000_0004, bits: 1 << 24)) {
      $0.interrupts.extended.features = 0b1011
    },
    .csr(CSR.euen, 1 << 2, .foreignState(word: 2, bits: 1 << 7)),
    .csr(CSR.euen, 1 << 3, .foreignState(word: 2, bits: 7 << 18)),
    .csr(CSR.misc, 1 << 8, .foreignState(word: 6, bits: 1)),
    .csr(CSR.estat, 1 << 10, .foreignState(word: 6, bits: 1)),
    .csr(CSR.estat, 1 << 14, .foreignState(word: 1, bits: 1 << 26)),
    .added(0xa0, 1, .foreignState(word: 1, bits: 1 << 26)), .added(0x200, 1, .foreignState(word: 6, bits: 1)),
    .added(0x52, 1, .foreignState(word: 2, bits: 1 << 10)), .added(0x38, 1, .foreignState(word: 0, bits: 0x14c010)),
    .configuration(1, flip: 1 << 26, bits: 1 << 26), .configuration(1, flip: 3, bits: 3),
    .configuration(1, flip: 0x10 << 4, bits: 0x3f << 4), .configuration(1, flip: 1 << 12, bits: 1 << 12),
    .configuration(2, flip: 1 << 7, bits: 1 << 7), .configuration(2, flip: 1 << 24, bits: 1 << 24),
    .configuration(3, flip: 3, bits: 3), .configuration(4, flip: 1, bits: 1), .configuration(5, flip: 2, bits: 2),
    .configuration(6, flip: 1, bits: 1), .configuration(9, flip: .max, bits: .max),
  ]

  @Test(arguments: foreign)
  func foreignState_isRefused_andSaysWhatIsMissing(damage: Damage) throws { try expectRefused(damage) }

  /// PC need not be a multiple of 4: the guest gets its ADEF when it goes on.
  @Test(arguments: [CPUMachine.code + 1, .max, 1 << 63, 0x7fff_ffff_fffc] as [UInt64])
  func anyPC_isAccepted_andFaultsAsTheArchitectureSays(pc: UInt64) throws {
    let machine = try CPUMachine()
    var state = try machine.hypervisor.save()
    state.vcpus[0].registers.pc = pc
    try machine.hypervisor.restore(state)
    #expect(machine.vcpus[0].registers.pc == pc)
    let stopped = machine.stopped()
    #expect(stopped == CPUMachine.entry)
    #expect(machine.csr(CSR.era) == pc)
  }
}
