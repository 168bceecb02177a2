import Hypervisor

extension UnsafeMutablePointer where Pointee == CPU {
  /// CSR, IOCSR, cache, TLB, ertn, idle (Vol. 1, 4.2). All but a user-mode cacop hit need PLV0.
  func executePrivileged(_ w: UInt32, at pc: UInt64) -> UInt8 {
    if privilege != 0 {
      // cacop with operation 2 (hit) is the one that PLV1–3 may execute.
      if w >> 22 == 0x18, w >> 3 & 3 == 2 { return Step.next }
      return exception(Ecode.instructionPrivilege, at: pc)
    }
    switch w >> 24 {
    case 0x04: return executeCSR(w, at: pc)
    case 0x06: break
    default: return unimplemented(at: pc)
    }
    // cacop: nothing to do without caches.
    if w >> 22 == 0x18 { return Step.next }
    if w >> 18 == 0x190 { return loadDirectory(w, at: pc) }
    if w >> 18 == 0x191 && w & 31 == 0 { return loadEntry(w, at: pc) }
    switch w >> 15 {
    case 0xc90: return executeSystem(w, at: pc)
    case 0xc91: return idle(at: pc)
    case 0xc93: return invalidateTLB(w, at: pc)
    default: return unimplemented(at: pc)
    }
  }

  /// The instructions with opcode in bits 31:10.
  private func executeSystem(_ w: UInt32, at pc: UInt64) -> UInt8 {
    switch w >> 10 {
    case 0x1_9200...0x1_9203: return readIOCSR(w, size: UInt8(1 << (w >> 10 & 3)), at: pc)
    case 0x1_9204...0x1_9207: return writeIOCSR(w, size: UInt8(1 << (w >> 10 & 3)), at: pc)
    case 0x1_9208: clearTLB(unconditional: false)
    case 0x1_9209: clearTLB(unconditional: true)
    case 0x1_920a: searchTLB()
    case 0x1_920b: readTLB()
    case 0x1_920c: writeTLB()
    case 0x1_920d: fillTLB()
    case 0x1_920e:
      returnFromException()
      return Step.reload
    default: return unimplemented(at: pc)
    }
    return Step.next
  }

  // MARK: IOCSR

  private func readIOCSR(_ w: UInt32, size: UInt8, at pc: UInt64) -> UInt8 {
    let address = UInt32(truncatingIfNeeded: register(w >> 5))
    let target = UInt8(RegisterFile.gprIndex(forWrite: Int(w & 31)))
    let id = pointee.id
    if let value = pointee.chip._withUnsafeGuaranteedRef({ $0.readIOCSR(cpu: id, address: address, size: Int(size)) }) {
      pointee.registers.gpr[Int(target)] = Self.extend(value, UInt64(size), signed: true)
      return Step.next
    }
    pointee.pendingLoad = PendingLoad(register: target, size: size, signed: true)
    pointee.exit = .iocsrRead(address: address, size: size)
    pointee.pc = pc &+ 4
    return Step.leave
  }

  private func writeIOCSR(_ w: UInt32, size: UInt8, at pc: UInt64) -> UInt8 {
    let address = UInt32(truncatingIfNeeded: register(w >> 5))
    let value = Self.extend(register(w), UInt64(size), signed: false)
    let id = pointee.id
    let mine = pointee.chip._withUnsafeGuaranteedRef {
      $0.writeIOCSR(cpu: id, address: address, size: Int(size), value: value)
    }
    if mine { return interruptsMayHaveChanged(pc) }
    pointee.exit = .iocsrWrite(address: address, size: size, value: value)
    pointee.pc = pc &+ 4
    return Step.leave
  }

  // MARK: CSR

  /// csrrd (rj 0), csrwr (rj 1), csrxchg (rj = mask).
  private func executeCSR(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let number = Int(w >> 10 & 0x3fff)
    let source = w >> 5 & 31
    let old = readCSR(number)
    if source == 0 {
      setRegister(w, old)
      return Step.next
    }
    let mask = source == 1 ? UInt64.max : register(source)
    let value = old & ~mask | register(w) & mask
    setRegister(w, old)
    return writeCSR(number, value, at: pc)
  }

  /// A CSR's value as csrrd sees it; 0 for those that do not exist.
  func readCSR(_ number: Int) -> UInt64 {
    let csr = pointee.csr
    switch number {
    case CSR.estat: return csr[CSR.estat] & ~CSR.interruptMask | pendingInterrupts
    case CSR.pgd:
      let address = csr[CSR.tlbrera] & CSR.tlbreraISTLBR != 0 ? csr[CSR.tlbrbadv] : csr[CSR.badv]
      return csr[address >> 63 == 0 ? CSR.pgdl : CSR.pgdh]
    case CSR.cpuid: return UInt64(pointee.id)
    case CSR.prcfg1: return CPUIdentity.prcfg1
    case CSR.prcfg2: return CPUIdentity.prcfg2
    case CSR.prcfg3: return CPUIdentity.prcfg3
    case CSR.tval: return timerValue
    case CSR.llbctl: return csr[CSR.llbctl] & CSR.llbctlKLO | (pointee.llHost == nil ? 0 : 1)
    case CSR.ticlr: return 0
    default: return number < CSR.count ? csr[number] : 0
    }
  }

  /// Writes a CSR with its side effects. Fields not writable stay as they are.
  func writeCSR(_ number: Int, _ value: UInt64, at pc: UInt64) -> UInt8 {
    let csr = pointee.csr
    guard let mask = Self.writable(number) else { return Step.next }
    let old = csr[number]
    csr[number] = old & ~mask | value & mask
    switch number {
    case CSR.crmd: return crmdWritten(old, at: pc)
    case CSR.euen:
      refreshMode()
    case CSR.asid:
      if (old ^ value) & 0x3ff != 0 { asidChanged() }
    case CSR.ecfg, CSR.estat: return interruptsMayHaveChanged(pc)
    case CSR.stlbps:
      if CPUIdentity.prcfg2 >> (value & 0x3f) & 1 == 0 { csr[number] = old }
      forgetTranslations()
    case CSR.dmw0...CSR.dmw3: forgetTranslations()
    case CSR.tcfg:
      startTimer()
      return Step.next
    case CSR.ticlr:
      if value & 1 != 0 { pointee.timerPending = false }
      return Step.next
    case CSR.llbctl:
      if value & 2 != 0 { pointee.llHost = nil }
      return Step.next
    default: return Step.next
    }
    pointee.pc = pc &+ 4
    return Step.reload
  }

  /// CRMD: most writes only switch interrupts off or on.
  private func crmdWritten(_ old: UInt64, at pc: UInt64) -> UInt8 {
    let new = pointee.csr[CSR.crmd]
    let changed = old ^ new
    if changed & ~CSR.crmdIE == 0 {
      return new & CSR.crmdIE != 0 && changed != 0 ? interruptsMayHaveChanged(pc) : Step.next
    }
    // DA and PG must differ; an impossible combination falls back to direct addressing (Vol. 1, 5.2 leaves it undefined).
    if new & CSR.crmdDA != 0 || new & CSR.crmdPG == 0 {
      pointee.csr[CSR.crmd] = new & ~CSR.crmdPG | CSR.crmdDA
    }
    refreshMode()
    pointee.pc = pc &+ 4
    return Step.reload
  }

  /// The bits of a CSR that software may write; nil for read-only and absent ones (Vol. 1, 7.4–7.7).
  static func writable(_ number: Int) -> UInt64? {
    switch number {
    case CSR.crmd: 0x3ff
    case CSR.prmd: 0xf
    // FPE and SXE; ASXE and BTE have no unit behind them.
    case CSR.euen: 0x3
    // DRDTL1–3; 32-bit addressing and the checks of ALCL and DWPL are not offered.
    case CSR.misc: 0xe0
    case CSR.ecfg: 0x7_7fff
    case CSR.estat: CSR.estatSoftware
    case CSR.tlbidx: 0xbf00_0fff
    case CSR.tlbehi: 0xffff_ffff_e000
    case CSR.tlbelo0, CSR.tlbelo1, CSR.tlbrelo0, CSR.tlbrelo1: 0xe000_ffff_ffff_f07f
    case CSR.asid: 0x3ff
    case CSR.pgdl, CSR.pgdh: ~0xfff
    case CSR.stlbps: 0x3f
    case CSR.tid: 0xffff_ffff
    case CSR.tcfg: 0xffff_ffff_ffff
    case CSR.llbctl: CSR.llbctlKLO
    case CSR.eentry: ~0xfff
    case CSR.tlbrentry: 0xffff_ffff_f000
    case CSR.dmw0...CSR.dmw3: 0xf000_0000_0000_003f
    case CSR.tlbrehi: 0xffff_ffff_e03f
    case CSR.tlbrprmd: 0x17
    case CSR.ticlr: 0
    case CSR.badi, CSR.pgd, CSR.cpuid, CSR.prcfg1, CSR.prcfg2, CSR.prcfg3, CSR.tval: nil
    case CSR.save0..<(CSR.save0 + 8), CSR.cntc, CSR.era, CSR.badv, CSR.pwcl, CSR.pwch, CSR.rvacfg: .max
    case CSR.tlbrbadv, CSR.tlbrera, CSR.tlbrsave, CSR.impctl1, CSR.impctl2: .max
    case CSR.merrctl...0x95, 0x98, CSR.dbg...CSR.dsave: .max
    default: nil
    }
  }

  // MARK: idle

  /// idle: sleeps until an enabled interrupt is pending, whatever CRMD.IE says, or someone wants the vCPU.
  private func idle(at pc: UInt64) -> UInt8 {
    while pendingInterrupts & pointee.csr[CSR.ecfg] & CSR.interruptMask == 0 {
      updateTimer()
      if pendingInterrupts & pointee.csr[CSR.ecfg] & CSR.interruptMask != 0 { break }
      let wait = nanosecondsToTimer
      if !pointee.waker._withUnsafeGuaranteedRef({ $0.waitForAttention(nanoseconds: wait) }) { continue }
      if pendingInterrupts & pointee.csr[CSR.ecfg] & CSR.interruptMask != 0 { break }
      // Only a kick or new text: the loop looks at them, then the vCPU goes on sleeping.
      pointee.pc = pc
      return Step.reload
    }
    pointee.pc = pc &+ 4
    return Step.reload
  }
}
