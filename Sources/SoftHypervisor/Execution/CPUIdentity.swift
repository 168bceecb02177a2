/// What CPUCFG and the PRCFG registers say: a la464 without LASX, LBT and PMU (reference D.2).
enum CPUIdentity {
  /// Stable counter frequency in Hz (CPUCFG word 4), with multiplier and divisor 1 (word 5).
  static let counterFrequency: UInt64 = 100_000_000

  /// CPUCFG word `word`; words that do not exist read 0. Sign-extended as the instruction does.
  static func configuration(word: UInt64) -> UInt64 {
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
}
