import Hypervisor
import Testing

@testable import SoftHypervisor

/// A page table: its geometry as PWCL and PWCH have it, and where a walk may end early.
struct WalkCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// log2 of the page size.
  let page: UInt64
  /// 0: the walk goes to the page table; 1, 2: the entry of that directory is a huge page.
  let hugeLevel: Int
  let global: Bool

  /// Index bits of each level.
  var width: UInt64 { page - 3 }
  var shifts: [UInt64] { [page, page + width, page + 2 * width] }
  /// Bits of an address inside one half of what the entry maps.
  var entrySize: UInt64 { hugeLevel == 0 ? page : page + UInt64(hugeLevel) * width - 1 }
}

/// TLB refill with LDDIR and LDPTE (Vol. 1, 4.2.5, 5.4.5), by a handler like Linux's.
@Suite struct CPUPageWalkTests {
  static let cases: [WalkCase] = [
    .init(testDescription: "16 KiB pages", page: 14, hugeLevel: 0, global: false),
    .init(testDescription: "16 KiB pages, global", page: 14, hugeLevel: 0, global: true),
    .init(testDescription: "32 MiB page", page: 14, hugeLevel: 1, global: false),
    .init(testDescription: "32 MiB page, global", page: 14, hugeLevel: 1, global: true),
    .init(testDescription: "4 KiB pages", page: 12, hugeLevel: 0, global: false),
    .init(testDescription: "2 MiB page", page: 12, hugeLevel: 1, global: false),
    .init(testDescription: "1 GiB page", page: 12, hugeLevel: 2, global: true),
  ]
  static let root: UInt64 = 0x8_0000
  static let middle: UInt64 = 0x8_4000
  static let last: UInt64 = 0x8_8000
  static let handler: [UInt32] = [
    I.csrwr(12, CSR.tlbrsave), I.csrrd(12, CSR.pgd), I.lddir(12, 12, 3), I.lddir(12, 12, 1), I.ldpte(12, 0),
    I.ldpte(12, 1), I.tlbfill, I.csrrd(12, CSR.tlbrsave), I.ertn,
  ]

  private func index(_ address: UInt64, _ level: Int, _ given: WalkCase) -> UInt64 {
    (address >> given.shifts[level] & ((1 << given.width) - 1)) * 8
  }

  /// Tables that lead from `address` to `physical`; a huge page begins at physical 0.
  private func tables(_ machine: CPUMachine, _ address: UInt64, _ physical: UInt64, _ given: WalkCase) {
    let huge: UInt64 = Page.all | 1 << 6 | (given.global ? 1 << 12 : 0)
    let second = given.hugeLevel == 2 ? huge : Self.middle
    let first = given.hugeLevel == 1 ? huge : Self.last
    machine.write64(second, at: Self.root + index(address, 2, given))
    if given.hugeLevel < 2 { machine.write64(first, at: Self.middle + index(address, 1, given)) }
    if given.hugeLevel < 1 {
      let entry = physical & ~((1 << given.page) - 1) | Page.all | (given.global ? Page.global : 0)
      let at = Self.last + index(address, 0, given)
      machine.write64(entry, at: at)
      // The other page of the pair is not there, but G is the pair's.
      machine.write64(given.global ? Page.global : 0, at: at ^ 8)
    }
  }

  private func walker(_ given: WalkCase) throws -> CPUMachine {
    let machine = try CPUMachine()
    machine.write(Self.handler, at: CPUMachine.refillEntry)
    let width = given.width
    machine.set(CSR.pwcl, given.shifts[0] | width << 5 | given.shifts[1] << 10 | width << 15)
    // The root is level 3, as in Linux: PWCL has no room for its shift.
    machine.set(CSR.pwch, given.shifts[2] | width << 6)
    machine.set(CSR.stlbps, given.page)
    machine.set(CSR.asid, 5)
    machine.page()
    return machine
  }

  @Test(arguments: cases, [false, true])
  func refill_findsTheMemory_once(given: WalkCase, upperHalf: Bool) throws {
    let machine = try walker(given)
    let physical: UInt64 = 0x4_3218
    let inside = physical & ((1 << given.entrySize) - 1)
    let base: UInt64 = (upperHalf ? 0xffff_fffa_0000_0000 : 0x0005_8000_0000) & ~((1 << (given.entrySize + 1)) - 1)
    let address = base | inside
    tables(machine, address, physical, given)
    machine.set(upperHalf ? CSR.pgdh : CSR.pgdl, Self.root)
    machine.set(5, to: address)
    machine.set(12, to: 0x55)
    machine.write64(0xfeed_f00d, at: physical)
    let words = [I.ldD(4, 5), I.ldD(6, 5), I.stD(5, 5)]
    #expect(machine.stopped(words) == CPUMachine.window | CPUMachine.end(of: words))
    #expect(machine.gpr(4) == 0xfeed_f00d)
    #expect(machine.gpr(12) == 0x55)
    #expect(machine.read64(physical) == address)
    #expect(machine.vcpus[0].counters.exceptions == 1)
    #expect(machine.csr(CSR.crmd) == CSR.crmdPG)
    #expect(machine.csr(CSR.tlbrehi) & 0x3f == given.entrySize)
    let position = machine.cpu.pointee.tlb.find(address, asid: 6, stlbPageSize: given.page)
    #expect((position >= 0) == given.global)
  }

  @Test func oddHalfOfAHugePage_liesBehindTheEvenOne() throws {
    let machine = try walker(Self.cases[5])
    // 2 MiB page at 0: the second megabyte is beyond RAM, so that only the translation can be looked at.
    tables(machine, 0x8000_0000, 0, Self.cases[5])
    machine.set(CSR.pgdl, Self.root)
    machine.set(5, to: 0x8010_0123)
    guard case .mmioRead(0x10_0123, 1) = machine.run([I.ldBU(4, 5)]) else {
      Issue.record("no device access")
      return
    }
  }

  @Test func refill_savesItsOwnState_andLeavesESTATAlone() throws {
    let machine = try CPUMachine()
    machine.set(CSR.crmd, CSR.crmdPG | CSR.crmdIE)
    machine.setPC(CPUMachine.window | CPUMachine.code)
    machine.set(5, to: 0x1234_5678)
    machine.set(CSR.badv, 3)
    #expect(machine.stopped([I.nop, I.stW(4, 5)]) == CPUMachine.refillEntry)
    #expect(machine.csr(CSR.tlbrbadv) == 0x1234_5678)
    #expect(machine.csr(CSR.tlbrehi) == 0x1234_4000)
    #expect(machine.csr(CSR.tlbrera) == CPUMachine.window | CPUMachine.code + 4 | CSR.tlbreraISTLBR)
    #expect(machine.csr(CSR.tlbrprmd) == CSR.crmdIE)
    #expect(machine.csr(CSR.crmd) == CSR.crmdDA)
    #expect(machine.csr(CSR.badv) == 3)
    #expect(machine.exceptionCode == 0)
  }

  @Test(arguments: [0, 1, 31, 63] as [UInt64])
  func oddGeometry_neitherTrapsNorReadsOutside(field: UInt64) throws {
    let machine = try walker(Self.cases[0])
    let low = field & 31
    machine.set(CSR.pwcl, low | low << 5 | low << 10 | low << 15 | low << 20 | low << 25)
    machine.set(CSR.pwch, field | field << 6 | field << 12 | field << 18)
    machine.set(CSR.tlbrbadv, .max)
    machine.set(CSR.crmd, CSR.crmdDA)
    for base in [0, .max, 1 << 6, 3 << 13 | 1 << 6, UInt64(CPUMachine.ramSize) - 8] as [UInt64] {
      for level in 0...8 as ClosedRange<UInt32> {
        machine.set(5, to: base)
        machine.setPC(CPUMachine.code)
        let words = [I.lddir(4, 5, level), I.ldpte(5, 0), I.ldpte(5, 1), I.ldpte(4, 1), I.tlbfill]
        #expect(machine.stopped(words) == CPUMachine.end(of: words))
      }
    }
  }
}
