import Dispatch
import Hypervisor
import System
import Testing

@testable import SoftHypervisor

/// Text that changes (Vol. 1, 2.2.8.2): seen after ibar, at the latest.
@Suite struct CPUTextTests {
  static let function: UInt64 = 0x4_0000

  /// A machine with a function that sets r4 to `value`.
  private func machine(value: Int32, vcpus: Int = 1) throws -> CPUMachine {
    let machine = try CPUMachine(vcpus: vcpus)
    machine.write([I.addi(4, 0, value), I.jirl(0, 1)], at: Self.function)
    for id in 0..<vcpus {
      machine.set(5, to: Self.function, cpu: id)
      machine.set(6, to: UInt64(I.addi(4, 0, 2)), cpu: id)
    }
    return machine
  }

  @Test func textWrittenByTheGuest_isSeenAfterIbar() throws {
    let machine = try machine(value: 1)
    let words = [I.jirl(1, 5), I.addi(7, 4, 0), I.stW(6, 5), I.ibar, I.jirl(1, 5)]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect([machine.gpr(7), machine.gpr(4)] == [1, 2])
  }

  @Test func textRightAfterItsStoreAndIbar_isNew() throws {
    let machine = try CPUMachine()
    // The store hits the word after ibar, in the same block.
    machine.set(5, to: CPUMachine.code + 8)
    machine.set(6, to: UInt64(I.addi(4, 0, 2)))
    let words = [I.stW(6, 5), I.ibar, I.addi(4, 0, 1)]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect(machine.gpr(4) == 2)
  }

  @Test func textChangedAndChangedBack_runsTheFirstAgain() throws {
    let machine = try machine(value: 1)
    machine.set(8, to: UInt64(I.addi(4, 0, 1)))
    let words = [
      I.jirl(1, 5), I.stW(6, 5), I.ibar, I.jirl(1, 5), I.addi(9, 4, 0), I.stW(8, 5), I.ibar, I.jirl(1, 5),
    ]
    #expect(machine.stopped(words) == CPUMachine.end(of: words))
    #expect([machine.gpr(9), machine.gpr(4)] == [2, 1])
  }

  @Test(arguments: [I.ibar, I.invtlb(0, 0, 0)])
  func textChangedByADevice_isSeenAfterBarrierOrRemapping(word: UInt32) throws {
    let machine = try machine(value: 1)
    machine.map(0x10_0000, Self.function | Page.all, 0, index: 2048)
    machine.write([I.tlbwr, I.ertn], at: CPUMachine.refillEntry)
    machine.page()
    machine.set(5, to: 0x10_0000)
    // The device writes while the guest waits at the first stop.
    let words = [I.jirl(1, 5), I.addi(7, 4, 0), CPUMachine.stop, word, I.jirl(1, 5)]
    #expect(machine.stopped(words) == CPUMachine.window | CPUMachine.code + 8)
    machine.set(CSR.tlbrehi, 0x10_0000 | 14)
    machine.set(CSR.tlbrelo0, Self.function | Page.all)
    machine.patch(I.addi(4, 0, 2), at: Self.function)
    #expect(machine.stopped() == CPUMachine.window | CPUMachine.end(of: words))
    #expect([machine.gpr(7), machine.gpr(4)] == [1, 2])
  }

  @Test func textChangedByOneCPU_isSeenByTheOther_withoutItsOwnIbar() throws {
    let machine = try machine(value: 1, vcpus: 2)
    let caller: UInt64 = 0x5_0000
    // CPU 1 announces itself and calls until the function has changed.
    let loop = [I.jirl(1, 5), I.stD(4, 9), I.addi(7, 4, -2), I.bnez(7, -12), CPUMachine.stop]
    machine.write(loop, at: caller)
    machine.setPC(caller, cpu: 1)
    // CPU 0 waits for the announcement, then patches.
    let words = [I.ldD(7, 9), I.beqz(7, -4), I.stW(6, 5), I.ibar]
    for id in 0..<2 { machine.set(9, to: 0x6_0000, cpu: id) }
    machine.write(words + [CPUMachine.stop], at: CPUMachine.code)
    let ends = try machine.runAll()
    #expect(ends == [CPUMachine.end(of: words), caller + 16])
    #expect(machine.gpr(4, cpu: 1) == 2)
  }

  @Test func moreTextThanTheArenasHold_startsThemAnew() throws {
    let machine = try CPUMachine()
    machine.write((0..<64).flatMap { _ in [I.nop, I.b(4)] }, at: CPUMachine.code)
    var store = BlockStore(operations: 1024)
    defer { store.free() }
    let code = UnsafePointer((machine.ram + Int(CPUMachine.code)).assumingMemoryBound(to: UInt32.self))
    var emptied = 0
    for number in 0..<200 as Range<UInt64> {
      var didEmpty = false
      let block = store.block(key: number << 2, code: code, room: 64, didEmpty: &didEmpty)
      if didEmpty { emptied += 1 }
      #expect(block.pointee.key == number << 2)
      #expect(block.pointee.count == 2)
    }
    // An eighth as many blocks as operations: 128.
    #expect(emptied == 1)
  }
}

extension CPUMachine {
  /// Runs every vCPU on a thread of its own; where each stopped, or nil.
  func runAll() throws -> [UInt64?] {
    nonisolated(unsafe) let machine = self
    nonisolated(unsafe) let ends = UnsafeMutablePointer<UInt64?>.allocate(capacity: vcpus.count)
    ends.initialize(repeating: nil, count: vcpus.count)
    defer { ends.deallocate() }
    flushText()
    let group = DispatchGroup()
    for id in vcpus.indices {
      group.enter()
      try Thread.start(stack: 8 << 20) {
        ends[id] = machine.stopped(cpu: id)
        group.leave()
      }
    }
    group.wait()
    return vcpus.indices.map { ends[$0] }
  }
}
