extension UnsafeMutablePointer where Pointee == CPU {
  /// Enters exception `code` (Vol. 1, 7.4) for the instruction at `pc`. Sets `pc` and the mode.
  func raise(_ code: Int, at pc: UInt64) {
    pointee.exceptions &+= 1
    let csr = pointee.csr
    csr[CSR.badi] = peek(pc) ?? csr[CSR.badi]
    enter(code, at: pc, vector: UInt64(code & 63))
  }

  /// Enters exception `code` with a bad address: BADV, and for paging faults TLBEHI.
  func raise(_ code: Int, at pc: UInt64, address: UInt64) {
    let csr = pointee.csr
    if code == Ecode.tlbRefill { return refill(at: pc, address: address) }
    csr[CSR.badv] = address
    if code >= Ecode.pageInvalidLoad, code <= Ecode.pagePrivilege {
      csr[CSR.tlbehi] = address & 0xffff_ffff_e000
    }
    pointee.exceptions &+= 1
    if code != Ecode.pageInvalidFetch, code != Ecode.pageNotExecutable, code != Ecode.addressFetch {
      csr[CSR.badi] = peek(pc) ?? csr[CSR.badi]
    }
    enter(code, at: pc, vector: UInt64(code & 63))
  }

  /// Enters interrupt `number` (an ESTAT.IS bit).
  func interrupt(_ number: Int, at pc: UInt64) {
    pointee.interrupts &+= 1
    // Text that another CPU or a device changed is seen at the latest here.
    flushJumpCache()
    enter(Ecode.interrupt, at: pc, vector: 64 + UInt64(number))
  }

  private func enter(_ code: Int, at pc: UInt64, vector: UInt64) {
    let csr = pointee.csr
    let crmd = csr[CSR.crmd]
    csr[CSR.prmd] = csr[CSR.prmd] & ~7 | crmd & 7
    csr[CSR.crmd] = crmd & ~7
    csr[CSR.estat] = csr[CSR.estat] & 0xffff | UInt64(code & 63) << 16 | UInt64(code >> 6) << 22
    csr[CSR.era] = pc
    // ECFG.VS: entries are 2^VS instructions apart; 0 means that all share one (Vol. 1, 7.4.5).
    let spacing = csr[CSR.ecfg] >> 16 & 7
    pointee.pc = csr[CSR.eentry] &+ (spacing == 0 ? 0 : vector &* (4 << spacing))
    refreshMode()
  }

  /// TLB refill (Vol. 1, 5.4.4.1): its own registers and entry, direct addressing, ESTAT unchanged.
  private func refill(at pc: UInt64, address: UInt64) {
    pointee.exceptions &+= 1
    let csr = pointee.csr
    let crmd = csr[CSR.crmd]
    csr[CSR.tlbrbadv] = address
    csr[CSR.tlbrehi] = csr[CSR.tlbrehi] & 0x3f | address & 0xffff_ffff_e000
    csr[CSR.tlbrprmd] = crmd & 7
    csr[CSR.tlbrera] = pc & ~3 | CSR.tlbreraISTLBR
    csr[CSR.crmd] = crmd & ~(7 | CSR.crmdPG) | CSR.crmdDA
    pointee.pc = csr[CSR.tlbrentry]
    refreshMode()
  }

  /// ERTN (Vol. 1, 4.2.6.1). The reservation is dropped unless LLBCTL.KLO asks once to keep it.
  func returnFromException() {
    let csr = pointee.csr
    if csr[CSR.llbctl] & CSR.llbctlKLO != 0 {
      csr[CSR.llbctl] &= ~CSR.llbctlKLO
    } else {
      pointee.llHost = nil
    }
    if csr[CSR.tlbrera] & CSR.tlbreraISTLBR != 0 {
      csr[CSR.tlbrera] &= ~CSR.tlbreraISTLBR
      csr[CSR.crmd] = csr[CSR.crmd] & ~(7 | CSR.crmdDA) | CSR.crmdPG | csr[CSR.tlbrprmd] & 7
      pointee.pc = csr[CSR.tlbrera] & ~3
    } else {
      csr[CSR.crmd] = csr[CSR.crmd] & ~7 | csr[CSR.prmd] & 7
      pointee.pc = csr[CSR.era]
    }
    refreshMode()
    dropMisalignedJump()
  }

  /// The instruction word at `pc`, if it can be read without effect.
  func peek(_ pc: UInt64) -> UInt64? {
    let found = translate(pc, .fetch)
    guard found.fault == 0, let host = pointee.memory.host(found.physical & ~3, size: 4) else { return nil }
    return UInt64(host.load(as: UInt32.self))
  }
}
