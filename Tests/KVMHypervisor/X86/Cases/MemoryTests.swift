import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

private let second: UInt64 = 0x100_0000

@Suite(.needsKVM) struct MemoryTests {
  @Test func guestSeesTheMemoryOfTwoSlotsAndWhatIsBetweenThemComesOut() throws {
    let guest = try X86Machine()
    let more = try guest.addMemory(at: second, size: 8192)
    more.storeBytes(of: 0xcafe_f00d, toByteOffset: 4092, as: UInt32.self)
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: 4, from: UInt32(second) + 4092)
    code.storeEAX(to: UInt32(second) + 4096)
    code.storeEAX(to: 0x3000)
    code.store(1, size: 1, to: UInt32(second) - 1)
    code.store(2, size: 1, to: UInt32(second) + 8192)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    let events = try guest.runToEnd()

    #expect(events == [.write(second - 1, size: 1, 1), .write(second + 8192, size: 1, 2)])
    #expect(guest.word(0x3000) == 0xcafe_f00d)
    #expect(more.load(fromByteOffset: 4096, as: UInt32.self) == 0xcafe_f00d)
  }

  @Test func guestSeesWhatAnotherProcessStoresIntoItsMemoryAndThatProcessWhatTheGuestStores() throws {
    let guest = try X86Machine()
    let peer = try Peer()
    var code = X86Code(at: X86Machine.codeAddress)
    code.load(size: 4, from: 0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    code.load(size: 4, from: 0x3000)
    code.storeEAX(to: 0x3004)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)
    #expect(try guest.runToEnd() == [])

    try peer.store(0x600d_beef, at: 0x3000, of: guest.file)
    #expect(try guest.runToEnd() == [])

    #expect(try peer.load(at: 0x3004, of: guest.file) == 0x600d_beef)
  }

  /// Address, offset of the host's address, size.
  @Test(
    arguments: [
      (second + 0x800, 0, 4096), (second, 0x800, 4096), (second, 0, 4096 + 0x800), (second, 0, 0),
      (0xf000, 0, 4096), (0, 0, 0x10000), (UInt64(0) &- 4096, 0, 8192), (1 << 60, 0, 4096),
    ] as [(UInt64, Int, UInt64)])
  func memoryThatOverlapsIsUnalignedOrBeyondTheAddressSpaceIsRefused(
    address: UInt64, offset: Int, size: UInt64
  ) throws {
    let guest = try X86Machine()
    let more = try guest.addMemory(at: 0x800_0000, size: 0x20000)

    #expect(throws: HypervisorError.badMemorySlot(guestAddress: address, size: size)) {
      try guest.machine.addMemory(guestAddress: address, host: more + offset, size: size)
    }

    // And nothing has been left behind that the next one meets.
    try guest.machine.addMemory(guestAddress: second, host: more, size: 4096)
  }
}

/// 80 pages at `second`, so that the bitmap has more than one word.
private func guestThatStores(_ pages: [[UInt32]]) throws -> X86Machine {
  let guest = try X86Machine()
  try guest.addMemory(at: second, size: 80 * 4096)
  var code = X86Code(at: X86Machine.codeAddress)
  for batch in pages {
    for page in batch { code.store(page, size: 2, to: UInt32(second) + page * 4096 + 0x123) }
    code.load(size: 4, from: UInt32(second) + 20 * 4096)
    code.store(0, size: 1, to: X86Machine.end)
  }
  try guest.begin(code)
  return guest
}

@Suite(.needsKVM) struct DirtyLogTests {
  @Test func logHasThePagesThatTheGuestStoredToSinceTheLastCallAndNoOthers() throws {
    let guest = try guestThatStores([[1, 7], [0, 3, 79], [3, 64], []])
    #expect(try guest.runToEnd() == [])

    try guest.machine.logDirtyPages(true, guestAddress: second)
    let atOnce = try guest.machine.takeDirtyPages(guestAddress: second)
    #expect(try guest.runToEnd() == [])
    let first = try guest.machine.takeDirtyPages(guestAddress: second)
    let again = try guest.machine.takeDirtyPages(guestAddress: second)
    #expect(try guest.runToEnd() == [])
    let next = try guest.machine.takeDirtyPages(guestAddress: second)
    #expect(try guest.runToEnd() == [])
    let last = try guest.machine.takeDirtyPages(guestAddress: second)

    #expect(atOnce == [0, 0])
    #expect(first == [0b1001, 1 << 15])
    #expect(again == [0, 0])
    #expect(next == [0b1000, 1])
    #expect(last == [0, 0])
  }

  @Test func logThatIsOffOrEndedCannotBeTakenAndDoesNotDisturbTheGuest() throws {
    let guest = try guestThatStores([[1], [2]])
    let noLog = HypervisorError.system(SystemError("", Errno.noEntry))
    #expect(throws: noLog) { try guest.machine.takeDirtyPages(guestAddress: second) }

    try guest.machine.logDirtyPages(true, guestAddress: second)
    #expect(try guest.runToEnd() == [])
    try guest.machine.logDirtyPages(false, guestAddress: second)
    #expect(try guest.runToEnd() == [])

    #expect(throws: noLog) { try guest.machine.takeDirtyPages(guestAddress: second) }
  }

  @Test func logOfMemoryThatWasNeverAddedIsRefused() throws {
    let guest = try X86Machine()
    let bad = HypervisorError.badMemorySlot(guestAddress: second, size: 0)
    #expect(throws: bad) { try guest.machine.logDirtyPages(true, guestAddress: second) }
    #expect(throws: bad) { try guest.machine.takeDirtyPages(guestAddress: second) }
  }
}
