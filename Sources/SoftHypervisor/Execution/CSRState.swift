import Hypervisor

// Which CSRs a saved state holds, and which values a restored one may bring: those that some guest can bring about here, and
// what KVM's registers hold for the same (unused bits read 0 on hardware too).
extension CSR {
  /// Whether `number` belongs to a state: all that can be read back, but PGD, which follows from others, and TICLR.
  static func isSaved(_ number: Int) -> Bool {
    switch number {
    case cpuid, prcfg1, prcfg2, prcfg3, tval: true
    default: storable(number) != nil
    }
  }

  /// Whether a state without `number` is damaged. KVM has no value of the PRCFG registers before a vCPU's first run; registers
  /// of the implementation, of machine errors and of debuggers are for whoever has them.
  static func isRequired(_ number: Int) -> Bool {
    switch number {
    case prcfg1, prcfg2, prcfg3, impctl1, impctl2, merrctl...0x98, dbg...dsave: false
    default: isSaved(number)
    }
  }

  /// The bits that may be set in what is stored for `number`, by software and by exceptions; nil if nothing is.
  static func storable(_ number: Int) -> UInt64? {
    switch number {
    case badi: 0xffff_ffff
    case estat: estatSoftware | estatException
    // LDPTE leaves some of an entry's software bits.
    case tlbelo0, tlbelo1, tlbrelo0, tlbrelo1: 0xe000_ffff_ffff_f1ff
    case asid: 0x00ff_03ff
    case tval: 0xffff_ffff_ffff
    case ticlr: nil
    default: CPUPointer.writable(number)
    }
  }

  /// ESTAT.ECODE and ESUBCODE.
  static let estatException: UInt64 = 0x7fff_0000
  /// ESTAT.IS bits that something here can raise: software, HWI0–7, the timer, IPI.
  static let estatSources: UInt64 = 0x1bff
  static let estatPMI: UInt64 = 1 << 10
  static let estatMessage: UInt64 = 1 << 14
  /// What ASID.ASIDBITS always reads.
  static let asidBits: UInt64 = 10 << 16
  // EUEN
  static let euenASXE: UInt64 = 1 << 2
  static let euenBTE: UInt64 = 1 << 3
  // MISC
  static let miscRPCNTL: UInt64 = 0xf00
}

/// What became of a CSR of a state.
enum CSRVerdict: Equatable {
  /// Store this. `nil`: there is nothing to store, the value follows from others or says nothing.
  case store(UInt64?)
  /// The CPU that this value comes from has what this one has not: bits of a CPUCFG word.
  case foreign(word: Int, bits: UInt32)
  /// The same, of a kind that no word but the processor's number (word 0) tells of.
  case otherProcessor
  case bad
}

extension CSR {
  /// Judges the value that a hostile state has for `number`, on vCPU `id`.
  static func judge(_ number: Int, _ value: UInt64, id: Int) -> CSRVerdict {
    switch number {
    case pgd: .store(nil)
    case cpuid: value == UInt64(id) ? .store(nil) : .bad
    case prcfg1: judgeConstant(value, CPUIdentity.prcfg1)
    case prcfg2: judgeConstant(value, CPUIdentity.prcfg2)
    case prcfg3: judgeConstant(value, CPUIdentity.prcfg3)
    case crmd: (value & crmdDA != 0) != (value & crmdPG != 0) ? judgeBits(number, value) : .bad
    case euen: judgeUnits(value)
    case misc where value & miscRPCNTL != 0: .foreign(word: 6, bits: CPUIdentity.performanceCounters)
    case estat: judgeStatus(value)
    case tlbehi, tlbrehi: judgeAddress(number, value)
    // Some CPUs keep more of an entry's software bits than this one.
    case tlbelo0, tlbelo1, tlbrelo0, tlbrelo1: judgeBits(number, value & ~0xe00)
    case asid: judgeASID(value)
    case stlbps: judgePageSize(value)
    // ROLLB: a reservation is not part of a state. SC fails, as it may at any time, and software tries again.
    case llbctl: judgeBits(number, value & ~1)
    default: isSaved(number) ? judgeBits(number, value) : judgeUnknown(number, value)
    }
  }

  private static func judgeBits(_ number: Int, _ value: UInt64) -> CSRVerdict {
    guard let bits = storable(number), value & ~bits == 0 else { return .bad }
    return .store(value)
  }

  /// PRCFG: KVM has 0 before the first run.
  private static func judgeConstant(_ value: UInt64, _ mine: UInt64) -> CSRVerdict {
    value == mine || value == 0 ? .store(nil) : .bad
  }

  /// ASIDBITS may be 0 as well: KVM has no value of it before the first run.
  private static func judgeASID(_ value: UInt64) -> CSRVerdict {
    guard value >> 16 == 0 || value & ~0x3ff == asidBits else { return .bad }
    return judgeBits(asid, value | asidBits)
  }

  private static func judgeUnits(_ value: UInt64) -> CSRVerdict {
    if value & euenASXE != 0 { return .foreign(word: 2, bits: CPUIdentity.lasx) }
    if value & euenBTE != 0 { return .foreign(word: 2, bits: CPUIdentity.binaryTranslation) }
    return judgeBits(euen, value)
  }

  /// ESTAT: the exception and the software interrupts are stored. The timer's bit is taken from the state by `restore`; the
  /// irqchip's bits follow from its own state.
  private static func judgeStatus(_ value: UInt64) -> CSRVerdict {
    if value & estatPMI != 0 { return .foreign(word: 6, bits: CPUIdentity.performanceCounters) }
    if value & estatMessage != 0 { return .foreign(word: 1, bits: CPUIdentity.messageInterrupts) }
    guard value & ~(estatException | estatSources) == 0 else { return .bad }
    return .store(value & (estatException | estatSoftware))
  }

  /// TLBEHI and TLBREHI: hardware reads the sign of the address in bits 63:48, this CPU 0.
  private static func judgeAddress(_ number: Int, _ value: UInt64) -> CSRVerdict {
    let sign = value >> 48
    guard sign == 0 || sign == 0xffff && value >> 47 & 1 == 1 else { return .bad }
    return judgeBits(number, value & 0xffff_ffff_ffff)
  }

  /// STLBPS: KVM's reads 0 until the guest sets it; here it is never a size that there is not.
  private static func judgePageSize(_ value: UInt64) -> CSRVerdict {
    if value == 0 { return .store(resetPageSize) }
    return value < 64 && CPUIdentity.prcfg2 >> value & 1 != 0 ? .store(value) : .bad
  }

  /// A register that this CPU has not is harmless while it is 0: hypervisors save all that they know.
  private static func judgeUnknown(_ number: Int, _ value: UInt64) -> CSRVerdict {
    guard value != 0 else { return .store(nil) }
    return switch number {
    case 0xa0...0xa4: .foreign(word: 1, bits: CPUIdentity.messageInterrupts)
    case 0x200..<0x240: .foreign(word: 6, bits: CPUIdentity.performanceCounters)
    case 0x15, 0x16, 0x50...0x53: .foreign(word: 2, bits: CPUIdentity.virtualization)
    default: .otherProcessor
    }
  }

  /// STLBPS after reset: 4 KiB.
  static let resetPageSize: UInt64 = 12
}
