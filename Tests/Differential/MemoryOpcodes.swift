/// Loads, stores and atomics: LoongArch Reference Manual Vol. 1, 2.2.5–2.2.8 and 3.2.6; Vol. 2 for vectors.
enum MemoryOpcodes {
  private static let rd = Operand(.destination, 0)
  private static let stored = Operand(.source, 0)
  private static let fd = Operand(.float, 0)
  private static let vd = Operand(.vector, 0)
  private static let base = Operand(.scratchBase, 5)
  private static let index = Operand(.index, 10)
  private static let address = Operand(.alignedAddress, 5)
  private static let offset12 = Operand(.scratchOffset(unit: 1), 10, 12)
  private static let offset14 = Operand(.scratchOffset(unit: 4), 10, 14)

  static let integer: [Opcode] =
    Opcode.row(0x2800_0000, step: 0x40_0000, [rd, base, offset12], "ld.b ld.h ld.w ld.d")
    + Opcode.row(0x2900_0000, step: 0x40_0000, [stored, base, offset12], "st.b st.h st.w st.d")
    + Opcode.row(0x2a00_0000, step: 0x40_0000, [rd, base, offset12], "ld.bu ld.hu ld.wu")
    + Opcode.one("preld", 0x2ac0_0000, [Operand(.immediate, 0), base, offset12])
    + Opcode.row(0x2400_0000, step: 0x200_0000, [rd, base, offset14], "ldptr.w ldptr.d")
    + Opcode.row(0x2500_0000, step: 0x200_0000, [stored, base, offset14], "stptr.w stptr.d")
    + Opcode.row(0x3800_0000, step: 0x4_0000, [rd, base, index], "ldx.b ldx.h ldx.w ldx.d")
    + Opcode.row(0x3810_0000, step: 0x4_0000, [stored, base, index], "stx.b stx.h stx.w stx.d")
    + Opcode.row(0x3820_0000, step: 0x4_0000, [rd, base, index], "ldx.bu ldx.hu ldx.wu")
    + Opcode.one("dbar", 0x3872_0000, []) + Opcode.one("ibar", 0x3872_8000, [])

  private static let low = Operand(.lowBound, 10)
  private static let high = Operand(.highBound, 10)

  /// Bound-checked accesses whose check holds: one that fails raises an exception, which QEMU's user mode turns into a signal.
  static let bounded: [Opcode] =
    Opcode.row(0x3878_0000, step: 0x8000, [rd, address, low], "ldgt.b ldgt.h ldgt.w ldgt.d")
    + Opcode.row(0x387a_0000, step: 0x8000, [rd, address, high], "ldle.b ldle.h ldle.w ldle.d")
    + Opcode.row(0x387c_0000, step: 0x8000, [stored, address, low], "stgt.b stgt.h stgt.w stgt.d")
    + Opcode.row(0x387e_0000, step: 0x8000, [stored, address, high], "stle.b stle.h stle.w stle.d")
    // QEMU accesses rj + rk here, where the manual (Vol. 1, 3.2.6.3) says rj: the two agree if the bound is r0, and for
    // fldle and fstle never; those are in `BoundedFloatTests`.
    + Opcode.row(0x3874_0000, step: 0x8000, [fd, address], "fldgt.s fldgt.d")
    + Opcode.row(0x3876_0000, step: 0x8000, [fd, address], "fstgt.s fstgt.d")
    + Opcode.one("asrtle.d", 0x0001_0000, [address, high]) + Opcode.one("asrtgt.d", 0x0001_8000, [address, low])

  static let atomic: [Opcode] =
    Opcode.row(
      0x3860_0000, step: 0x8000, [rd, Operand(.source, 10), address],
      ["", "_db"].map { barrier in
        "swap add and or xor max min".split(separator: " ").map { "am\($0)\(barrier).w am\($0)\(barrier).d" }
          .joined(separator: " ") + " ammax\(barrier).wu ammax\(barrier).du ammin\(barrier).wu ammin\(barrier).du"
      }.joined(separator: " "))

  /// The loads of ll/sc pairs; the generator adds the store (match + 0x100_0000), which must succeed.
  static let linked: [Opcode] = Opcode.row(0x2000_0000, step: 0x200_0000, [rd, address], "ll.w ll.d")

  static let float: [Opcode] =
    Opcode.row(0x2b00_0000, step: 0x40_0000, [fd, base, offset12], "fld.s fst.s fld.d fst.d")
    + Opcode.row(0x3830_0000, step: 0x4_0000, [fd, base, index], "fldx.s fldx.d fstx.s fstx.d")

  static let vector: [Opcode] =
    Opcode.row(0x2c00_0000, step: 0x40_0000, [vd, base, offset12], "vld vst")
    + Opcode.row(0x3840_0000, step: 0x4_0000, [vd, base, index], "vldx vstx")
    + (0..<4).flatMap { size -> [Opcode] in
      let lane = ["b", "h", "w", "d"][size]
      let unit = Operand.Kind.scratchOffset(unit: 1 << size)
      return [
        Opcode(
          name: "vldrepl.\(lane)", match: 0x3000_0000 | 0x80_0000 >> UInt32(size),
          operands: [vd, base, Operand(unit, 10, UInt32(12 - size))]),
        Opcode(
          name: "vstelm.\(lane)", match: 0x3100_0000 | 0x80_0000 >> UInt32(size),
          operands: [vd, base, Operand(unit, 10, 8), Operand(.immediate, 18, UInt32(4 - size))]),
      ]
    }
}
