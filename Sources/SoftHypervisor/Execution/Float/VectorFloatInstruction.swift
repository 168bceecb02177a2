/// An LSX instruction that computes in floating point: it can raise exceptions and replaces Cause. vfclass is not
/// among them (`executeVectorFloat`).
enum VectorFloatInstruction {
  /// The same operation in each lane.
  case singleLanes(LaneOperation)
  case doubleLanes(LaneOperation)
  /// vfcmp: each lane becomes all ones or all zeros.
  case compareSingle(FloatCondition)
  case compareDouble(FloatCondition)
  /// vfcvt.h.s, vfcvt.s.d: vj gives the upper half of the result, vk the lower.
  case halvesFromSingles, singlesFromDoubles
  /// vfcvt[lh].s.h, vfcvt[lh].d.s
  case singlesFromHalves(upper: Bool)
  case doublesFromSingles(upper: Bool)
  /// vffint.s.w[u], vffint.d.l[u]
  case singlesFromWords(signed: Bool)
  case doublesFromLongs(signed: Bool)
  /// vffint[lh].d.w
  case doublesFromWords(upper: Bool)
  /// vffint.s.l, of two vectors as above.
  case singlesFromLongs
  /// vftint.w.d, of two vectors as above.
  case wordsFromDoubles(Rounding)
  /// vftint[lh].l.s
  case longsFromSingles(Rounding, upper: Bool)
}

// Opcodes: LoongArch Reference Manual Vol. 2, appendix.
extension VectorFloatInstruction {
  /// Nil for every word that is not LSX floating-point arithmetic.
  @inline(__always)
  init?(_ word: UInt32) {
    switch word >> 20 {
    case 0x091...0x09e: self.init(fused: word)
    case 0x0c5...0x0c6: self.init(compare: word)
    case 0x713...0x714: self.init(threeRegister: word)
    case 0x729: self.init(twoRegister: word)
    default: return nil
    }
  }

  private init?(fused word: UInt32) {
    let operation = LaneOperation.fused(negateAddend: word & 0x0040_0000 != 0, negateResult: word & 0x0080_0000 != 0)
    self.init(operation, format: word >> 20)
  }

  /// Two bits say the format: 1 single, 2 double.
  private init?(_ operation: LaneOperation, format: UInt32) {
    switch format & 3 {
    case 1: self = .singleLanes(operation)
    case 2: self = .doubleLanes(operation)
    default: return nil
    }
  }

  private init?(compare word: UInt32) {
    guard let condition = FloatCondition(code: word >> 15 & 31) else { return nil }
    self = word >> 20 == 0x0c5 ? .compareSingle(condition) : .compareDouble(condition)
  }

  private init?(threeRegister word: UInt32) {
    let format = word >> 15
    switch word >> 17 {
    case 0x3898: self.init(.add, format: format)
    case 0x3899: self.init(.subtract, format: format)
    case 0x389c: self.init(.multiply, format: format)
    case 0x389d: self.init(.divide, format: format)
    case 0x389e: self.init(.maximum, format: format)
    case 0x389f: self.init(.minimum, format: format)
    case 0x38a0: self.init(.maximumMagnitude, format: format)
    case 0x38a1: self.init(.minimumMagnitude, format: format)
    default: self.init(twoToOne: format)
    }
  }

  private init?(twoToOne opcode: UInt32) {
    switch opcode {
    case 0xe28c: self = .halvesFromSingles
    case 0xe28d: self = .singlesFromDoubles
    case 0xe290: self = .singlesFromLongs
    case 0xe293: self = .wordsFromDoubles(.current)
    case 0xe294: self = .wordsFromDoubles(.down)
    case 0xe295: self = .wordsFromDoubles(.up)
    case 0xe296: self = .wordsFromDoubles(.towardsZero)
    case 0xe297: self = .wordsFromDoubles(.nearestEven)
    default: return nil
    }
  }

  private init?(twoRegister word: UInt32) {
    let opcode = word >> 10
    switch opcode {
    case 0x1ca731, 0x1ca732: self.init(.exponent, format: opcode)
    case 0x1ca739, 0x1ca73a: self.init(.root, format: opcode)
    case 0x1ca73d, 0x1ca73e: self.init(.reciprocal, format: opcode)
    case 0x1ca741, 0x1ca742: self.init(.reciprocalRoot, format: opcode)
    case 0x1ca74d, 0x1ca74e: self.init(.roundToIntegral(.current), format: opcode)
    case 0x1ca751, 0x1ca752: self.init(.roundToIntegral(.down), format: opcode)
    case 0x1ca755, 0x1ca756: self.init(.roundToIntegral(.up), format: opcode)
    case 0x1ca759, 0x1ca75a: self.init(.roundToIntegral(.towardsZero), format: opcode)
    case 0x1ca75d, 0x1ca75e: self.init(.roundToIntegral(.nearestEven), format: opcode)
    default: self.init(conversion: opcode)
    }
  }

  private init?(conversion opcode: UInt32) {
    switch opcode {
    case 0x1ca77a, 0x1ca77b: self = .singlesFromHalves(upper: opcode & 1 != 0)
    case 0x1ca77c, 0x1ca77d: self = .doublesFromSingles(upper: opcode & 1 != 0)
    case 0x1ca780, 0x1ca781: self = .singlesFromWords(signed: opcode & 1 == 0)
    case 0x1ca782, 0x1ca783: self = .doublesFromLongs(signed: opcode & 1 == 0)
    case 0x1ca784, 0x1ca785: self = .doublesFromWords(upper: opcode & 1 != 0)
    case 0x1ca78c...0x1ca795: self.init(toInteger: opcode, Self.rounding(opcode - 0x1ca78c), signed: true)
    case 0x1ca796, 0x1ca797: self.init(toInteger: opcode, .current, signed: false)
    case 0x1ca79c, 0x1ca79d: self.init(toInteger: opcode, .towardsZero, signed: false)
    case 0x1ca7a0...0x1ca7a9:
      self = .longsFromSingles(Self.rounding(opcode - 0x1ca7a0), upper: opcode & 1 != 0)
    default: return nil
    }
  }

  /// The order in which the conversions to integers are laid out, two opcodes each.
  private static func rounding(_ index: UInt32) -> Rounding {
    switch index >> 1 {
    case 0: .current
    case 1: .down
    case 2: .up
    case 3: .towardsZero
    default: .nearestEven
    }
  }

  private init(toInteger opcode: UInt32, _ rounding: Rounding, signed: Bool) {
    self =
      opcode & 1 == 0
      ? .singleLanes(.toInteger(rounding, bits: 32, signed: signed))
      : .doubleLanes(.toInteger(rounding, bits: 64, signed: signed))
  }
}
