/// Which control and status registers KVM keeps for a vCPU, and what is done with each when a state is saved and restored
/// (Linux 7.2, arch/loongarch/kvm/main.c, kvm_init_gcsr_flag; LoongArch Reference Manual Vol. 1, 7.1).
enum KVMCSR {
  static let crmd: UInt16 = 0x00
  static let prmd: UInt16 = 0x01
  static let estat: UInt16 = 0x05
  static let era: UInt16 = 0x06
  static let badv: UInt16 = 0x07
  static let eentry: UInt16 = 0x0c
  static let pwcl: UInt16 = 0x1c
  static let stlbps: UInt16 = 0x1e
  static let cpuid: UInt16 = 0x20
  static let tid: UInt16 = 0x40
  static let tcfg: UInt16 = 0x41
  static let tval: UInt16 = 0x42

  /// CRMD.DA: direct addressing, the state after reset.
  static let direct: UInt64 = 1 << 3

  /// Saved, in ascending order. Not among them: PGD and TICLR, which hold nothing of their own; the performance counters,
  /// which the guest is not given (CPUCFG word 6 is 0); the breakpoints, which KVM offers no guest.
  static let saved: InlineArray<62, UInt16> = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0c,  // CRMD … EENTRY
    0x10, 0x11, 0x12, 0x13,  // TLBIDX, TLBEHI, TLBELO0, TLBELO1
    0x18, 0x19, 0x1a, 0x1c, 0x1d, 0x1e, 0x1f,  // ASID, PGDL, PGDH, PWCL, PWCH, STLBPS, RVACFG
    0x20, 0x21, 0x22, 0x23,  // CPUID, PRCFG1–3
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,  // SAVE0–7
    0x40, 0x41, 0x42, 0x43,  // TID, TCFG, TVAL, CNTC
    0x60,  // LLBCTL
    0x80, 0x81,  // IMPCTL1, IMPCTL2
    0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f,  // TLBRENTRY … TLBRPRMD
    0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x98,  // MERRCTL … MERRSAVE, CTAG
    0x180, 0x181, 0x182, 0x183,  // DMW0–3
    0x500, 0x501, 0x502,  // DBG, DERA, DSAVE
  ]

  static func isSaved(_ number: UInt16) -> Bool {
    for index in saved.indices where saved[index] == number { return true }
    return false
  }

  /// What the guest's CPU says of itself and no write changes: the page sizes and TLBs of PRCFG1–3. CPUID is set once, when
  /// the vCPU is made.
  static func isFixed(_ number: UInt16) -> Bool { number >= cpuid && number <= 0x23 }
}
