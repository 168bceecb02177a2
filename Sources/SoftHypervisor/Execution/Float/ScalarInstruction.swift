/// A scalar instruction that computes: it can raise exceptions and replaces Cause. Moves, sign changes, fclass and
/// fsel are not among them (`executeFloat`).
enum ScalarInstruction {
  /// In one format; the result goes to a float register.
  case single(LaneOperation, upper: UpperHalf)
  case double(LaneOperation)
  /// fcmp: the result goes to a condition flag.
  case compareSingle(FloatCondition)
  case compareDouble(FloatCondition)
  /// fcvt.s.d, fcvt.d.s
  case narrow, widen
  /// ffint, from an integer of 32 or 64 bits.
  case singleFromInteger(wide: Bool)
  case doubleFromInteger(wide: Bool)

  /// What bits 63:32 of the destination become after a 32-bit result. The architecture leaves them undefined; these
  /// are QEMU's, so that whole registers can be compared with it.
  enum UpperHalf {
    case ones, zeros, sign
  }
}

/// Fields of an instruction word that name registers.
@inline(__always) func fieldD(_ word: UInt32) -> Int { Int(word & 31) }
@inline(__always) func fieldJ(_ word: UInt32) -> Int { Int(word >> 5 & 31) }
@inline(__always) func fieldK(_ word: UInt32) -> Int { Int(word >> 10 & 31) }
@inline(__always) func fieldA(_ word: UInt32) -> Int { Int(word >> 15 & 31) }

// Opcodes: LoongArch Reference Manual Vol. 1, appendix B.
extension ScalarInstruction {
  /// Nil for every word that is not scalar FP arithmetic.
  init?(_ word: UInt32) {
    switch word >> 24 {
    case 0x01 where word >> 18 < 0x45: self.init(threeRegister: word)
    case 0x01: self.init(twoRegister: word)
    case 0x08: self.init(fused: word)
    case 0x0c: self.init(compare: word)
    default: return nil
    }
  }

  private init?(threeRegister word: UInt32) {
    let operation: LaneOperation
    switch word >> 17 {
    case 0x80: operation = .add
    case 0x81: operation = .subtract
    case 0x82: operation = .multiply
    case 0x83: operation = .divide
    case 0x84: operation = .maximum
    case 0x85: operation = .minimum
    case 0x86: operation = .maximumMagnitude
    case 0x87: operation = .minimumMagnitude
    case 0x88: operation = .scale
    default: return nil
    }
    self.init(operation, format: word >> 15)
  }

  /// Two bits say the format: 1 single, 2 double.
  private init?(_ operation: LaneOperation, format: UInt32, upper: UpperHalf = .ones) {
    switch format & 3 {
    case 1: self = .single(operation, upper: upper)
    case 2: self = .double(operation)
    default: return nil
    }
  }

  private init?(twoRegister word: UInt32) {
    let opcode = word >> 10
    switch opcode {
    case 0x4509, 0x450a: self.init(.exponent, format: opcode)
    case 0x4511, 0x4512: self.init(.root, format: opcode)
    case 0x4515, 0x4516: self.init(.reciprocal, format: opcode)
    case 0x4519, 0x451a: self.init(.reciprocalRoot, format: opcode)
    case 0x4646: self = .narrow
    case 0x4649: self = .widen
    case 0x4680...0x46cf: self.init(toInteger: opcode)
    case 0x4744: self = .singleFromInteger(wide: false)
    case 0x4746: self = .singleFromInteger(wide: true)
    case 0x4748: self = .doubleFromInteger(wide: false)
    case 0x474a: self = .doubleFromInteger(wide: true)
    case 0x4791, 0x4792: self.init(.roundToIntegral(.current), format: opcode, upper: .zeros)
    default: return nil
    }
  }

  private init?(toInteger opcode: UInt32) {
    let rounding: Rounding
    switch opcode >> 4 & 0xf {
    case 0x8: rounding = .down
    case 0x9: rounding = .up
    case 0xa: rounding = .towardsZero
    case 0xb: rounding = .nearestEven
    default: rounding = .current
    }
    switch opcode & 0xf {
    case 0x1:
      let zeros = rounding == .towardsZero || rounding == .nearestEven
      self = .single(.toInteger(rounding, bits: 32, signed: true), upper: zeros ? .zeros : .sign)
    case 0x2: self = .double(.toInteger(rounding, bits: 32, signed: true))
    case 0x9: self = .single(.toInteger(rounding, bits: 64, signed: true), upper: .sign)
    case 0xa: self = .double(.toInteger(rounding, bits: 64, signed: true))
    default: return nil
    }
  }

  private init?(fused word: UInt32) {
    guard word & 0x0f00_0000 == 0x0800_0000 else { return nil }
    let operation = LaneOperation.fused(negateAddend: word & 0x0040_0000 != 0, negateResult: word & 0x0080_0000 != 0)
    self.init(operation, format: word >> 20)
  }

  private init?(compare word: UInt32) {
    guard let condition = FloatCondition(code: word >> 15 & 31) else { return nil }
    switch word >> 20 {
    case 0x0c1: self = .compareSingle(condition)
    case 0x0c2: self = .compareDouble(condition)
    default: return nil
    }
  }
}

extension ScalarInstruction {
  /// The bits for the destination, of operands fj, fk, fa. Exceptions go to the host's flags and to `raised`.
  func evaluate(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    switch self {
    case .double(let operation): return operation.evaluate(DoublePrecision.self, a, b, c, state)
    case .single(let operation, let upper):
      let result = operation.evaluate(SinglePrecision.self, a, b, c, state)
      switch upper {
      case .ones: return boxed(result)
      case .zeros: return result & 0xffff_ffff
      case .sign: return result
      }
    case .compareDouble(let condition):
      return condition.holds(DoublePrecision.compare(a, b, quiet: condition.quiet)) ? 1 : 0
    case .compareSingle(let condition):
      return condition.holds(SinglePrecision.compare(a, b, quiet: condition.quiet)) ? 1 : 0
    case .narrow: return boxed(narrowed(a))
    case .widen: return widened(a)
    case .singleFromInteger(let wide): return boxed(SinglePrecision.fromInteger(integer(a, wide)))
    case .doubleFromInteger(let wide): return DoublePrecision.fromInteger(integer(a, wide))
    }
  }

  private func integer(_ a: UInt64, _ wide: Bool) -> Int {
    wide ? Int(bitPattern: UInt(a)) : Int(Int32(truncatingIfNeeded: a))
  }
}

/// A 32-bit result as a float register holds it: the upper half all ones, which makes it a NaN as a double.
@inline(__always)
func boxed(_ bits: UInt64) -> UInt64 { bits | 0xffff_ffff_0000_0000 }
