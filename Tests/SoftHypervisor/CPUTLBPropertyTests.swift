import Testing

@testable import SoftHypervisor

/// A TLB as a list, in which every question is answered by looking at every entry.
private struct NaiveTLB {
  struct Entry: Equatable {
    var address: UInt64
    var size: UInt64
    var asid: UInt16
    var global: Bool
    var low0: UInt64
    var low1: UInt64

    func covers(_ other: UInt64) -> Bool { address >> (size + 1) == other >> (size + 1) }
    func serves(_ asid: UInt16) -> Bool { global || self.asid == asid }
  }

  var entries: [Int: Entry] = [:]
  /// Evicted, not invalidated, and not filled again since.
  var evicted: [Entry] = []
  /// Evicted and not invalidated.
  var evictedText: [Entry] = []

  func find(_ address: UInt64, _ asid: UInt16) -> (index: Int, entry: Entry)? {
    entries.first { $0.value.covers(address) && $0.value.serves(asid) }.map { ($0.key, $0.value) }
  }

  mutating func invalidate(_ operation: UInt32, _ address: UInt64, _ asid: UInt16) {
    entries = entries.filter { !Self.names($0.value, operation, address, asid) }
    evicted.removeAll { Self.names($0, operation, address, asid) }
    evictedText.removeAll { Self.names($0, operation, address, asid) }
  }

  private static func names(_ entry: Entry, _ operation: UInt32, _ address: UInt64, _ asid: UInt16) -> Bool {
    let named = entry.asid == asid && !entry.global
    return switch operation {
    case 0, 1: true
    case 2: entry.global
    case 3: !entry.global
    case 4: named
    case 5: named && entry.covers(address)
    default: (named || entry.global) && entry.covers(address)
    }
  }

  mutating func fill(_ index: Int, _ entry: Entry) {
    evicted.removeAll { $0.covers(entry.address) && $0.serves(entry.asid) }
    if let old = entries[index] {
      evicted.append(old)
      evictedText.append(old)
    }
    entries[index] = entry
  }
}

/// The architectural TLB, the software TLBs and the jump cache against the list, under random operations.
///
/// Addresses come from a few pairs of fixed size and G, so that no two entries ever serve the same access (which the
/// architecture leaves undefined). Many of them share one set. A translation that a fill evicted without the guest's asking
/// may live on in the fast paths (see `SoftTLB`) until the guest invalidates it, but only as it was; in the software TLB
/// it also ends when the pair is filled again.
@Suite struct CPUTLBPropertyTests {
  /// (address of the pair, log2 of the page, global).
  private static let pairs: [(UInt64, UInt64, Bool)] =
    (0..<10).map { (UInt64($0) << 23 | 0x28000, 14, $0 % 4 == 3) }
    + (0..<6).map { (1 << 40 | UInt64($0) << 17, 16, $0 == 5) }
    + (0..<3).map { (UInt64.max << 38 | UInt64($0) << 15, 14, $0 == 2) }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func randomOperations_agreeWithTheList(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let machine = try CPUMachine()
    machine.set(CSR.stlbps, 14)
    machine.page()
    var naive = NaiveTLB()
    for step in 0..<400 {
      let pair = Self.pairs[Int(random.next() % UInt64(Self.pairs.count))]
      let asid = UInt64(machine.csr(CSR.asid) & 0x3ff)
      switch random.next() % 16 {
      case 0: machine.set(CSR.asid, random.next() & 3)
      case 1: invalidate(machine, &naive, pair.0, &random)
      case 2, 3, 4: write(machine, &naive, pair, asid, &random)
      default: break
      }
      for kind in [AccessKind.load, .store, .fetch] {
        let address = pair.0 | random.next() & ((2 << pair.1) - 1) & ~7
        let allowed = Self.allowed(naive, address, UInt16(machine.csr(CSR.asid) & 0x3ff), kind)
        let found = Self.access(machine.cpu, address, kind)
        #expect(allowed.contains(found), "step \(step), \(kind) of \(hexadecimal(address))")
        if !allowed.contains(found) { return }
      }
    }
  }

  private func invalidate(
    _ machine: CPUMachine, _ naive: inout NaiveTLB, _ address: UInt64, _ random: inout SplitMix64
  ) {
    // The rarer, the more it removes.
    let operation: UInt32 = [5, 5, 5, 6, 6, 6, 4, 3, 2, 0][Int(random.next() % 10)]
    let asid = random.next() & 3
    machine.set(5, to: asid)
    machine.set(6, to: address | 0x4008)
    _ = machine.cpu.invalidateTLB(I.invtlb(operation, 5, 6), at: 0)
    naive.invalidate(operation, address, UInt16(asid))
  }

  /// Rewrites the pair where it is, or enters it where there is room.
  private func write(
    _ machine: CPUMachine, _ naive: inout NaiveTLB, _ pair: (UInt64, UInt64, Bool), _ asid: UInt64,
    _ random: inout SplitMix64
  ) {
    let entry = NaiveTLB.Entry(
      address: pair.0, size: pair.1, asid: UInt16(asid), global: pair.2, low0: Self.page(pair, &random),
      low1: Self.page(pair, &random))
    machine.set(CSR.tlbidx, pair.1 << 24)
    machine.set(CSR.tlbehi, pair.0)
    machine.set(CSR.tlbelo0, entry.low0)
    machine.set(CSR.tlbelo1, entry.low1)
    machine.cpu.searchTLB()
    let old = naive.find(pair.0, entry.asid)
    #expect((machine.csr(CSR.tlbidx) >> 31 == 0) == (old != nil))
    if let old {
      #expect(machine.csr(CSR.tlbidx) & 0xfff == UInt64(old.index))
      machine.cpu.writeTLB()
      naive.entries[old.index] = entry
      return
    }
    machine.set(CSR.tlbidx, pair.1 << 24)
    machine.cpu.fillTLB()
    machine.cpu.searchTLB()
    let index = Int(machine.csr(CSR.tlbidx) & 0xfff)
    #expect(machine.csr(CSR.tlbidx) >> 31 == 0)
    naive.fill(index, entry)
  }

  private static func page(_ pair: (UInt64, UInt64, Bool), _ random: inout SplitMix64) -> UInt64 {
    var page = (random.next() % (UInt64(CPUMachine.ramSize) >> pair.1)) << pair.1
    if random.next() % 8 != 0 { page |= Page.valid }
    if random.next() % 3 != 0 { page |= Page.dirty }
    if random.next() % 8 == 0 { page |= Page.noExecute }
    if random.next() % 8 == 0 { page |= Page.noRead }
    return page | (pair.2 ? Page.global : 0)
  }

  /// What may come of an access: physical addresses, or the exception code with bit 63.
  private static func allowed(
    _ tlb: NaiveTLB, _ address: UInt64, _ asid: UInt16, _ kind: AccessKind
  ) -> [UInt64] {
    let evicted = (kind == .fetch ? tlb.evictedText : tlb.evicted).filter { $0.covers(address) && $0.serves(asid) }
    let kept = evicted.map { result($0, address, kind) }.filter { $0 >> 63 == 0 }
    let now = tlb.find(address, asid).map { result($0.entry, address, kind) } ?? 1 << 63 | UInt64(Ecode.tlbRefill)
    return [now] + kept
  }

  private static func result(_ entry: NaiveTLB.Entry, _ address: UInt64, _ kind: AccessKind) -> UInt64 {
    func fault(_ code: Int) -> UInt64 { 1 << 63 | UInt64(code) }
    let page = address >> entry.size & 1 == 0 ? entry.low0 : entry.low1
    switch kind {
    case .load where page & Page.valid == 0: return fault(Ecode.pageInvalidLoad)
    case .store where page & Page.valid == 0: return fault(Ecode.pageInvalidStore)
    case .fetch where page & Page.valid == 0: return fault(Ecode.pageInvalidFetch)
    case .load where page & Page.noRead != 0: return fault(Ecode.pageNotReadable)
    case .fetch where page & Page.noExecute != 0: return fault(Ecode.pageNotExecutable)
    case .store where page & Page.dirty == 0: return fault(Ecode.pageModify)
    default: break
    }
    let mask = (UInt64(1) << entry.size) - 1
    return page & 0xffff_ffff_f000 & ~mask | address & mask
  }

  /// What the hot loop would do: its fast path first, then the slow one.
  private static func access(_ cpu: CPUPointer, _ address: UInt64, _ kind: AccessKind) -> UInt64 {
    if kind == .fetch { return fetch(cpu, address) }
    let entry = cpu.pointee.dataTLB[SoftTLB.index(address)]
    let tag = kind == .load ? entry.readTag : entry.writeTag
    if tag == address & SoftTLB.pageMask {
      let base = Int(bitPattern: cpu.pointee.memory.slots[0].host)
      return UInt64(bitPattern: Int64(Int(truncatingIfNeeded: address) &+ entry.addend - base))
    }
    let found = cpu.translateAndFill(address, kind)
    return found.fault == 0 ? found.physical : 1 << 63 | UInt64(found.fault)
  }

  private static func fetch(_ cpu: CPUPointer, _ address: UInt64) -> UInt64 {
    let jump = cpu.pointee.jumpCache[JumpCache.index(address)]
    if jump.key == address ^ cpu.pointee.modeKey, let block = jump.block { return block.pointee.key & ~3 }
    let found = cpu.translate(address, .fetch)
    if found.fault != 0 { return 1 << 63 | UInt64(found.fault) }
    cpu.pointee.pc = address
    var failed = false
    return cpu.findBlock(failed: &failed).map { $0.pointee.key & ~3 } ?? .max
  }
}

private func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }
