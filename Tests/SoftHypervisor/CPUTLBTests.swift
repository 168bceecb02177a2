import Hypervisor
import Testing

@testable import SoftHypervisor

/// The TLB instructions and what they make the fast paths forget (Vol. 1, 4.2.4).
@Suite struct CPUTLBTests {
  private func entry(_ physical: UInt64, global: Bool = false) -> UInt64 {
    physical | Page.all | (global ? Page.global : 0)
  }

  // MARK: search, read, write, fill

  @Test func tlbfill_smallPageGoesToItsSet_otherSizeToTheMTLB() throws {
    let machine = try CPUMachine()
    machine.set(CSR.stlbps, 14)
    let address: UInt64 = 0x12_3456_8000
    for (size, expected) in [(14, 0...2047), (24, 2048...2111)] as [(UInt64, ClosedRange<UInt64>)] {
      machine.set(CSR.tlbidx, size << 24)
      machine.set(CSR.tlbehi, address + size << 40)
      machine.set(CSR.tlbelo0, entry(0x4_0000))
      machine.set(CSR.tlbelo1, entry(0x4_4000))
      machine.setPC(CPUMachine.code)
      #expect(machine.stopped([I.tlbfill, I.tlbsrch]) == CPUMachine.end(of: [0, 0]))
      let index = machine.csr(CSR.tlbidx) & 0xfff
      #expect(machine.csr(CSR.tlbidx) >> 31 & 1 == 0)
      #expect(expected.contains(index))
      if size == 14 { #expect(index & 0xff == address >> 15 & 0xff) }
    }
  }

  @Test func tlbrd_returnsWhatTLBWRWrote() throws {
    let machine = try CPUMachine()
    machine.set(CSR.asid, 0x155)
    machine.set(CSR.tlbidx, 16 << 24 | 2100)
    machine.set(CSR.tlbehi, 0x7f_ffff_e000)
    machine.set(CSR.tlbelo0, entry(0xabc_d000, global: true) | Page.noExecute)
    machine.set(CSR.tlbelo1, 0)
    _ = machine.stopped([I.tlbwr])
    machine.set(CSR.tlbehi, 0)
    machine.set(CSR.tlbelo0, 0)
    machine.set(CSR.tlbelo1, .max)
    machine.set(CSR.asid, 0x22)
    machine.set(CSR.tlbidx, 2100)
    machine.setPC(CPUMachine.code)
    #expect(machine.stopped([I.tlbrd]) == CPUMachine.end(of: [0]))
    #expect(machine.csr(CSR.tlbidx) == 16 << 24 | 2100)
    #expect(machine.csr(CSR.tlbehi) == 0x7f_ffff_e000)
    // The pair is global only if both halves say so.
    #expect(machine.csr(CSR.tlbelo0) == entry(0xabc_d000) | Page.noExecute)
    #expect(machine.csr(CSR.tlbelo1) == 0)
    #expect(machine.csr(CSR.asid) & 0x3ff == 0x155)
  }

  @Test(arguments: [5, 2111, 2112, 4095] as [UInt64])
  func tlbrd_ofNoEntry_setsNEAndClears(index: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(CSR.asid, 0x155)
    machine.set(CSR.tlbidx, 0x3f << 24 | index)
    machine.set(CSR.tlbehi, 0x1_0000)
    _ = machine.stopped([I.tlbrd])
    #expect(machine.csr(CSR.tlbidx) == 1 << 31 | index)
    #expect(machine.csr(CSR.tlbehi) == 0)
    #expect(machine.csr(CSR.asid) & 0x3ff == 0)
  }

  @Test func tlbwr_withNE_removesTheEntry() throws {
    let machine = try CPUMachine()
    machine.map(0x2_0000, entry(0x4_0000), 0, index: 2048)
    machine.set(CSR.tlbehi, 0x2_0000)
    machine.set(CSR.tlbidx, 1 << 31 | 2048)
    _ = machine.stopped([I.tlbwr, I.tlbsrch])
    #expect(machine.csr(CSR.tlbidx) >> 31 & 1 == 1)
  }

  @Test(arguments: [0, 1, 11, 30, 47, 63] as [UInt64])
  func impossiblePageSize_makesNoEntry(size: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(CSR.tlbehi, 0x2_0000)
    machine.set(CSR.tlbelo0, entry(0x4_0000, global: true))
    machine.set(CSR.tlbelo1, entry(0x4_0000, global: true))
    for index in [0, 2048] as [UInt64] {
      machine.set(CSR.tlbidx, size << 24 | index)
      machine.setPC(CPUMachine.code)
      #expect(machine.stopped([I.tlbwr, I.tlbfill, I.tlbsrch]) == CPUMachine.end(of: [0, 0, 0]))
      #expect(machine.csr(CSR.tlbidx) >> 31 & 1 == 1)
    }
  }

  @Test(arguments: [0, 1, 11, 30, 63] as [UInt64])
  func impossibleSTLBPageSize_isNotAccepted(size: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(CSR.stlbps, 14)
    machine.set(CSR.stlbps, size)
    #expect(machine.csr(CSR.stlbps) == 14)
  }

  // MARK: invalidation

  /// Operation, and which of the entries below it leaves alone; ASID 3 and the first address are named.
  static let invalidations: [(UInt32, Set<Int>)] = [
    (0, []), (1, []), (2, [0, 1, 2]), (3, [3, 4]), (4, [1, 3, 4]), (5, [1, 2, 3, 4]), (6, [1, 2, 4]),
  ]

  /// (address, ASID, global) by number.
  static let entries: [(UInt64, UInt64, Bool)] = [
    (0x10_0000, 3, false), (0x10_0000, 4, false), (0x20_0000, 3, false), (0x10_4000 & ~0x7fff, 9, true),
    (0x30_0000, 3, true),
  ]

  @Test(arguments: invalidations)
  func invtlb_removesExactlyWhatTheOperationNames(operation: UInt32, left: Set<Int>) throws {
    let machine = try CPUMachine()
    for (number, given) in Self.entries.enumerated() {
      let page = entry(0x4_0000, global: given.2)
      machine.map(given.0, page, page, index: 2048 + UInt64(number), asid: given.1)
    }
    machine.set(5, to: 0xfc03)
    machine.set(6, to: 0x10_7ff8)
    #expect(machine.stopped([I.invtlb(operation, 5, 6)]) == CPUMachine.end(of: [0]))
    let found = Self.entries.indices.filter { machine.cpu.pointee.tlb.entries[2048 + $0].exists }
    #expect(Set(found) == left)
  }

  @Test(arguments: [I.tlbclr, I.tlbflush], [7, 2050] as [UInt64])
  func tlbclrAndTLBFlush_emptyTheSetOrTheMTLB(word: UInt32, index: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(CSR.stlbps, 14)
    machine.set(CSR.asid, 3)
    let spots: [(UInt64, UInt64)] = [(7, 7 << 15), (256 + 7, 1 << 40 | 7 << 15), (8, 8 << 15), (2048, 0x20_0000)]
    for (spot, address) in spots {
      machine.map(address, entry(0x4_0000), 0, index: spot)
      if spot == 7 || spot == 2048 {
        let page = entry(0x4_0000, global: true)
        machine.map(address ^ 1 << 41, page, page, index: spot == 7 ? 512 + 7 : 2049)
      }
    }
    machine.set(CSR.tlbidx, index)
    #expect(machine.stopped([word]) == CPUMachine.end(of: [0]))
    func exists(_ spot: Int) -> Bool { machine.cpu.pointee.tlb.entries[GuestTLB.position(spot)].exists }
    let inSet = index == 7
    let all = word == I.tlbflush
    #expect(exists(8))
    #expect(exists(7) == !inSet)
    #expect(exists(256 + 7) == !inSet)
    #expect(exists(512 + 7) == !(inSet && all))
    #expect(exists(2048) == inSet)
    #expect(exists(2049) == !(!inSet && all))
  }

  // MARK: what fast paths must forget

  /// A mapping that data and text have used, then the instructions under test, then the same uses.
  private func afterUse(_ words: [UInt32], text: Bool, setUp: (CPUMachine) -> Void = { _ in }) throws -> CPUMachine {
    let machine = try CPUMachine()
    machine.set(CSR.asid, 3)
    machine.set(CSR.stlbps, 14)
    machine.map(0x10_0000, entry(0x4_0000), 0, index: 2048)
    machine.write([I.jirl(0, 1)], at: 0x4_0000)
    machine.page()
    machine.set(5, to: 0x10_0000)
    machine.set(6, to: 3)
    machine.set(8, to: 0x10_0000)
    setUp(machine)
    let use = text ? [I.jirl(1, 5), I.jirl(1, 5)] : [I.ldW(4, 5), I.stW(4, 5)]
    #expect(machine.stopped(use + words + use) == CPUMachine.refillEntry)
    #expect(machine.csr(CSR.tlbrbadv) == 0x10_0000)
    let era = (CPUMachine.window | CPUMachine.code) + UInt64(use.count + words.count) * 4
    #expect(machine.csr(CSR.tlbrera) == (text ? 0x10_0000 : era) | 1)
    return machine
  }

  @Test(arguments: [0, 1, 3, 4, 5, 6] as [UInt32], [false, true])
  func invtlb_isObeyedByFastPathAndText(operation: UInt32, text: Bool) throws {
    _ = try afterUse([I.invtlb(operation, 6, 5)], text: text)
  }

  @Test(arguments: [false, true])
  func otherASID_isObeyedByFastPathAndText(text: Bool) throws {
    _ = try afterUse([I.addi(4, 0, 4), I.csrwr(4, CSR.asid)], text: text)
  }

  @Test(arguments: [false, true])
  func asidFromTLBRD_isObeyedByFastPathAndText(text: Bool) throws {
    // An index without an entry: ASID becomes 0.
    _ = try afterUse([I.csrwr(0, CSR.tlbidx), I.tlbrd], text: text)
  }

  @Test(arguments: [false, true])
  func tlbwrOverTheEntry_isObeyedByFastPathAndText(text: Bool) throws {
    _ = try afterUse([I.csrwr(7, CSR.tlbehi), I.tlbwr], text: text) { machine in
      machine.set(7, to: 0x50_0000)
      machine.set(CSR.tlbidx, 14 << 24 | 2048)
    }
  }

  @Test func tlbwrOfANewFrame_isSeenByFastPathAndText() throws {
    let machine = try CPUMachine()
    machine.map(0x10_0000, entry(0x4_0000), 0, index: 2048)
    machine.write([I.addi(4, 0, 1), I.jirl(0, 1)], at: 0x4_0000)
    machine.write([I.addi(4, 0, 2), I.jirl(0, 1)], at: 0x5_0000)
    machine.write64(11, at: 0x4_0100)
    machine.write64(22, at: 0x5_0100)
    machine.page()
    machine.set(5, to: 0x10_0000)
    machine.set(6, to: entry(0x5_0000))
    machine.set(CSR.tlbidx, 14 << 24 | 2048)
    machine.set(CSR.tlbehi, 0x10_0000)
    let words = [
      I.jirl(1, 5), I.ldD(7, 5, 0x100), I.addi(8, 4, 0), I.csrwr(6, CSR.tlbelo0), I.tlbwr, I.jirl(1, 5),
      I.ldD(9, 5, 0x100),
    ]
    #expect(machine.stopped(words) == CPUMachine.window | CPUMachine.end(of: words))
    #expect([machine.gpr(7), machine.gpr(8)] == [11, 1])
    #expect([machine.gpr(9), machine.gpr(4)] == [22, 2])
  }

  @Test func sameAddressInTwoAddressSpaces_isTwoPages_globalOnesAreOne() throws {
    let machine = try CPUMachine()
    machine.map(0x10_0000, entry(0x4_0000), entry(0x4_4000), index: 2048, asid: 1)
    machine.map(0x10_0000, entry(0x5_0000), entry(0x5_4000), index: 2049, asid: 2)
    machine.map(0x20_0000, entry(0x6_0000, global: true), entry(0x6_4000, global: true), index: 2050, asid: 1)
    machine.write64(1, at: 0x4_4000)
    machine.write64(2, at: 0x5_4000)
    machine.write64(3, at: 0x6_4000)
    machine.page()
    machine.set(CSR.asid, 1)
    machine.set(5, to: 0x10_4000)
    machine.set(6, to: 0x20_4000)
    machine.set(7, to: 2)
    let words = [I.ldD(8, 5), I.ldD(9, 6), I.csrwr(7, CSR.asid), I.ldD(10, 5), I.ldD(11, 6)]
    #expect(machine.stopped(words) == CPUMachine.window | CPUMachine.end(of: words))
    #expect((8...11).map { machine.gpr($0) } == [1, 3, 2, 3])
  }
}
