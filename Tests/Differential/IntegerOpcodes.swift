/// Integer instructions: LoongArch Reference Manual Vol. 1, 2.2; encodings from its appendix B.
enum IntegerOpcodes {
  private static let rd = Operand(.destination, 0)
  private static let rj = Operand(.source, 5)
  private static let rk = Operand(.source, 10)

  static let arithmetic: [Opcode] =
    Opcode.row(
      0x0010_0000, step: 0x8000, [rd, rj, rk],
      "add.w add.d sub.w sub.d slt sltu maskeqz masknez nor and or xor orn andn sll.w srl.w sra.w sll.d srl.d sra.d")
    + Opcode.row(0x001b_0000, step: 0x8000, [rd, rj, rk], "rotr.w rotr.d")
    + Opcode.row(
      0x0200_0000, step: 0x40_0000, [rd, rj, Operand(.immediate, 10, 12)],
      "slti sltui addi.w addi.d lu52i.d andi ori xori")
    + Opcode.row(
      0x0004_0000, step: 0x2_0000, [rd, rj, rk, Operand(.immediate, 15, 2)], "alsl.w alsl.wu bytepick.w")
    + Opcode.one("alsl.d", 0x002c_0000, [rd, rj, rk, Operand(.immediate, 15, 2)])
    + Opcode.one("bytepick.d", 0x000c_0000, [rd, rj, rk, Operand(.immediate, 15, 3)])
    + Opcode.one("addu16i.d", 0x1000_0000, [rd, rj, Operand(.immediate, 10, 16)])
    + Opcode.row(
      0x1400_0000, step: 0x200_0000, [rd, Operand(.immediate, 5, 20)],
      "lu12i.w lu32i.d pcaddi pcalau12i pcaddu12i pcaddu18i")

  static let multiplication: [Opcode] = Opcode.row(
    0x001c_0000, step: 0x8000, [rd, rj, rk], "mul.w mulh.w mulh.wu mul.d mulh.d mulh.du mulw.d.w mulw.d.wu")

  static let division: [Opcode] = Opcode.row(
    0x0020_0000, step: 0x8000, [rd, rj, rk], "div.w mod.w div.wu mod.wu div.d mod.d div.du mod.du")

  static let bits: [Opcode] =
    Opcode.row(
      0x1000, step: 0x400, [rd, rj],
      "clo.w clz.w cto.w ctz.w clo.d clz.d cto.d ctz.d revb.2h revb.4h revb.2w revb.d revh.2w revh.d "
        + "bitrev.4b bitrev.8b bitrev.w bitrev.d ext.w.h ext.w.b")
    + Opcode.row(
      0x0040_8000, step: 0x4_0000, [rd, rj, Operand(.immediate, 10, 5)], "slli.w srli.w srai.w rotri.w")
    + Opcode.row(
      0x0041_0000, step: 0x4_0000, [rd, rj, Operand(.immediate, 10, 6)], "slli.d srli.d srai.d rotri.d")
    + Opcode.row(
      0x0060_0000, step: 0x8000, [rd, rj, Operand(.immediate, 16, 5), Operand(.immediate, 10, 5)],
      "bstrins.w bstrpick.w")
    + Opcode.row(
      0x0080_0000, step: 0x40_0000, [rd, rj, Operand(.immediate, 16, 6), Operand(.immediate, 10, 6)],
      "bstrins.d bstrpick.d")

  static let crc: [Opcode] = Opcode.row(
    0x0024_0000, step: 0x8000, [rd, rj, rk],
    "crc.w.b.w crc.w.h.w crc.w.w.w crc.w.d.w crcc.w.b.w crcc.w.h.w crcc.w.w.w crcc.w.d.w")

  /// Conditional branches; the generator makes each skip one instruction. Offsets stay 0 here.
  static let branches: [Opcode] =
    Opcode.row(0x4000_0000, step: 0x400_0000, [rj], "beqz bnez")
    + Opcode.row(0x4800_0000, step: 0x100, [Operand(.flag, 5, 3)], "bceqz bcnez")
    + Opcode.row(0x5800_0000, step: 0x400_0000, [rj, Operand(.source, 0)], "beq bne blt bge bltu bgeu")
    + Opcode.one("b", 0x5000_0000, []) + Opcode.one("bl", 0x5400_0000, [])
    + Opcode.one("jirl", 0x4c00_0000, [rd, Operand(.index, 5)])
}
