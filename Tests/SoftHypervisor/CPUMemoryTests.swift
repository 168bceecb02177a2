import Hypervisor
import Testing

@testable import SoftHypervisor

/// One width of an integer load: the instruction, its size, whether it extends the sign.
struct LoadCase: Sendable {
  let word: UInt32
  let size: UInt8
  let signed: Bool

  func extend(_ value: UInt64) -> UInt64 {
    let unused = 64 - UInt64(size) * 8
    let shifted = value << unused
    return signed ? UInt64(bitPattern: Int64(bitPattern: shifted) >> Int64(unused)) : shifted >> unused
  }
}

/// Loads and stores of memory and of devices (Vol. 1, 2.2.5; reference A.5).
@Suite struct CPUMemoryTests {
  /// rd = r4, rj = r5.
  static let loads: [LoadCase] = [
    .init(word: I.ldB(4, 5), size: 1, signed: true), .init(word: I.ldBU(4, 5), size: 1, signed: false),
    .init(word: I.ldH(4, 5), size: 2, signed: true), .init(word: I.ldHU(4, 5), size: 2, signed: false),
    .init(word: I.ldW(4, 5), size: 4, signed: true), .init(word: I.ldWU(4, 5), size: 4, signed: false),
    .init(word: I.ldD(4, 5), size: 8, signed: true),
  ]
  static let stores: [(UInt32, UInt8)] = [(I.stB(4, 5), 1), (I.stH(4, 5), 2), (I.stW(4, 5), 4), (I.stD(4, 5), 8)]
  static let pattern: UInt64 = 0x8796_a5b4_c3d2_e1f0

  /// Two virtual pages side by side whose memory is not.
  private func torn() throws -> CPUMachine {
    let machine = try CPUMachine()
    machine.map(0x10_0000, 0x4_0000 | Page.all, 0x6_0000 | Page.all, index: 2048)
    machine.page()
    return machine
  }

  @Test(arguments: loads, [1, 2, 3, 4, 5, 6, 7] as [UInt64])
  func load_overAPageBoundary_joinsBothPages(given: LoadCase, before: UInt64) throws {
    let machine = try torn()
    for i in 0..<8 as Range<UInt64> {
      let at = i < before ? 0x4_4000 - before + i : 0x6_0000 + i - before
      machine.ram.storeBytes(
        of: UInt8(truncatingIfNeeded: Self.pattern >> (8 * i)), toByteOffset: Int(at), as: UInt8.self)
    }
    machine.set(5, to: 0x10_4000 - before)
    #expect(machine.stopped([given.word]) == CPUMachine.window | CPUMachine.end(of: [0]))
    #expect(machine.gpr(4) == given.extend(Self.pattern))
  }

  @Test(arguments: [1, 3, 7] as [UInt64])
  func store_overAPageBoundary_writesBothPages(before: UInt64) throws {
    let machine = try torn()
    machine.set(5, to: 0x10_4000 - before)
    machine.set(4, to: Self.pattern)
    #expect(machine.stopped([I.stD(4, 5)]) == CPUMachine.window | CPUMachine.end(of: [0]))
    let low = machine.read64(0x4_4000 - 8) >> (64 - 8 * before)
    let high = machine.read64(0x6_0000) << (8 * before)
    #expect(low | high == Self.pattern)
    #expect(machine.read64(0x4_4000) == 0)
  }

  @Test(arguments: [1, 8, 9, 15] as [UInt64])
  func vector_overAPageBoundary_joinsBothPages(before: UInt64) throws {
    let machine = try torn()
    machine.set(CSR.euen, 3)
    machine.set(5, to: 0x10_4000 - before)
    machine.set(6, to: 0x10_4100)
    machine.write64(1, at: 0x6_0100)
    machine.write64(Self.pattern, at: 0x6_0108)
    let words = [I.vld(1, 6), I.vst(1, 5), I.vld(2, 5), I.vst(2, 6, 16)]
    #expect(machine.stopped(words) == CPUMachine.window | CPUMachine.end(of: words))
    #expect(machine.read64(0x6_0110) == 1)
    #expect(machine.read64(0x6_0118) == Self.pattern)
  }

  @Test(arguments: [I.stD(4, 5), I.vst(0, 5)])
  func store_intoAPageThatIsNotThere_changesNothing(word: UInt32) throws {
    let machine = try CPUMachine()
    machine.map(0x10_0000, 0x4_0000 | Page.all, Page.valid | 0x6_0000, index: 2048)
    machine.set(CSR.euen, 3)
    machine.cpu.pointee.registers.vr[0] = .max
    machine.page()
    machine.set(4, to: .max)
    machine.set(5, to: 0x10_4000 - 4)
    #expect(machine.stopped([word]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.pageModify)
    #expect(machine.csr(CSR.badv) == 0x10_4000)
    #expect(machine.csr(CSR.era) == CPUMachine.window | CPUMachine.code)
    #expect(machine.read64(0x4_4000 - 8) == 0)
  }

  // MARK: the end of memory

  @Test func lastBytesOfMemory_areMemory_theNextOneIsADevice() throws {
    let machine = try CPUMachine()
    let end = UInt64(CPUMachine.ramSize)
    machine.write64(Self.pattern, at: end - 8)
    machine.set(5, to: end - 8)
    let words = [I.ldD(4, 5), I.ldBU(6, 5, 7)]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect([machine.gpr(4), machine.gpr(6)] == [Self.pattern, Self.pattern >> 56])
    machine.setPC(CPUMachine.code)
    guard case .mmioRead(end, 1) = machine.run([I.ldBU(4, 5, 8)]) else {
      Issue.record("no device access behind the end")
      return
    }
  }

  @Test(arguments: [I.ldD(4, 5), I.stD(4, 5), I.ldW(4, 5, 3)])
  func accessAcrossTheEndOfMemory_raisesADEM(word: UInt32) throws {
    let machine = try CPUMachine()
    machine.set(5, to: UInt64(CPUMachine.ramSize) - 4)
    machine.set(4, to: .max)
    #expect(machine.stopped([word]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressMemory)
  }

  @Test(arguments: [0, 1, 3, 7] as [UInt64])
  func accessAcrossTheEndOfTheAddressSpace_isHarmless(offset: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(5, to: .max - offset)
    #expect(machine.stopped([I.ldD(4, 5)]) == CPUMachine.entry || offset == 7)
  }

  // MARK: devices

  @Test(arguments: loads, [0x11, 0xfedc_ba98_7654_3210, 0x80, 0x8000, 0x8000_0000] as [UInt64])
  func mmioLoad_exits_andExtendsTheAnswer(given: LoadCase, answer: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x5000_0008)
    machine.set(4, to: 0x1234)
    guard case .mmioRead(0x5000_0008, given.size) = machine.run([given.word, I.addi(6, 4, 1)]) else {
      Issue.record("no exit")
      return
    }
    #expect(machine.gpr(4) == 0x1234)
    machine.vcpus[0].completeRead(answer)
    #expect(machine.stopped() == CPUMachine.end(of: [0, 0]))
    #expect(machine.gpr(4) == given.extend(answer))
    #expect(machine.gpr(6) == given.extend(answer) &+ 1)
    // A second answer has no load to go to.
    machine.vcpus[0].completeRead(99)
    #expect(machine.gpr(4) == given.extend(answer))
  }

  @Test func mmioLoadIntoR0_leavesR0Zero() throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x5000_0000)
    _ = machine.run([I.ldD(0, 5)])
    machine.vcpus[0].completeRead(.max)
    #expect(machine.stopped() == CPUMachine.end(of: [0]))
    #expect(machine.gpr(0) == 0)
  }

  @Test(arguments: stores)
  func mmioStore_exitsWithTheLowBytes(word: UInt32, size: UInt8) throws {
    let machine = try CPUMachine()
    machine.set(4, to: Self.pattern)
    machine.set(5, to: 0x5000_0010)
    let value = size == 8 ? Self.pattern : Self.pattern & ((1 << (UInt64(size) * 8)) - 1)
    guard case .mmioWrite(0x5000_0010, size, value) = machine.run([word]) else {
      Issue.record("no exit")
      return
    }
    #expect(machine.stopped() == CPUMachine.end(of: [0]))
  }

  @Test(arguments: [I.fldD(0, 5), I.fstD(0, 5), I.vld(0, 5), I.vst(0, 5), I.amaddD(4, 6, 5), I.llD(4, 5), I.scD(4, 5)])
  func otherThanIntegerAccessToADevice_raisesADEM(word: UInt32) throws {
    let machine = try CPUMachine()
    machine.set(CSR.euen, 3)
    machine.set(5, to: 0x5000_0000)
    #expect(machine.stopped([word]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressMemory)
    #expect(machine.csr(CSR.badv) == 0x5000_0000)
  }

  // MARK: IOCSR

  @Test(arguments: [(0, 0xff80), (1, 0x8000), (2, 0x1_8000_0000), (3, 0x8000_0000_0000_0000)] as [(UInt32, UInt64)])
  func iocsrOutsideOfTheChip_exits_andExtendsTheSign(log2: UInt32, answer: UInt64) throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0xffff_0000_0000_0008)
    let size = UInt8(1) << UInt8(log2)
    guard case .iocsrRead(8, size) = machine.run([I.iocsrrd(4, 5, log2: log2), I.iocsrwr(4, 5, log2: log2)]) else {
      Issue.record("no exit for the read")
      return
    }
    machine.vcpus[0].completeRead(answer)
    let low = size == 8 ? answer : answer & ((1 << (UInt64(size) * 8)) - 1)
    guard case .iocsrWrite(8, size, low) = machine.run() else {
      Issue.record("no exit for the write")
      return
    }
    #expect(machine.gpr(4) == LoadCase(word: 0, size: size, signed: true).extend(answer))
    #expect(machine.stopped() == CPUMachine.end(of: [0, 0]))
  }
}
