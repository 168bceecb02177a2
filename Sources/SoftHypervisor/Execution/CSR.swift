/// Numbers of the control and status registers that this CPU has (LoongArch Reference Manual Vol. 1, 7.3), and the
/// fields that the code names. A number not listed here reads 0 and ignores writes.
enum CSR {
  static let crmd = 0x00
  static let prmd = 0x01
  static let euen = 0x02
  static let misc = 0x03
  static let ecfg = 0x04
  static let estat = 0x05
  static let era = 0x06
  static let badv = 0x07
  static let badi = 0x08
  static let eentry = 0x0c
  static let tlbidx = 0x10
  static let tlbehi = 0x11
  static let tlbelo0 = 0x12
  static let tlbelo1 = 0x13
  static let asid = 0x18
  static let pgdl = 0x19
  static let pgdh = 0x1a
  static let pgd = 0x1b
  static let pwcl = 0x1c
  static let pwch = 0x1d
  static let stlbps = 0x1e
  static let rvacfg = 0x1f
  static let cpuid = 0x20
  static let prcfg1 = 0x21
  static let prcfg2 = 0x22
  static let prcfg3 = 0x23
  static let save0 = 0x30
  static let tid = 0x40
  static let tcfg = 0x41
  static let tval = 0x42
  static let cntc = 0x43
  static let ticlr = 0x44
  static let llbctl = 0x60
  static let impctl1 = 0x80
  static let impctl2 = 0x81
  static let tlbrentry = 0x88
  static let tlbrbadv = 0x89
  static let tlbrera = 0x8a
  static let tlbrsave = 0x8b
  static let tlbrelo0 = 0x8c
  static let tlbrelo1 = 0x8d
  static let tlbrehi = 0x8e
  static let tlbrprmd = 0x8f
  static let merrctl = 0x90
  static let dmw0 = 0x180
  static let dmw3 = 0x183
  static let dbg = 0x500
  static let dsave = 0x502
  /// One more than the highest number that is stored.
  static let count = 0x503
  /// The highest number that an instruction can name.
  static let last = 0x3fff

  // CRMD
  static let crmdPLV: UInt64 = 0x3
  static let crmdIE: UInt64 = 1 << 2
  static let crmdDA: UInt64 = 1 << 3
  static let crmdPG: UInt64 = 1 << 4
  // EUEN
  static let euenFPE: UInt64 = 1 << 0
  static let euenSXE: UInt64 = 1 << 1
  // ESTAT
  static let estatSoftware: UInt64 = 0x3
  static let estatTimer: UInt64 = 1 << 11
  static let interruptMask: UInt64 = 0x7fff
  // TCFG
  static let tcfgEnable: UInt64 = 1 << 0
  static let tcfgPeriodic: UInt64 = 1 << 1
  // LLBCTL
  static let llbctlKLO: UInt64 = 1 << 2
  // TLBRERA
  static let tlbreraISTLBR: UInt64 = 1 << 0
}

/// Exception codes (Vol. 1, 7.4.6 table); the subcode is in bits 6 and up.
enum Ecode {
  static let interrupt = 0
  static let pageInvalidLoad = 1
  static let pageInvalidStore = 2
  static let pageInvalidFetch = 3
  static let pageModify = 4
  static let pageNotReadable = 5
  static let pageNotExecutable = 6
  static let pagePrivilege = 7
  static let addressFetch = 8
  static let addressMemory = 8 | 1 << 6
  static let alignment = 9
  static let boundCheck = 10
  static let systemCall = 11
  static let breakpoint = 12
  static let instructionNonexistent = 13
  static let instructionPrivilege = 14
  static let floatDisabled = 15
  static let vectorDisabled = 16
  static let wideVectorDisabled = 17
  static let floatException = 18
  static let vectorFloatException = 18 | 1 << 6
  /// Not an architectural number: TLB refill, which has its own entry.
  static let tlbRefill = 63
}
