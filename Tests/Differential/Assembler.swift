/// The few instructions that the program around the sequences is made of (LoongArch Reference Manual Vol. 1, appendix B).
enum Assembler {
  private static func two(_ match: UInt32, _ rd: UInt32, _ rj: UInt32, _ immediate: Int32) -> UInt32 {
    match | (UInt32(bitPattern: immediate) & 0xfff) << 10 | rj << 5 | rd
  }

  static func addi(_ rd: UInt32, _ rj: UInt32, _ value: Int32) -> UInt32 { two(0x02c0_0000, rd, rj, value) }
  static func loadWord(_ rd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x2880_0000, rd, rj, at) }
  static func loadDouble(_ rd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x28c0_0000, rd, rj, at) }
  static func loadByte(_ rd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x2a00_0000, rd, rj, at) }
  static func storeByte(_ rd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x2900_0000, rd, rj, at) }
  static func storeDouble(_ rd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x29c0_0000, rd, rj, at) }
  static func loadVector(_ vd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x2c00_0000, vd, rj, at) }
  static func storeVector(_ vd: UInt32, _ rj: UInt32, _ at: Int32) -> UInt32 { two(0x2c40_0000, vd, rj, at) }

  /// movgr2fcsr fcsr0, rj and movfcsr2gr rd, fcsr0.
  static func writeControl(_ rj: UInt32) -> UInt32 { 0x0114_c000 | rj << 5 }
  static func readControl(_ rd: UInt32) -> UInt32 { 0x0114_c800 | rd }
  static func writeFlag(_ flag: UInt32, _ rj: UInt32) -> UInt32 { 0x0114_d800 | rj << 5 | flag }
  static func readFlag(_ rd: UInt32, _ flag: UInt32) -> UInt32 { 0x0114_dc00 | flag << 5 | rd }

  /// Loads a number below 2^31.
  static func constant(_ rd: UInt32, _ value: UInt64) -> [UInt32] {
    [
      0x1400_0000 | UInt32(value >> 12 & 0xf_ffff) << 5 | rd,
      0x0380_0000 | UInt32(value & 0xfff) << 10 | rd << 5 | rd,
    ]
  }

  /// rd = address of this instruction + 4 × `words`.
  static func pcaddi(_ rd: UInt32, _ words: UInt32) -> UInt32 { 0x1800_0000 | words << 5 | rd }
  /// jirl r0, rj, 0.
  static func jump(_ rj: UInt32) -> UInt32 { 0x4c00_0000 | rj << 5 }
  /// Unconditional, by `bytes`.
  static func branch(_ bytes: Int) -> UInt32 {
    let words = UInt32(truncatingIfNeeded: bytes >> 2)
    return 0x5000_0000 | (words & 0xffff) << 10 | words >> 16 & 0x3ff
  }
  /// Branch if rj ≠ rd.
  static func branchUnequal(_ rj: UInt32, _ rd: UInt32, _ bytes: Int) -> UInt32 {
    0x5c00_0000 | (UInt32(truncatingIfNeeded: bytes >> 2) & 0xffff) << 10 | rj << 5 | rd
  }
  static func writeCSR(_ rd: UInt32, _ number: UInt32) -> UInt32 { 0x0400_0020 | number << 10 | rd }
  static let systemCall: UInt32 = 0x002b_0000
}
