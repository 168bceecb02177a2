import Dispatch
import Hypervisor
import Synchronization
import System
import Testing

@testable import SoftHypervisor

/// Guests of random words, registers and CSRs: nothing that they do may end or hang the process.
@Suite struct CPUFuzzTests {
  static let addresses: [UInt64] = [
    0, 0x1_0000, 0x1_0ffc, 0x4_0000, 0x4_0fff, 0xf_fff8, 0xf_ffff, 0x10_0000, 0x1000_0000, 0x2ff0_0000, 0x4000_0000,
    0x7fff_ffff_fff8, 0xffff_8000_0000_0000, .max - 7, .max, 0x9000_0000_0001_0000, 0x9000_ffff_ffff_ffff, 1 << 47,
  ]
  /// CSR numbers with a meaning.
  static let numbers: [Int] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 0xc] + Array(0x10...0x1f) + [
      0x20, 0x21, 0x22, 0x23, 0x30, 0x40, 0x41, 0x42, 0x43, 0x44,
    ]
    + [0x60, 0x80, 0x81] + Array(0x88...0x8f) + Array(0x90...0x98) + Array(0x180...0x183) + [
      0x500, 0x501, 0x502, 0x3fff,
    ]
  /// Opcode fields under which most instructions are; the rest of the word is random.
  static let prefixes: [(UInt32, UInt32)] = [
    (0x0400_0000, 0xff00_0000), (0x0640_0000, 0xffc0_0000), (0x0648_0000, 0xfffe_0000), (0x0648_2000, 0xffff_e000),
    (0x0649_8000, 0xffff_8018), (0x2000_0000, 0xfc00_0000), (0x2400_0000, 0xfc00_0000), (0x2800_0000, 0xf800_0000),
    (0x3000_0000, 0xfc00_0000), (0x3800_0000, 0xfc00_0000), (0x3860_0000, 0xfff0_0000), (0x4c00_0000, 0xfffc_0000),
    (0x0000_0000, 0xff80_0000), (0x0000_0000, 0xffe0_0000), (0x0100_0000, 0xff00_0000), (0x0800_0000, 0xf800_0000),
    (0x7000_0000, 0xf800_0000), (0x0114_0000, 0xfffc_0000), (0x0644_0000, 0xfffc_001f), (0x0640_0000, 0xfffc_0000),
  ]

  @Test(arguments: 0..<24 as Range<UInt64>)
  func randomGuest_endsInAnExit(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let machine = try CPUMachine()
    let kicker = try Kicker(machine.vcpus[0])
    defer { kicker.end() }
    for _ in 0..<40 {
      randomise(machine, &random)
      for _ in 0..<8 {
        switch machine.vcpus[0].run() {
        case .mmioRead, .iocsrRead: machine.vcpus[0].completeRead(random.next())
        default: break
        }
        #expect(machine.gpr(0) == 0)
        let crmd = machine.csr(CSR.crmd)
        #expect((crmd & CSR.crmdDA != 0) != (crmd & CSR.crmdPG != 0))
      }
    }
  }

  /// Two guests of random words that overwrite each other's text, send IPIs and execute ibar.
  @Test(arguments: 0..<4 as Range<UInt64>)
  func twoRandomGuests_onTheSameMemory_endInExits(seed: UInt64) throws {
    let machine = try CPUMachine(vcpus: 2)
    let vcpus = machine.vcpus
    for id in 0..<2 {
      var random = SplitMix64(state: seed << 8 | UInt64(id))
      randomise(machine, &random, cpu: id)
    }
    let kickers = try vcpus.map { try Kicker($0) }
    let group = DispatchGroup()
    for vcpu in vcpus {
      nonisolated(unsafe) let vcpu = vcpu
      group.enter()
      try Thread.start(stack: 8 << 20) {
        for _ in 0..<200 {
          if case .mmioRead = vcpu.run() { vcpu.completeRead(seed) }
        }
        group.leave()
      }
    }
    group.wait()
    for kicker in kickers { kicker.end() }
    #expect(machine.gpr(0, cpu: 0) | machine.gpr(0, cpu: 1) == 0)
  }

  func randomise(_ machine: CPUMachine, _ random: inout SplitMix64, cpu id: Int = 0) {
    for address in stride(from: UInt64(0x8000), to: 0x1_1000, by: 4) where address < 0x8100 || address >= 0xc000 {
      machine.patch(word(&random), at: address)
    }
    machine.vcpus[id].cpu.flushJumpCache()
    for number in Self.numbers where random.next() % 2 == 0 { machine.set(number, value(&random), cpu: id) }
    if random.next() % 4 != 0 { machine.set(CSR.dmw0, CPUMachine.window | 0xf, cpu: id) }
    if random.next() % 4 != 0 { machine.set(CSR.eentry, CPUMachine.entry, cpu: id) }
    if random.next() % 4 != 0 { machine.set(CSR.tlbrentry, CPUMachine.refillEntry, cpu: id) }
    machine.set(CSR.crmd, random.next() & 0x17, cpu: id)
    machine.set(CSR.euen, random.next(), cpu: id)
    var registers = VCPURegisters()
    for index in 1..<32 { registers.gpr[index] = value(&random) }
    registers.pc = CPUMachine.window | CPUMachine.code
    machine.vcpus[id].registers = registers
  }

  private func word(_ random: inout SplitMix64) -> UInt32 {
    let bits = UInt32(truncatingIfNeeded: random.next())
    guard random.next() % 8 != 0 else { return bits }
    let (match, mask) = Self.prefixes[Int(random.next() % UInt64(Self.prefixes.count))]
    return match | bits & ~mask
  }

  private func value(_ random: inout SplitMix64) -> UInt64 {
    switch random.next() % 4 {
    case 0: random.next()
    case 1: Self.addresses[Int(random.next() % UInt64(Self.addresses.count))] &+ random.next() % 16
    case 2: random.next() & 0x3f
    default: UInt64.max << (random.next() % 64)
    }
  }

  /// Odd values in every CSR field that is a shift, a width or a size, then every instruction that uses them.
  @Test(arguments: [0, 1, 12, 31, 32, 47, 62, 63] as [UInt64])
  func everyTLBInstruction_withOddFields_isHarmless(field: UInt64) throws {
    let machine = try CPUMachine()
    let words = [
      I.tlbwr, I.tlbfill, I.tlbsrch, I.tlbrd, I.invtlb(5, 5, 6), I.invtlb(6, 5, 6), I.tlbclr, I.tlbflush,
    ]
    for index in [0, 2047, 2048, 2111, 2112, 4095] as [UInt64] {
      for refill in [0, 1] as [UInt64] {
        machine.set(CSR.tlbidx, field << 24 | index)
        machine.set(CSR.stlbps, field)
        machine.set(CSR.tlbrehi, .max << 13 | field)
        machine.set(CSR.tlbehi, .max)
        machine.set(CSR.tlbelo0, .max)
        machine.set(CSR.tlbrelo0, .max)
        machine.set(CSR.tlbrera, refill)
        machine.set(6, to: .max)
        machine.setPC(CPUMachine.code)
        #expect(machine.stopped(words) == CPUMachine.end(of: words))
      }
    }
  }
}

/// Kicks a vCPU every 300 microseconds, so that no guest runs or sleeps for long.
final class Kicker: Sendable {
  private let ended = Atomic<Bool>(false)
  private let gone = Atomic<Bool>(false)

  init(_ vcpu: SoftVCPU) throws {
    nonisolated(unsafe) let vcpu = vcpu
    try Thread.start {
      while !self.ended.load(ordering: .acquiring) {
        _ = try? Poll.wait([], nanoseconds: 300_000)
        vcpu.kick()
      }
      self.gone.store(true, ordering: .releasing)
    }
  }

  /// Waits until the vCPU is no longer touched.
  func end() {
    ended.store(true, ordering: .releasing)
    while !gone.load(ordering: .acquiring) { spinHint() }
  }
}
