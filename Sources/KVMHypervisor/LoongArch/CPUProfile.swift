/// What a guest's CPUCFG says: a la464 of 3A5000 (reference D.2) as far as the host can give it, so that a guest finds the
/// same CPU on every host. Without binary translation, page table walker, performance counters and message interrupts.
enum CPUProfile {
  static let words = 21

  /// CPUCFG word `word`; `frequency` and `scale` are the host's words 4 and 5, because the guest's counter runs as the host's.
  static func word(_ word: Int, frequency: UInt32, scale: UInt32) -> UInt32 {
    switch word {
    case 0: 0x0014_c010
    // KVM's guests have 47 bits of physical address (reference A.6); the field holds one less.
    case 1: 0x03f2_f2ee
    case 2: 0x0060_c0cf
    case 4: frequency == 0 ? 100_000_000 : frequency
    case 5: frequency == 0 ? 0x0001_0001 : scale
    case 16: 0x0000_2c3d
    case 17, 18: 0x0608_0003
    case 19: 0x0608_000f
    case 20: 0x060e_000f
    default: 0
    }
  }

  /// Bits of a word without which no guest runs: FP of both precisions and the constant timer.
  static func needed(_ word: Int) -> UInt32 { word == 2 ? 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 : 0 }

  /// Word 2 as KVM takes it: the constant timer, both precisions or none, LSX with FP, LASX with LSX.
  static func isConsistent(_ word: UInt32) -> Bool {
    let float = word & 7
    return word & 1 << 14 != 0 && (float & 1 == 0 || float == 7) && (word & 1 << 6 == 0 || float == 7)
      && (word & 1 << 7 == 0 || word & 1 << 6 != 0)
  }

  /// Word 2: 256-bit vectors.
  static let lasx: UInt32 = 1 << 7
}
