/// Instruction words for small guests, by their assembler names (LoongArch Reference Manual Vol. 1, appendix B).
enum I {
  private static func two(_ match: UInt32, _ rd: UInt32, _ rj: UInt32, _ immediate: Int32) -> UInt32 {
    match | (UInt32(bitPattern: immediate) & 0xfff) << 10 | rj << 5 | rd
  }
  private static func three(_ match: UInt32, _ rd: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 {
    match | rk << 10 | rj << 5 | rd
  }

  static let nop: UInt32 = 0x0340_0000
  static func addi(_ rd: UInt32, _ rj: UInt32, _ value: Int32) -> UInt32 { two(0x02c0_0000, rd, rj, value) }
  static func ori(_ rd: UInt32, _ rj: UInt32, _ value: Int32) -> UInt32 { two(0x0380_0000, rd, rj, value) }
  static func andi(_ rd: UInt32, _ rj: UInt32, _ value: Int32) -> UInt32 { two(0x0340_0000, rd, rj, value) }
  /// rd = any value, in four instructions.
  static func li(_ rd: UInt32, _ value: UInt64) -> [UInt32] {
    [
      0x1400_0000 | UInt32(value >> 12 & 0xf_ffff) << 5 | rd,
      0x0380_0000 | UInt32(value & 0xfff) << 10 | rd << 5 | rd,
      0x1600_0000 | UInt32(value >> 32 & 0xf_ffff) << 5 | rd,
      0x0300_0000 | UInt32(value >> 52) << 10 | rd << 5 | rd,
    ]
  }

  static func ldB(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2800_0000, rd, rj, at) }
  static func ldH(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2840_0000, rd, rj, at) }
  static func ldW(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2880_0000, rd, rj, at) }
  static func ldD(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x28c0_0000, rd, rj, at) }
  static func ldBU(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2a00_0000, rd, rj, at) }
  static func ldHU(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2a40_0000, rd, rj, at) }
  static func ldWU(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2a80_0000, rd, rj, at) }
  static func stB(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2900_0000, rd, rj, at) }
  static func stH(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2940_0000, rd, rj, at) }
  static func stW(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2980_0000, rd, rj, at) }
  static func stD(_ rd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x29c0_0000, rd, rj, at) }
  static func fldD(_ fd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2b80_0000, fd, rj, at) }
  static func fstD(_ fd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2bc0_0000, fd, rj, at) }
  static func vld(_ vd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2c00_0000, vd, rj, at) }
  static func vst(_ vd: UInt32, _ rj: UInt32, _ at: Int32 = 0) -> UInt32 { two(0x2c40_0000, vd, rj, at) }
  static func ldgtD(_ rd: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 { three(0x3879_8000, rd, rj, rk) }

  static func llW(_ rd: UInt32, _ rj: UInt32) -> UInt32 { 0x2000_0000 | rj << 5 | rd }
  static func scW(_ rd: UInt32, _ rj: UInt32) -> UInt32 { 0x2100_0000 | rj << 5 | rd }
  static func llD(_ rd: UInt32, _ rj: UInt32) -> UInt32 { 0x2200_0000 | rj << 5 | rd }
  static func scD(_ rd: UInt32, _ rj: UInt32) -> UInt32 { 0x2300_0000 | rj << 5 | rd }
  static func amaddW(_ rd: UInt32, _ rk: UInt32, _ rj: UInt32) -> UInt32 { three(0x3861_0000, rd, rj, rk) }
  static func amaddD(_ rd: UInt32, _ rk: UInt32, _ rj: UInt32) -> UInt32 { three(0x3861_8000, rd, rj, rk) }

  static func b(_ bytes: Int32) -> UInt32 {
    let words = UInt32(bitPattern: bytes >> 2)
    return 0x5000_0000 | (words & 0xffff) << 10 | words >> 16 & 0x3ff
  }
  static func beqz(_ rj: UInt32, _ bytes: Int32) -> UInt32 { zero(0x4000_0000, rj, bytes) }
  static func bnez(_ rj: UInt32, _ bytes: Int32) -> UInt32 { zero(0x4400_0000, rj, bytes) }
  private static func zero(_ match: UInt32, _ rj: UInt32, _ bytes: Int32) -> UInt32 {
    let words = UInt32(bitPattern: bytes >> 2)
    return match | (words & 0xffff) << 10 | rj << 5 | words >> 16 & 0x1f
  }
  static func jirl(_ rd: UInt32, _ rj: UInt32, _ bytes: Int32 = 0) -> UInt32 {
    0x4c00_0000 | (UInt32(bitPattern: bytes >> 2) & 0xffff) << 10 | rj << 5 | rd
  }

  static func csrrd(_ rd: UInt32, _ csr: Int) -> UInt32 { 0x0400_0000 | UInt32(csr) << 10 | rd }
  static func csrwr(_ rd: UInt32, _ csr: Int) -> UInt32 { 0x0400_0020 | UInt32(csr) << 10 | rd }
  static func csrxchg(_ rd: UInt32, _ mask: UInt32, _ csr: Int) -> UInt32 {
    0x0400_0000 | UInt32(csr) << 10 | mask << 5 | rd
  }
  static func iocsrrd(_ rd: UInt32, _ rj: UInt32, log2: UInt32) -> UInt32 { 0x0648_0000 | log2 << 10 | rj << 5 | rd }
  static func iocsrwr(_ rd: UInt32, _ rj: UInt32, log2: UInt32) -> UInt32 { 0x0648_1000 | log2 << 10 | rj << 5 | rd }
  static func cacop(_ code: UInt32, _ rj: UInt32) -> UInt32 { 0x0600_0000 | rj << 5 | code }
  static func invtlb(_ op: UInt32, _ rj: UInt32, _ rk: UInt32) -> UInt32 { three(0x0649_8000, op, rj, rk) }
  static func lddir(_ rd: UInt32, _ rj: UInt32, _ level: UInt32) -> UInt32 { 0x0640_0000 | level << 10 | rj << 5 | rd }
  static func ldpte(_ rj: UInt32, _ odd: UInt32) -> UInt32 { 0x0644_0000 | odd << 10 | rj << 5 }
  static let tlbclr: UInt32 = 0x0648_2000
  static let tlbflush: UInt32 = 0x0648_2400
  static let tlbsrch: UInt32 = 0x0648_2800
  static let tlbrd: UInt32 = 0x0648_2c00
  static let tlbwr: UInt32 = 0x0648_3000
  static let tlbfill: UInt32 = 0x0648_3400
  static let ertn: UInt32 = 0x0648_3800
  static let idle: UInt32 = 0x0648_8000
  static let ibar: UInt32 = 0x3872_8000

  static let syscall: UInt32 = 0x002b_0000
  static let brk: UInt32 = 0x002a_0000
  static func asrtle(_ rj: UInt32, _ rk: UInt32) -> UInt32 { three(0x0001_0000, 0, rj, rk) }
  static func rdtime(_ rd: UInt32) -> UInt32 { 0x0000_6800 | rd }
  static func cpucfg(_ rd: UInt32, _ rj: UInt32) -> UInt32 { 0x0000_6c00 | rj << 5 | rd }
  static let faddD: UInt32 = 0x0101_0000
  static let vaddB: UInt32 = 0x700a_0000
  static let xvaddB: UInt32 = 0x740a_0000
}
