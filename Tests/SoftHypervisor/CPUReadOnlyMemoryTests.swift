import Hypervisor
import Testing

@testable import SoftHypervisor

/// Memory that guests load and run from and do not write: as KVM has it with KVM_MEM_READONLY.
@Suite struct CPUReadOnlyMemoryTests {
  private static let start: UInt64 = 0x1c00_0000

  /// A machine with 16 KiB of ROM, whose words are their own number, and r5 pointing to it.
  private func machine() throws -> (CPUMachine, UnsafeMutablePointer<UInt32>) {
    let machine = try CPUMachine()
    let rom = UnsafeMutablePointer<UInt32>.allocate(capacity: 4096)
    for i in 0..<4096 { rom[i] = UInt32(i) }
    try machine.hypervisor.addReadOnlyMemory(guestAddress: Self.start, host: rom, size: 16384)
    machine.set(5, to: Self.start)
    machine.set(4, to: .max)
    return (machine, rom)
  }

  @Test func load_readsIt() throws {
    let (machine, rom) = try machine()
    defer { rom.deallocate() }
    #expect(machine.stopped([I.ldW(6, 5, 8), I.ldD(7, 5, 16)]) != nil)
    #expect(machine.gpr(6) == 2)
    #expect(machine.gpr(7) == 5 << 32 | 4)
  }

  @Test(arguments: CPUMemoryTests.stores) func store_exits_andChangesNothing(word: UInt32, size: UInt8) throws {
    let (machine, rom) = try machine()
    defer { rom.deallocate() }
    // The load first: a page that may be read must not become one that may be written.
    guard case .mmioWrite(Self.start, size, _) = machine.run([I.ldW(6, 5), word]) else {
      Issue.record("the store did not exit")
      return
    }
    #expect(rom[0] == 0 && rom[1] == 1)
  }

  @Test func storeThroughThePageTable_exitsAsWell() throws {
    let (machine, rom) = try machine()
    defer { rom.deallocate() }
    machine.map(0x10_0000, Self.start | Page.all, Self.start | Page.all, index: 2048)
    machine.page()
    machine.set(5, to: 0x10_0008)
    guard case .mmioWrite(Self.start + 8, 4, 0xffff_ffff) = machine.run([I.ldW(6, 5), I.stW(4, 5)]) else {
      Issue.record("the store did not exit")
      return
    }
    #expect(rom[2] == 2)
  }

  @Test(arguments: [I.amaddW(6, 4, 5), I.scW(4, 5), I.fstD(0, 5), I.vst(0, 5)])
  func storesThatNoDeviceTakes_areAnAddressError(word: UInt32) throws {
    let (machine, rom) = try machine()
    defer { rom.deallocate() }
    machine.set(CSR.euen, 3)
    #expect(machine.stopped([I.llW(6, 5), word]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressMemory)
    #expect(rom[0] == 0)
  }

  @Test func text_runs() throws {
    let (machine, rom) = try machine()
    defer { rom.deallocate() }
    rom[0] = I.addi(6, 0, 99)
    rom[1] = CPUMachine.stop
    machine.setPC(Self.start)
    #expect(machine.stopped() == Self.start + 4)
    #expect(machine.gpr(6) == 99)
  }

  @Test func overlappingOrOddPlaces_areRefused() throws {
    let machine = try CPUMachine()
    let rom = UnsafeMutableRawPointer.allocate(byteCount: 16384, alignment: 16384)
    defer { rom.deallocate() }
    for (address, size) in [(0, 16384), (Self.start + 1, 16384), (Self.start, 100), (Self.start, 0)]
      as [(UInt64, UInt64)]
    {
      #expect(throws: HypervisorError.badMemorySlot(guestAddress: address, size: size)) {
        try machine.hypervisor.addReadOnlyMemory(guestAddress: address, host: rom, size: size)
      }
    }
  }
}
