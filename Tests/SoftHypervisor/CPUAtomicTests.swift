import Hypervisor
import System
import Testing

@testable import SoftHypervisor

/// Atomics of two vCPUs on one word (Vol. 1, 2.2.7).
@Suite struct CPUAtomicTests {
  static let rounds: UInt64 = 100_000
  static let counter: UInt64 = 0x4_0008

  /// r5 = the counter, r6 = rounds left, r7 = 1.
  static let loops: [(String, [UInt32])] = [
    ("ll.d/sc.d", [I.llD(4, 5), I.addi(4, 4, 1), I.scD(4, 5), I.beqz(4, -12), I.addi(6, 6, -1), I.bnez(6, -20)]),
    ("ll.w/sc.w", [I.llW(4, 5), I.addi(4, 4, 1), I.scW(4, 5), I.beqz(4, -12), I.addi(6, 6, -1), I.bnez(6, -20)]),
    ("amadd.d", [I.amaddD(4, 7, 5), I.addi(6, 6, -1), I.bnez(6, -8)]),
    ("amadd.w", [I.amaddW(4, 7, 5), I.addi(6, 6, -1), I.bnez(6, -8)]),
  ]

  @Test(arguments: loops)
  func counterOfTwoCPUs_isExact(name: String, words: [UInt32]) throws {
    let machine = try CPUMachine(vcpus: 2)
    for id in 0..<2 {
      machine.set(5, to: Self.counter, cpu: id)
      machine.set(6, to: Self.rounds, cpu: id)
      machine.set(7, to: 1, cpu: id)
    }
    machine.write(words + [CPUMachine.stop], at: CPUMachine.code)
    #expect(try machine.runAll() == [CPUMachine.end(of: words), CPUMachine.end(of: words)])
    #expect(machine.read64(Self.counter) == 2 * Self.rounds)
  }

  @Test func sc_withoutReservation_fails_andStoresNothing() throws {
    let machine = try CPUMachine()
    machine.set(4, to: 5)
    machine.set(5, to: Self.counter)
    _ = machine.stopped([I.scD(4, 5)])
    #expect(machine.gpr(4) == 0)
    #expect(machine.read64(Self.counter) == 0)
  }

  @Test func sc_toAnotherWord_fails() throws {
    let machine = try CPUMachine()
    machine.set(4, to: 5)
    machine.set(5, to: Self.counter)
    machine.set(8, to: Self.counter + 64)
    _ = machine.stopped([I.llD(6, 5), I.scD(4, 8)])
    #expect(machine.gpr(4) == 0)
    #expect(machine.read64(Self.counter + 64) == 0)
  }

  @Test func llW_extendsTheSign_scW_comparesTheWordOnly() throws {
    let machine = try CPUMachine()
    machine.write64(0x1111_1111_8000_0000, at: Self.counter)
    machine.set(4, to: 0xaaaa_aaaa_0000_0007)
    machine.set(5, to: Self.counter)
    _ = machine.stopped([I.llW(6, 5), I.scW(4, 5)])
    #expect(machine.gpr(6) == 0xffff_ffff_8000_0000)
    #expect(machine.gpr(4) == 1)
    #expect(machine.read64(Self.counter) == 0x1111_1111_0000_0007)
  }
}
