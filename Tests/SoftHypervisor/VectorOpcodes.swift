/// Where an LSX register instruction has its operands (LoongArch Reference Manual Vol. 2, instruction formats).
/// Fields: vd, rd or cd at bits 4:0, vj or rj at 9:5, vk, rk or an immediate from bit 10, va at 19:15.
enum OperandFormat: Sendable, Equatable {
  /// vd, vj
  case vv
  /// vd, vj, vk
  case vvv
  /// vd, vj, vk, va
  case vvvv
  /// vd, vj, rk
  case vvr
  /// vd, vj, immediate of so many bits at bit 10
  case vvi(Int)
  /// vd, rj
  case vr
  /// vd, rj, element number of so many bits at bit 10
  case vri(Int)
  /// rd, vj, element number of so many bits at bit 10
  case rvi(Int)
  /// cd, vj: bits 4:3 are not part of the operand and stay 0
  case cv
  /// vd, immediate of 13 bits at bit 5
  case vi13

  /// The operand bits of the instruction word: any value of them is a legal encoding (but see vldi).
  var operandBits: UInt32 {
    switch self {
    case .vv, .vr: 0x3ff
    case .vvv, .vvr: 0x7fff
    case .vvvv: 0xfffff
    case .vvi(let width), .vri(let width), .rvi(let width): (1 << UInt32(10 + width)) - 1
    case .cv: 0x3e7
    case .vi13: 0x3ffff
    }
  }
}

/// One LSX instruction that works on registers only. `match` has 0 in all `format.operandBits`.
struct OpcodeForm: Sendable, CustomStringConvertible {
  let name: String
  let match: UInt32
  let format: OperandFormat

  var description: String { name }
}

/// Every LSX instruction without a memory operand: LoongArch Reference Manual Vol. 2. In `vldi`, bits 17:15 all set
/// together with one of bits 14:13 is reserved; all other operand values are legal.
enum VectorOpcodes {
  static let integer: [OpcodeForm] =
    forms(.vvv, integerThreeRegister) + forms(.vv, integerTwoRegister) + forms(.vvi(5), fiveBitImmediate)
    + forms(.vvi(8), eightBitImmediate) + forms(.cv, conditionFlag) + forms(.vvr, replicateByRegister)
    + forms(.vr, fromGeneralRegister) + forms(.vvvv, integerFourRegister) + laneShifts + narrowingShifts
    + elementAccess + [
      OpcodeForm(name: "vextl.q.d", match: 0x7309_0000, format: .vv),
      OpcodeForm(name: "vextl.qu.du", match: 0x730d_0000, format: .vv),
      OpcodeForm(name: "vldi", match: 0x73e0_0000, format: .vi13),
    ]

  static let floatingPoint: [OpcodeForm] =
    forms(.vvv, floatThreeRegister) + forms(.vv, floatTwoRegister) + forms(.vvvv, floatFourRegister)

  /// Mnemonic, first encoding, suffixes of the consecutive encodings.
  private typealias Family = (name: String, first: UInt32, suffixes: String)

  private static func suffixes(of family: Family) -> [(offset: Int, element: Substring)] {
    Array(family.suffixes.split(separator: " ").enumerated())
  }

  /// Families whose members differ in the bits right above the operands.
  private static func forms(_ format: OperandFormat, _ families: [Family]) -> [OpcodeForm] {
    families.flatMap { family in
      suffixes(of: family).map { index, suffix in
        let match = family.first + UInt32(index) << UInt32(32 - format.operandBits.leadingZeroBitCount)
        return OpcodeForm(name: "\(family.name).\(suffix)", match: match, format: format)
      }
    }
  }

  /// Families in which the lane width is told by the highest set bit above an immediate of just so many bits.
  private static func shifts(_ families: [Family], narrowest: Int) -> [OpcodeForm] {
    families.flatMap { family in
      suffixes(of: family).map { index, suffix in
        let width = narrowest + index
        let match = family.first | (1 << UInt32(10 + width))
        return OpcodeForm(name: "\(family.name).\(suffix)", match: match, format: .vvi(width))
      }
    }
  }

  private static let laneShifts = shifts(
    [
      ("vrotri", 0x72a0_0000, "b h w d"), ("vsrlri", 0x72a4_0000, "b h w d"), ("vsrari", 0x72a8_0000, "b h w d"),
      ("vsllwil", 0x7308_0000, "h.b w.h d.w"), ("vsllwil", 0x730c_0000, "hu.bu wu.hu du.wu"),
      ("vbitclri", 0x7310_0000, "b h w d"), ("vbitseti", 0x7314_0000, "b h w d"),
      ("vbitrevi", 0x7318_0000, "b h w d"), ("vsat", 0x7324_0000, "b h w d"),
      ("vsat", 0x7328_0000, "bu hu wu du"), ("vslli", 0x732c_0000, "b h w d"),
      ("vsrli", 0x7330_0000, "b h w d"), ("vsrai", 0x7334_0000, "b h w d"),
    ], narrowest: 3)

  private static let narrowingShifts = shifts(
    [
      ("vsrlni", 0x7340_0000, "b.h h.w w.d d.q"), ("vsrlrni", 0x7344_0000, "b.h h.w w.d d.q"),
      ("vssrlni", 0x7348_0000, "b.h h.w w.d d.q"), ("vssrlni", 0x734c_0000, "bu.h hu.w wu.d du.q"),
      ("vssrlrni", 0x7350_0000, "b.h h.w w.d d.q"), ("vssrlrni", 0x7354_0000, "bu.h hu.w wu.d du.q"),
      ("vsrani", 0x7358_0000, "b.h h.w w.d d.q"), ("vsrarni", 0x735c_0000, "b.h h.w w.d d.q"),
      ("vssrani", 0x7360_0000, "b.h h.w w.d d.q"), ("vssrani", 0x7364_0000, "bu.h hu.w wu.d du.q"),
      ("vssrarni", 0x7368_0000, "b.h h.w w.d d.q"), ("vssrarni", 0x736c_0000, "bu.h hu.w wu.d du.q"),
    ], narrowest: 4)

  /// The number of an element takes 4 bits (bytes) to 1 (doublewords); above it a zero ends a run of ones.
  private static let elementAccess: [OpcodeForm] = (0..<4).flatMap { size -> [OpcodeForm] in
    let width = 4 - size
    let marker: UInt32 = 0x3ffff & ~((1 << UInt32(11 + width)) - 1)
    let lane = ["b", "h", "w", "d"][size]
    return [
      OpcodeForm(name: "vinsgr2vr.\(lane)", match: 0x72e8_0000 | marker, format: .vri(width)),
      OpcodeForm(name: "vpickve2gr.\(lane)", match: 0x72ec_0000 | marker, format: .rvi(width)),
      OpcodeForm(name: "vpickve2gr.\(lane)u", match: 0x72f0_0000 | marker, format: .rvi(width)),
      OpcodeForm(name: "vreplvei.\(lane)", match: 0x72f4_0000 | marker, format: .vvi(width)),
    ]
  }

  private static let fromGeneralRegister: [Family] = [("vreplgr2vr", 0x729f_0000, "b h w d")]

  private static let replicateByRegister: [Family] = [("vreplve", 0x7122_0000, "b h w d")]

  private static let conditionFlag: [Family] = [
    ("vseteqz", 0x729c_9800, "v"),
    ("vsetnez", 0x729c_9c00, "v"),
    ("vsetanyeqz", 0x729c_a000, "b h w d"),
    ("vsetallnez", 0x729c_b000, "b h w d"),
  ]

  private static let integerFourRegister: [Family] = [
    ("vbitsel", 0x0d10_0000, "v"),
    ("vshuf", 0x0d50_0000, "b"),
  ]

  private static let integerThreeRegister: [Family] = [
    ("vseq", 0x7000_0000, "b h w d"),
    ("vsle", 0x7002_0000, "b h w d bu hu wu du"),
    ("vslt", 0x7006_0000, "b h w d bu hu wu du"),
    ("vadd", 0x700a_0000, "b h w d"),
    ("vsub", 0x700c_0000, "b h w d"),
    ("vaddwev", 0x701e_0000, "h.b w.h d.w q.d"),
    ("vsubwev", 0x7020_0000, "h.b w.h d.w q.d"),
    ("vaddwod", 0x7022_0000, "h.b w.h d.w q.d"),
    ("vsubwod", 0x7024_0000, "h.b w.h d.w q.d"),
    ("vaddwev", 0x702e_0000, "h.bu w.hu d.wu q.du"),
    ("vsubwev", 0x7030_0000, "h.bu w.hu d.wu q.du"),
    ("vaddwod", 0x7032_0000, "h.bu w.hu d.wu q.du"),
    ("vsubwod", 0x7034_0000, "h.bu w.hu d.wu q.du"),
    ("vaddwev", 0x703e_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vaddwod", 0x7040_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vsadd", 0x7046_0000, "b h w d"),
    ("vssub", 0x7048_0000, "b h w d"),
    ("vsadd", 0x704a_0000, "bu hu wu du"),
    ("vssub", 0x704c_0000, "bu hu wu du"),
    ("vhaddw", 0x7054_0000, "h.b w.h d.w q.d"),
    ("vhsubw", 0x7056_0000, "h.b w.h d.w q.d"),
    ("vhaddw", 0x7058_0000, "hu.bu wu.hu du.wu qu.du"),
    ("vhsubw", 0x705a_0000, "hu.bu wu.hu du.wu qu.du"),
    ("vadda", 0x705c_0000, "b h w d"),
    ("vabsd", 0x7060_0000, "b h w d bu hu wu du"),
    ("vavg", 0x7064_0000, "b h w d bu hu wu du"),
    ("vavgr", 0x7068_0000, "b h w d bu hu wu du"),
    ("vmax", 0x7070_0000, "b h w d"),
    ("vmin", 0x7072_0000, "b h w d"),
    ("vmax", 0x7074_0000, "bu hu wu du"),
    ("vmin", 0x7076_0000, "bu hu wu du"),
    ("vmul", 0x7084_0000, "b h w d"),
    ("vmuh", 0x7086_0000, "b h w d bu hu wu du"),
    ("vmulwev", 0x7090_0000, "h.b w.h d.w q.d"),
    ("vmulwod", 0x7092_0000, "h.b w.h d.w q.d"),
    ("vmulwev", 0x7098_0000, "h.bu w.hu d.wu q.du"),
    ("vmulwod", 0x709a_0000, "h.bu w.hu d.wu q.du"),
    ("vmulwev", 0x70a0_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vmulwod", 0x70a2_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vmadd", 0x70a8_0000, "b h w d"),
    ("vmsub", 0x70aa_0000, "b h w d"),
    ("vmaddwev", 0x70ac_0000, "h.b w.h d.w q.d"),
    ("vmaddwod", 0x70ae_0000, "h.b w.h d.w q.d"),
    ("vmaddwev", 0x70b4_0000, "h.bu w.hu d.wu q.du"),
    ("vmaddwod", 0x70b6_0000, "h.bu w.hu d.wu q.du"),
    ("vmaddwev", 0x70bc_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vmaddwod", 0x70be_0000, "h.bu.b w.hu.h d.wu.w q.du.d"),
    ("vdiv", 0x70e0_0000, "b h w d"),
    ("vmod", 0x70e2_0000, "b h w d"),
    ("vdiv", 0x70e4_0000, "bu hu wu du"),
    ("vmod", 0x70e6_0000, "bu hu wu du"),
    ("vsll", 0x70e8_0000, "b h w d"),
    ("vsrl", 0x70ea_0000, "b h w d"),
    ("vsra", 0x70ec_0000, "b h w d"),
    ("vrotr", 0x70ee_0000, "b h w d"),
    ("vsrlr", 0x70f0_0000, "b h w d"),
    ("vsrar", 0x70f2_0000, "b h w d"),
    ("vsrln", 0x70f4_8000, "b.h h.w w.d"),
    ("vsran", 0x70f6_8000, "b.h h.w w.d"),
    ("vsrlrn", 0x70f8_8000, "b.h h.w w.d"),
    ("vsrarn", 0x70fa_8000, "b.h h.w w.d"),
    ("vssrln", 0x70fc_8000, "b.h h.w w.d"),
    ("vssran", 0x70fe_8000, "b.h h.w w.d"),
    ("vssrlrn", 0x7100_8000, "b.h h.w w.d"),
    ("vssrarn", 0x7102_8000, "b.h h.w w.d"),
    ("vssrln", 0x7104_8000, "bu.h hu.w wu.d"),
    ("vssran", 0x7106_8000, "bu.h hu.w wu.d"),
    ("vssrlrn", 0x7108_8000, "bu.h hu.w wu.d"),
    ("vssrarn", 0x710a_8000, "bu.h hu.w wu.d"),
    ("vbitclr", 0x710c_0000, "b h w d"),
    ("vbitset", 0x710e_0000, "b h w d"),
    ("vbitrev", 0x7110_0000, "b h w d"),
    ("vpackev", 0x7116_0000, "b h w d"),
    ("vpackod", 0x7118_0000, "b h w d"),
    ("vilvl", 0x711a_0000, "b h w d"),
    ("vilvh", 0x711c_0000, "b h w d"),
    ("vpickev", 0x711e_0000, "b h w d"),
    ("vpickod", 0x7120_0000, "b h w d"),
    ("vand", 0x7126_0000, "v"),
    ("vor", 0x7126_8000, "v"),
    ("vxor", 0x7127_0000, "v"),
    ("vnor", 0x7127_8000, "v"),
    ("vandn", 0x7128_0000, "v"),
    ("vorn", 0x7128_8000, "v"),
    ("vfrstp", 0x712b_0000, "b h"),
    ("vadd", 0x712d_0000, "q"),
    ("vsub", 0x712d_8000, "q"),
    ("vsigncov", 0x712e_0000, "b h w d"),
    ("vshuf", 0x717a_8000, "h w d"),
  ]

  private static let integerTwoRegister: [Family] = [
    ("vclo", 0x729c_0000, "b h w d"),
    ("vclz", 0x729c_1000, "b h w d"),
    ("vpcnt", 0x729c_2000, "b h w d"),
    ("vneg", 0x729c_3000, "b h w d"),
    ("vmskltz", 0x729c_4000, "b h w d"),
    ("vmskgez", 0x729c_5000, "b"),
    ("vmsknz", 0x729c_6000, "b"),
    ("vexth", 0x729e_e000, "h.b w.h d.w q.d hu.bu wu.hu du.wu qu.du"),
  ]

  private static let fiveBitImmediate: [Family] = [
    ("vseqi", 0x7280_0000, "b h w d"),
    ("vslei", 0x7282_0000, "b h w d"),
    ("vslti", 0x7286_0000, "b h w d"),
    ("vmaxi", 0x7290_0000, "b h w d"),
    ("vmini", 0x7292_0000, "b h w d"),
    ("vslei", 0x7284_0000, "bu hu wu du"),
    ("vslti", 0x7288_0000, "bu hu wu du"),
    ("vaddi", 0x728a_0000, "bu hu wu du"),
    ("vsubi", 0x728c_0000, "bu hu wu du"),
    ("vbsll", 0x728e_0000, "v"),
    ("vbsrl", 0x728e_8000, "v"),
    ("vmaxi", 0x7294_0000, "bu hu wu du"),
    ("vmini", 0x7296_0000, "bu hu wu du"),
    ("vfrstpi", 0x729a_0000, "b h"),
  ]

  private static let eightBitImmediate: [Family] = [
    ("vextrins", 0x7380_0000, "d w h b"),
    ("vshuf4i", 0x7390_0000, "b h w d"),
    ("vbitseli", 0x73c4_0000, "b"),
    ("vandi", 0x73d0_0000, "b"),
    ("vori", 0x73d4_0000, "b"),
    ("vxori", 0x73d8_0000, "b"),
    ("vnori", 0x73dc_0000, "b"),
    ("vpermi", 0x73e4_0000, "w"),
  ]

  private static let floatFourRegister: [Family] = [
    ("vfmadd", 0x0910_0000, "s d"),
    ("vfmsub", 0x0950_0000, "s d"),
    ("vfnmadd", 0x0990_0000, "s d"),
    ("vfnmsub", 0x09d0_0000, "s d"),
  ]

  private static let floatThreeRegister: [Family] = [
    (
      "vfcmp", 0x0c50_0000,
      "caf.s saf.s clt.s slt.s ceq.s seq.s cle.s sle.s cun.s sun.s cult.s sult.s cueq.s sueq.s cule.s sule.s"
    ),
    ("vfcmp", 0x0c58_0000, "cne.s sne.s"),
    ("vfcmp", 0x0c5a_0000, "cor.s sor.s"),
    ("vfcmp", 0x0c5c_0000, "cune.s sune.s"),
    (
      "vfcmp", 0x0c60_0000,
      "caf.d saf.d clt.d slt.d ceq.d seq.d cle.d sle.d cun.d sun.d cult.d sult.d cueq.d sueq.d cule.d sule.d"
    ),
    ("vfcmp", 0x0c68_0000, "cne.d sne.d"),
    ("vfcmp", 0x0c6a_0000, "cor.d sor.d"),
    ("vfcmp", 0x0c6c_0000, "cune.d sune.d"),
    ("vfadd", 0x7130_8000, "s d"),
    ("vfsub", 0x7132_8000, "s d"),
    ("vfmul", 0x7138_8000, "s d"),
    ("vfdiv", 0x713a_8000, "s d"),
    ("vfmax", 0x713c_8000, "s d"),
    ("vfmin", 0x713e_8000, "s d"),
    ("vfmaxa", 0x7140_8000, "s d"),
    ("vfmina", 0x7142_8000, "s d"),
    ("vfcvt", 0x7146_0000, "h.s s.d"),
    ("vffint", 0x7148_0000, "s.l"),
    ("vftint", 0x7149_8000, "w.d"),
    ("vftintrm", 0x714a_0000, "w.d"),
    ("vftintrp", 0x714a_8000, "w.d"),
    ("vftintrz", 0x714b_0000, "w.d"),
    ("vftintrne", 0x714b_8000, "w.d"),
  ]

  private static let floatTwoRegister: [Family] = [
    ("vflogb", 0x729c_c400, "s d"),
    ("vfclass", 0x729c_d400, "s d"),
    ("vfsqrt", 0x729c_e400, "s d"),
    ("vfrecip", 0x729c_f400, "s d"),
    ("vfrsqrt", 0x729d_0400, "s d"),
    ("vfrecipe", 0x729d_1400, "s d"),
    ("vfrsqrte", 0x729d_2400, "s d"),
    ("vfrint", 0x729d_3400, "s d"),
    ("vfrintrm", 0x729d_4400, "s d"),
    ("vfrintrp", 0x729d_5400, "s d"),
    ("vfrintrz", 0x729d_6400, "s d"),
    ("vfrintrne", 0x729d_7400, "s d"),
    ("vfcvtl", 0x729d_e800, "s.h"),
    ("vfcvth", 0x729d_ec00, "s.h"),
    ("vfcvtl", 0x729d_f000, "d.s"),
    ("vfcvth", 0x729d_f400, "d.s"),
    ("vffint", 0x729e_0000, "s.w s.wu d.l d.lu"),
    ("vffintl", 0x729e_1000, "d.w"),
    ("vffinth", 0x729e_1400, "d.w"),
    ("vftint", 0x729e_3000, "w.s l.d"),
    ("vftintrm", 0x729e_3800, "w.s l.d"),
    ("vftintrp", 0x729e_4000, "w.s l.d"),
    ("vftintrz", 0x729e_4800, "w.s l.d"),
    ("vftintrne", 0x729e_5000, "w.s l.d"),
    ("vftint", 0x729e_5800, "wu.s lu.d"),
    ("vftintrz", 0x729e_7000, "wu.s lu.d"),
    ("vftintl", 0x729e_8000, "l.s"),
    ("vftinth", 0x729e_8400, "l.s"),
    ("vftintrml", 0x729e_8800, "l.s"),
    ("vftintrmh", 0x729e_8c00, "l.s"),
    ("vftintrpl", 0x729e_9000, "l.s"),
    ("vftintrph", 0x729e_9400, "l.s"),
    ("vftintrzl", 0x729e_9800, "l.s"),
    ("vftintrzh", 0x729e_9c00, "l.s"),
    ("vftintrnel", 0x729e_a000, "l.s"),
    ("vftintrneh", 0x729e_a400, "l.s"),
  ]
}
