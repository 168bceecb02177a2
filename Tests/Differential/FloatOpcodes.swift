/// Scalar floating point: LoongArch Reference Manual Vol. 1, 3.2; encodings from its appendix B.
/// frecipe and frsqrte are absent: CPUCFG.2.FRECIPE is 0.
enum FloatOpcodes {
  private static let fd = Operand(.float, 0)
  private static let fj = Operand(.float, 5)
  private static let fk = Operand(.float, 10)
  private static let fa = Operand(.float, 15)
  private static let rd = Operand(.destination, 0)
  private static let rj = Operand(.source, 5)
  private static let cd = Operand(.flag, 0, 3)
  private static let cj = Operand(.flag, 5, 3)

  static let arithmetic: [Opcode] = threeOperand + twoOperand + fourOperand

  private static let threeOperand = pairs(
    [
      ("fadd", 0x0100_8000), ("fsub", 0x0102_8000), ("fmul", 0x0104_8000), ("fdiv", 0x0106_8000),
      ("fmax", 0x0108_8000), ("fmin", 0x010a_8000), ("fmaxa", 0x010c_8000), ("fmina", 0x010e_8000),
      ("fscaleb", 0x0110_8000), ("fcopysign", 0x0112_8000),
    ], step: 0x8000, [fd, fj, fk])

  private static let twoOperand = pairs(
    [
      ("fabs", 0x0114_0400), ("fneg", 0x0114_1400), ("flogb", 0x0114_2400), ("fclass", 0x0114_3400),
      ("fsqrt", 0x0114_4400), ("frecip", 0x0114_5400), ("frsqrt", 0x0114_6400), ("frint", 0x011e_4400),
    ], step: 0x400, [fd, fj])

  private static let fourOperand = pairs(
    [("fmadd", 0x0810_0000), ("fmsub", 0x0850_0000), ("fnmadd", 0x0890_0000), ("fnmsub", 0x08d0_0000)],
    step: 0x10_0000, [fd, fj, fk, fa])

  private static func pairs(
    _ operations: [(name: String, single: UInt32)], step: UInt32, _ operands: [Operand]
  ) -> [Opcode] {
    operations.flatMap { Opcode.pair($0.name, $0.single, step: step, operands) }
  }

  static let conversion: [Opcode] =
    Opcode.one("fcvt.s.d", 0x0119_1800, [fd, fj]) + Opcode.one("fcvt.d.s", 0x0119_2400, [fd, fj]) + toInteger
    + Opcode.row(0x011d_1000, step: 0x800, [fd, fj], "ffint.s.w ffint.s.l")
    + Opcode.row(0x011d_2000, step: 0x800, [fd, fj], "ffint.d.w ffint.d.l")

  private static let toInteger = pairs(
    [
      ("ftintrm.w", 0x011a_0400), ("ftintrm.l", 0x011a_2400), ("ftintrp.w", 0x011a_4400), ("ftintrp.l", 0x011a_6400),
      ("ftintrz.w", 0x011a_8400), ("ftintrz.l", 0x011a_a400), ("ftintrne.w", 0x011a_c400),
      ("ftintrne.l", 0x011a_e400), ("ftint.w", 0x011b_0400), ("ftint.l", 0x011b_2400),
    ], step: 0x400, [fd, fj])

  static let comparison: [Opcode] = conditions.flatMap { name, number -> [Opcode] in
    Opcode.pair("fcmp.\(name)", 0x0c10_0000 | number << 15, step: 0x10_0000, [cd, fj, fk])
  }

  private static let conditions: [(Substring, UInt32)] =
    Array(
      zip("caf saf clt slt ceq seq cle sle cun sun cult sult cueq sueq cule sule".split(separator: " "), 0...15))
    + [("cne", 0x10), ("sne", 0x11), ("cor", 0x14), ("sor", 0x15), ("cune", 0x18), ("sune", 0x19)]

  static let moves: [Opcode] =
    Opcode.pair("fmov", 0x0114_9400, step: 0x400, [fd, fj])
    + Opcode.row(0x0114_a400, step: 0x400, [fd, rj], "movgr2fr.w movgr2fr.d movgr2frh.w")
    + Opcode.row(0x0114_b400, step: 0x400, [rd, fj], "movfr2gr.s movfr2gr.d movfrh2gr.s")
    + Opcode.one("movfr2cf", 0x0114_d000, [cd, fj]) + Opcode.one("movcf2fr", 0x0114_d400, [fd, cj])
    + Opcode.one("movgr2cf", 0x0114_d800, [cd, rj]) + Opcode.one("movcf2gr", 0x0114_dc00, [rd, cj])
    + Opcode.one("fsel", 0x0d00_0000, [fd, fj, fk, Operand(.flag, 15, 3)])
    + Opcode.one("movgr2fcsr", 0x0114_c000, [Operand(.controlRegister, 0), rj])
    + Opcode.one("movfcsr2gr", 0x0114_c800, [rd, Operand(.controlRegister, 5)])
}
