/// What CPUCFG and the PRCFG registers say: a la464 without LASX, LBT and PMU (reference D.2).
enum CPUIdentity {
  /// CPUCFG words that there are; others read 0.
  static let words = 21
  /// Stable counter frequency in Hz (CPUCFG word 4), with multiplier and divisor 1 (word 5).
  static let counterFrequency: UInt32 = 100_000_000

  /// CPUCFG word `word` of a new vCPU. A restored one may be told less.
  static func configuration(word: Int) -> UInt32 {
    switch word {
    case 0: 0x0014_c010
    // Paging MMU, IOCSR, 48-bit physical and virtual addresses, unaligned access, RI, EP, RPLV, huge pages, CRC.
    case 1: 0x03f2_f2fe
    // FP single and double, LSX (not LASX: bit 7), LLFTP, LSPW, LAM.
    case 2: 0x0060_c04f
    case 4: counterFrequency
    case 5: 0x0001_0001
    case 16: 0x0000_2c3d
    case 17, 18: 0x0608_0003
    case 19: 0x0608_000f
    case 20: 0x060e_000f
    default: 0
    }
  }

  static let prcfg1: UInt64 = 0x0000_72f8
  /// Bit n: page size 2^n is supported.
  static let prcfg2: UInt64 = 0x3fff_f000
  static let prcfg3: UInt64 = 0x0080_73f2

  /// The bits of `value` for CPUCFG word `word` that promise what this CPU does not do; 0 if it can pass for such a CPU
  /// (Vol. 1, 2.2.10.5). A guest that was told of less does not look for more.
  static func excess(word: Int, _ value: UInt32) -> UInt32 {
    let mine = configuration(word: word)
    return switch word {
    // Who made it; and caches, of which there are none.
    case 0, 16...20: 0
    case 1: addressingExcess(value, mine)
    // The counter's frequency is a number, not a set.
    case 4, 5: value ^ mine
    default: value & ~mine
    }
  }

  /// Word 1: the architecture and the virtual address width must be the same, the physical one may be smaller (KVM's is a bit
  /// narrower, reference A.6), the rest are features.
  private static func addressingExcess(_ value: UInt32, _ mine: UInt32) -> UInt32 {
    let (same, physical): (UInt32, UInt32) = (0x000f_f003, 0xff0)
    let tooWide = value & physical > mine & physical ? value & physical : 0
    return (value ^ mine) & same | tooWide | value & ~mine & ~same & ~physical
  }

  /// CPUCFG word of paravirtual features (reference A.8); this CPU has none, and no such word.
  static let paravirtualWord = 0x4000_0004
  static let virtualInterrupts: UInt32 = 1 << 24
  /// Bits of CPUCFG word 2.
  static let lasx: UInt32 = 1 << 7
  static let virtualization: UInt32 = 1 << 10
  static let binaryTranslation: UInt32 = 7 << 18
  /// Bits of words 1 and 6.
  static let messageInterrupts: UInt32 = 1 << 26
  static let performanceCounters: UInt32 = 1 << 0
}
