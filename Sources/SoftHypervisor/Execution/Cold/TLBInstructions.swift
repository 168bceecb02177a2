extension UnsafeMutablePointer where Pointee == CPU {
  private var asid: UInt16 { UInt16(truncatingIfNeeded: pointee.csr[CSR.asid] & 0x3ff) }
  private var stlbPageSize: UInt64 { pointee.csr[CSR.stlbps] & 0x3f }
  private var inRefill: Bool { pointee.csr[CSR.tlbrera] & CSR.tlbreraISTLBR != 0 }

  /// TLBSRCH: the index of the entry for TLBEHI (TLBREHI in a refill), or NE (Vol. 1, 4.2.4.1).
  func searchTLB() {
    let csr = pointee.csr
    let address = inRefill ? csr[CSR.tlbrehi] : csr[CSR.tlbehi]
    let position = pointee.tlb.find(address & 0xffff_ffff_e000, asid: asid, stlbPageSize: stlbPageSize)
    if position < 0 {
      csr[CSR.tlbidx] |= 1 << 31
    } else {
      csr[CSR.tlbidx] = csr[CSR.tlbidx] & ~(1 << 31 | 0xfff) | UInt64(GuestTLB.index(position))
    }
  }

  /// TLBRD: the entry at TLBIDX.INDEX into the CSRs.
  func readTLB() {
    let csr = pointee.csr
    guard let position = indexed, pointee.tlb.entries[position].exists else {
      csr[CSR.tlbidx] = csr[CSR.tlbidx] & 0xfff | 1 << 31
      csr[CSR.tlbehi] = 0
      csr[CSR.tlbelo0] = 0
      csr[CSR.tlbelo1] = 0
      setASID(0)
      return
    }
    let entry = pointee.tlb.entries[position]
    let global: UInt64 = entry.global ? 1 << 6 : 0
    csr[CSR.tlbidx] = csr[CSR.tlbidx] & 0xfff | UInt64(entry.pageSize) << 24
    csr[CSR.tlbehi] = entry.vppn
    csr[CSR.tlbelo0] = entry.low0 & ~(1 << 6) | global
    csr[CSR.tlbelo1] = entry.low1 & ~(1 << 6) | global
    setASID(entry.asid)
  }

  private func setASID(_ asid: UInt16) {
    guard asid != self.asid else { return }
    pointee.csr[CSR.asid] = pointee.csr[CSR.asid] & ~0x3ff | UInt64(asid)
    asidChanged()
  }

  /// CSR.ASID was changed: what was found for the old address space is no longer valid.
  func asidChanged() {
    flushSoftTLB()
    // Decoded text of PLV0 is kept apart by address only.
    if pointee.kernelTextHasASID { flushJumpCache() }
    pointee.kernelTextHasASID = false
    refreshMode()
  }

  /// Forgets everything that was derived from the TLB and the direct map windows.
  func forgetTranslations() {
    flushSoftTLB()
    flushJumpCache()
  }

  /// The position TLBIDX names; nil beyond the last entry.
  private var indexed: Int? {
    let index = Int(pointee.csr[CSR.tlbidx] & 0xfff)
    return index < GuestTLB.count ? GuestTLB.position(index) : nil
  }

  /// The entry that TLBWR and TLBFILL write: from the refill registers inside a refill.
  private func pendingEntry() -> GuestTLBEntry {
    let csr = pointee.csr
    var entry = GuestTLBEntry()
    if inRefill {
      entry.pageSize = UInt8(csr[CSR.tlbrehi] & 0x3f)
      entry.vppn = csr[CSR.tlbrehi] & 0xffff_ffff_e000
      entry.low0 = csr[CSR.tlbrelo0]
      entry.low1 = csr[CSR.tlbrelo1]
      entry.exists = true
    } else {
      entry.pageSize = UInt8(csr[CSR.tlbidx] >> 24 & 0x3f)
      entry.vppn = csr[CSR.tlbehi]
      entry.low0 = csr[CSR.tlbelo0]
      entry.low1 = csr[CSR.tlbelo1]
      entry.exists = csr[CSR.tlbidx] >> 31 & 1 == 0
    }
    entry.asid = asid
    entry.global = entry.low0 & entry.low1 & 1 << 6 != 0
    // A page size that the CPU does not have would shift by too much.
    if CPUIdentity.prcfg2 >> UInt64(entry.pageSize) & 1 == 0 { entry.exists = false }
    return entry
  }

  /// TLBWR: writes the entry at TLBIDX.INDEX.
  func writeTLB() {
    guard let position = indexed else { return }
    // Software chose the victim, so that it may count on its being gone.
    let old = pointee.tlb.entries[position]
    if old.exists {
      forget(old)
      flushJumpCache()
    }
    put(pendingEntry(), at: position)
  }

  /// TLBFILL: writes an entry that the hardware chooses.
  func fillTLB() {
    let entry = pendingEntry()
    guard entry.exists else { return }
    let size = UInt64(entry.pageSize)
    put(entry, at: pointee.tlb.victim(entry.vppn, pageSize: size, stlbPageSize: stlbPageSize))
  }

  private func put(_ entry: GuestTLBEntry, at position: Int) {
    let old = pointee.tlb.entries[position]
    pointee.tlb.write(position, entry)
    forget(entry)
    // A rewritten entry may map its text elsewhere; a fresh one cannot have had any.
    if old.exists, old.vppn == entry.vppn { flushJumpCache() }
  }

  /// Forgets the software translations of an entry's two pages.
  private func forget(_ entry: GuestTLBEntry) {
    let size = UInt64(entry.pageSize) + 1
    guard size < 48 else { return flushSoftTLB() }
    let start = UInt64(bitPattern: Int64(bitPattern: (entry.vppn >> size) << (size + 16)) >> 16)
    flushSoftTLB(from: start, size: 1 << size)
  }

  /// TLBCLR and TLBFLUSH: the set of TLBIDX.INDEX, or the whole MTLB (Vol. 1, 4.2.4.5–6).
  func clearTLB(unconditional: Bool) {
    let index = Int(pointee.csr[CSR.tlbidx] & 0xfff)
    let mine = asid
    let first = index < GuestTLB.stlbCount ? (index & 255) * GuestTLB.ways : GuestTLB.stlbCount
    let span = index < GuestTLB.stlbCount ? GuestTLB.ways : GuestTLB.mtlbCount
    for position in first..<(first + span) {
      let entry = pointee.tlb.entries[position]
      if unconditional || !entry.global && entry.asid == mine { pointee.tlb.entries[position].exists = false }
    }
    forgetTranslations()
  }

  /// INVTLB (Vol. 1, 4.2.4.7).
  func invalidateTLB(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let mine = UInt16(truncatingIfNeeded: register(w >> 5) & 0x3ff)
    let address = register(w >> 10)
    let tlb = pointee.tlb
    switch w & 31 {
    case 0, 1:
      tlb.remove { _ in true }
      pointee.tlb.mtlbUsed = 0
    case 2: tlb.remove { $0.global }
    case 3: tlb.remove { !$0.global }
    case 4: tlb.remove { !$0.global && $0.asid == mine }
    case 5, 6: return invalidatePage(address, asid: mine, globalToo: w & 31 == 6)
    default: return unimplemented(at: pc)
    }
    forgetTranslations()
    return Step.next
  }

  private func invalidatePage(_ address: UInt64, asid: UInt16, globalToo: Bool) -> UInt8 {
    let stlb = stlbPageSize
    pointee.tlb.remove(near: address, stlbPageSize: stlb) {
      ($0.global ? globalToo : $0.asid == asid) && $0.covers(address)
    }
    // Translations of entries that are no longer in the TLB may have any page size: only small ones are forgotten one by one.
    if pointee.tlb.mtlbUsed == 0 {
      let pair = UInt64(1) << (stlb + 1)
      flushSoftTLB(from: address & ~(pair - 1), size: pair)
    } else {
      flushSoftTLB()
    }
    flushJumpCache()
    return Step.next
  }

  // MARK: page walk

  /// LDDIR (Vol. 1, 4.2.5.1): the next directory's address, or a huge page's entry marked with its level.
  func loadDirectory(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let csr = pointee.csr
    let base = register(w >> 5)
    let level = UInt64(w >> 10 & 0xff)
    guard level >= 1, level <= 4 else {
      setRegister(w, base)
      return Step.next
    }
    if base & 1 << 6 != 0 {
      setRegister(w, base & 3 << 13 == 0 ? base | (level & 3) << 13 : base)
      return Step.next
    }
    let (shift, width) = directory(level, csr[CSR.pwcl], csr[CSR.pwch])
    let index = csr[CSR.tlbrbadv] >> shift & (UInt64(1) << width - 1)
    setRegister(w, readTable(base, index))
    return Step.next
  }

  /// Where a level's index lies in an address, from PWCL and PWCH. Level 0 is the page table itself: a huge page found by
  /// the last LDDIR carries no level, and spans what one page table would.
  private func directory(_ level: UInt64, _ low: UInt64, _ high: UInt64) -> (shift: UInt64, width: UInt64) {
    switch level {
    case 0: (low & 31, low >> 5 & 31)
    case 1: (low >> 10 & 31, low >> 15 & 31)
    case 2: (low >> 20 & 31, low >> 25 & 31)
    case 3: (high & 63, high >> 6 & 63)
    case 4: (high >> 12 & 63, high >> 18 & 63)
    default: (0, 0)
    }
  }

  /// One 8-byte entry of a page table by physical address; 0 outside memory.
  private func readTable(_ base: UInt64, _ index: UInt64) -> UInt64 {
    let address = (base & Self.physicalMask) &+ index &* 8
    guard let host = pointee.memory.host(address & ~7, size: 8) else { return 0 }
    return host.load(as: UInt64.self)
  }

  /// LDPTE (Vol. 1, 4.2.5.2): one half of the pair into TLBRELO0 or TLBRELO1, and the page size into TLBREHI.
  func loadEntry(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let csr = pointee.csr
    let base = register(w >> 5)
    let odd = w >> 10 & 1 == 1
    let pageSize: UInt64
    var entry: UInt64
    if base & 1 << 6 != 0 {
      // A huge page is entered as two halves; its global bit is bit 12.
      let level = base >> 13 & 3
      let (shift, width) = directory(level, csr[CSR.pwcl], csr[CSR.pwch])
      pageSize = (shift + width) &- 1
      entry = base & ~(3 << 13 | 1 << 6 | 1 << 12) | (base >> 6) & (1 << 6)
      if odd { entry &+= 1 << (pageSize & 63) }
    } else {
      let shift = csr[CSR.pwcl] & 31
      let width = csr[CSR.pwcl] >> 5 & 31
      let index = csr[CSR.tlbrbadv] >> shift & (UInt64(1) << width - 1) & ~1
      entry = readTable(base, index | (odd ? 1 : 0))
      pageSize = shift
    }
    csr[odd ? CSR.tlbrelo1 : CSR.tlbrelo0] = entry & 0xe000_ffff_ffff_f1ff
    csr[CSR.tlbrehi] = csr[CSR.tlbrehi] & ~0x3f | pageSize & 0x3f
    return Step.next
  }
}
