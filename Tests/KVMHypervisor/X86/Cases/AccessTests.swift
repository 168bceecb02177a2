import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

/// Where nothing is.
private let hole: UInt32 = 0xc000_0000

@Suite(.needsKVM) struct AccessTests {
  @Test(arguments: [
    (1, false, UInt64(0xffff_ffff_ffff_ff85), UInt32(0x85)), (1, true, 0x85, 0xffff_ff85),
    (2, false, 0xffff_ffff_ffff_8765, 0x8765), (2, true, 0x8765, 0xffff_8765), (4, false, 0x1_8765_4321, 0x8765_4321),
  ])
  func loadOutsideMemoryGetsTheLowBytesOfTheAnswerExtended(
    size: Int, signed: Bool, answer: UInt64, expected: UInt32
  ) throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: size, signed: signed, from: hole)
    code.storeEAX(to: 0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd { _, _ in answer }

    #expect(events == [.read(UInt64(hole), size: UInt8(size))])
    #expect(guest.word(0x3000) == expected)
  }

  @Test func loadOfEightBytesGetsAllOfTheAnswer() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.loadMM0(from: hole)
    code.storeMM0(to: 0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd { _, _ in 0x8877_6655_4433_2211 }

    #expect(events == [.read(UInt64(hole), size: 8)])
    #expect(guest.word(0x3000) == 0x4433_2211 && guest.word(0x3004) == 0x8877_6655)
  }

  @Test func accessesOfEverySizeComeInTheOrderOfTheProgramWithTheirLowBytes() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.store(0x8877_6655, size: 4, to: 0x3000)
    code.store(0x4433_2211, size: 4, to: 0x3004)
    code.loadMM0(from: 0x3000)
    code.store(0xffff_ff81, size: 1, to: hole + 1)
    code.store(0xffff_8281, size: 2, to: hole + 2)
    code.load(size: 4, from: hole + 4)
    code.store(0x8483_8281, size: 4, to: hole + 4)
    code.storeMM0(to: hole + 8)
    code.storeEAX(to: hole + 16)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd { _, _ in 0xffff_ffff_0000_0007 }

    let base = UInt64(hole)
    #expect(
      events == [
        .write(base + 1, size: 1, 0x81), .write(base + 2, size: 2, 0x8281), .read(base + 4, size: 4),
        .write(base + 4, size: 4, 0x8483_8281), .write(base + 8, size: 8, 0x4433_2211_8877_6655),
        .write(base + 16, size: 4, 7),
      ])
  }

  @Test func storeIntoReadOnlyMemoryComesOutAndChangesNothingAndLoadsDoNotComeOut() throws {
    let guest = try X86Machine()
    let rom = try guest.addMemory(at: 0x10_0000, size: 8192, readOnly: true)
    rom.storeBytes(of: 0x1234_5678, toByteOffset: 4096, as: UInt32.self)
    var code = X86Code(at: X86Machine.codeAddress)
    code.store(0xaabb, size: 2, to: 0x10_1000)
    code.load(size: 4, from: 0x10_1000)
    code.storeEAX(to: 0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd()

    #expect(events == [.write(0x10_1000, size: 2, 0xaabb)])
    #expect(guest.word(0x3000) == 0x1234_5678)
  }

  @Test func finishingAnAccessGivesTheLoadItsValueWithoutRunningOn() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: 4, from: hole)
    let next = code.here
    code.storeEAX(to: 0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    #expect(GuestEvent(guest.runner.run()) == .read(UInt64(hole), size: 4))

    guest.runner.completeRead(0x1122_3344)
    guest.runner.finishAccess()

    let registers = try guest.registers()
    #expect(registers.eax == 0x1122_3344 && registers.next == UInt64(next))
    #expect(guest.word(0x3000) == 0)
    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(try guest.runToEnd() == [])
    #expect(guest.word(0x3000) == 0x1122_3344)
  }

  @Test func finishingAStoreLeavesItDoneOnce() throws {
    let guest = try X86Machine()
    var code = X86Code(at: X86Machine.codeAddress)
    code.store(5, size: 4, to: hole)
    let next = code.here
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    #expect(GuestEvent(guest.runner.run()) == .write(UInt64(hole), size: 4, 5))

    guest.runner.finishAccess()

    #expect(try guest.registers().next == UInt64(next))
    #expect(GuestEvent(guest.runner.run()) == .interrupted)
    #expect(try guest.runToEnd() == [])
  }
}
