import Hypervisor
import Testing

@testable import SoftHypervisor

/// An access through one TLB entry and what must come of it.
struct PermissionCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bits: UInt64
  let privilege: UInt64
  /// Exception code for load, store and fetch; 0 if allowed.
  let load: Int
  let store: Int
  let fetch: Int

  init(_ name: String, _ bits: UInt64, _ privilege: UInt64, _ load: Int, _ store: Int, _ fetch: Int) {
    testDescription = name
    self.bits = bits
    self.privilege = privilege
    self.load = load
    self.store = store
    self.fetch = fetch
  }
}

/// Address translation (Vol. 1, 5.2–5.4).
@Suite struct CPUTranslationTests {
  static let kernel = Page.valid | Page.dirty
  static let cases: [PermissionCase] = [
    .init("not valid", 0, 0, Ecode.pageInvalidLoad, Ecode.pageInvalidStore, Ecode.pageInvalidFetch),
    .init("not valid for user", Page.user, 3, Ecode.pageInvalidLoad, Ecode.pageInvalidStore, Ecode.pageInvalidFetch),
    .init("kernel page", kernel, 0, 0, 0, 0),
    .init("kernel page, user", kernel, 3, Ecode.pagePrivilege, Ecode.pagePrivilege, Ecode.pagePrivilege),
    .init("level 1 page, level 2", kernel | 1 << 2, 2, Ecode.pagePrivilege, Ecode.pagePrivilege, Ecode.pagePrivilege),
    .init("level 2 page, level 1", kernel | 2 << 2, 1, 0, 0, 0),
    .init("user page", Page.all, 3, 0, 0, 0),
    .init("user page, kernel", Page.all, 0, 0, 0, 0),
    .init("clean page", Page.valid, 0, 0, Ecode.pageModify, 0),
    .init("clean user page", Page.valid | Page.user, 3, 0, Ecode.pageModify, 0),
    .init("clean kernel page, user", Page.valid, 3, Ecode.pagePrivilege, Ecode.pagePrivilege, Ecode.pagePrivilege),
    .init("no-read page", kernel | Page.noRead, 0, Ecode.pageNotReadable, 0, 0),
    .init("no-execute page", kernel | Page.noExecute, 0, 0, 0, Ecode.pageNotExecutable),
    .init("no-execute kernel page, user", kernel | Page.noExecute, 3, 7, 7, Ecode.pageNotExecutable),
    .init("exact user page, user", Page.all | Page.exactLevel, 3, 0, 0, 0),
    .init("exact user page, kernel", Page.all | Page.exactLevel, 0, 7, 7, 7),
    .init("exact level 1 page, level 2", kernel | 1 << 2 | Page.exactLevel, 2, 7, 7, 7),
  ]

  /// The page under test, and where user text is mapped if there is any.
  static let page: UInt64 = 0x7_0000_4000
  static let physical: UInt64 = 0x4_4000
  static let userText: UInt64 = 0x12_0000

  /// A machine that runs `word` at level `privilege`, with r5 = `page` mapped by `bits`.
  private func paged(_ bits: UInt64, privilege: UInt64) throws -> CPUMachine {
    let machine = try CPUMachine()
    machine.set(5, to: Self.page + 0x10)
    machine.map(Self.page, 0, Self.physical | bits, index: 2048)
    machine.map(Self.userText, CPUMachine.code | Page.all, 0, index: 2049)
    machine.write([I.syscall], at: Self.physical + 0x10)
    machine.write64(0x1122_3344_5566_7788, at: Self.physical + 0x10 + 8)
    machine.page(plv: privilege, pc: Self.userText)
    return machine
  }

  @Test(arguments: cases)
  func access_isAllowedOrRaisesTheRightException(given: PermissionCase) throws {
    check(try paged(given.bits, privilege: given.privilege), I.ldD(4, 5, 8), given.load, "load", bad: 8)
    check(try paged(given.bits, privilege: given.privilege), I.stD(4, 5, 8), given.store, "store", bad: 8)
    check(try paged(given.bits, privilege: given.privilege), I.jirl(0, 5), given.fetch, "fetch", bad: 0)
  }

  private func check(_ machine: CPUMachine, _ word: UInt32, _ code: Int, _ name: String, bad: UInt64) {
    #expect(machine.stopped([word, I.syscall]) == CPUMachine.entry)
    #expect(machine.exceptionCode == (code == 0 ? Ecode.systemCall : code), "\(name)")
    guard code != 0 else { return }
    #expect(machine.csr(CSR.badv) == Self.page + 0x10 + bad)
    #expect(machine.csr(CSR.tlbehi) == Self.page & ~0x1fff)
    #expect(machine.csr(CSR.era) == (name == "fetch" ? Self.page + 0x10 : Self.userText))
  }

  @Test func loadBeforeStore_doesNotOpenACleanPageForTheFastPath() throws {
    let machine = try paged(Page.valid, privilege: 0)
    #expect(machine.stopped([I.ldD(4, 5), I.ldD(4, 5), I.stD(4, 5)]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.pageModify)
    #expect(machine.csr(CSR.era) == Self.userText + 8)
  }

  @Test func storeBeforeLoad_doesNotOpenANoReadPageForTheFastPath() throws {
    let machine = try paged(Self.kernel | Page.noRead, privilege: 0)
    #expect(machine.stopped([I.stD(4, 5), I.stD(4, 5), I.ldD(4, 5)]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.pageNotReadable)
  }

  @Test(arguments: [(1, 2), (2, 3), (1, 3)] as [(UInt64, UInt64)])
  func levels1To3_doNotShareTranslations(allowed: UInt64, denied: UInt64) throws {
    let machine = try paged(Self.kernel | allowed << 2, privilege: allowed)
    #expect(machine.stopped([I.ldD(4, 5), I.stD(4, 5), I.syscall]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.systemCall)
    machine.set(CSR.prmd, denied)
    machine.set(CSR.era, Self.userText)
    machine.write([I.ertn], at: 0x8000)
    machine.write([CPUMachine.stop], at: 0x8000 + 4)
    machine.setPC(CPUMachine.entry)
    machine.set(CSR.ecfg, 1 << 16)
    #expect(machine.stopped() == CPUMachine.entry + UInt64(Ecode.pagePrivilege) * 8)
  }

  // MARK: windows

  @Test(arguments: [0, 1, 2, 3] as [UInt64], [CSR.dmw0, CSR.dmw0 + 1, CSR.dmw3])
  func directMapWindow_servesItsLevelsOnly(level: UInt64, window: Int) throws {
    let machine = try CPUMachine()
    machine.set(window, 0xa000_0000_0000_0000 | 1 << level)
    machine.set(CSR.dmw0 + 2, CPUMachine.window | 1)
    for privilege in 0...3 as ClosedRange<UInt64> {
      machine.set(CSR.crmd, CSR.crmdPG | privilege)
      let found = machine.cpu.translate(0xa123_0000_0004_0010, .load)
      if privilege == level {
        #expect(found.fault == 0)
        #expect(found.physical == 0x4_0010)
      } else {
        // Not a mapped address either: bits 63–47 differ.
        #expect(found.fault == Ecode.addressMemory)
      }
    }
  }

  @Test func removedWindow_isForgottenByFastPathAndText() throws {
    let machine = try CPUMachine()
    machine.set(CSR.dmw0 + 1, 0x8000_0000_0000_0001)
    machine.page()
    machine.set(5, to: 0x8000_0000_0004_0000)
    machine.set(6, to: 0)
    let words = [I.ldD(4, 5), I.csrwr(6, CSR.dmw0 + 1), I.ldD(4, 5)]
    #expect(machine.stopped(words) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressMemory)
    #expect(machine.csr(CSR.era) == CPUMachine.window | CPUMachine.code + 8)
  }

  @Test(arguments: [0x0000_8000_0000_0000, 0xffff_7fff_ffff_fff8, 0x4000_0000_0000_0000] as [UInt64])
  func addressThatIsNotSignExtended_raisesADE(address: UInt64) throws {
    let machine = try CPUMachine()
    machine.page()
    machine.set(5, to: address)
    #expect(machine.stopped([I.ldD(4, 5)]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressMemory)
    machine.page()
    #expect(machine.stopped([I.jirl(0, 5)]) == CPUMachine.entry)
    #expect(machine.exceptionCode == Ecode.addressFetch)
    #expect(machine.csr(CSR.badv) == address)
  }

  @Test func directAddressing_ignoresTheUpperSixteenBits() throws {
    let machine = try CPUMachine()
    machine.write64(77, at: 0x2000)
    machine.set(5, to: 0xabcd_0000_0000_2000)
    #expect(machine.stopped([I.ldD(4, 5)]) == CPUMachine.end(of: [0]))
    #expect(machine.gpr(4) == 77)
  }
}
