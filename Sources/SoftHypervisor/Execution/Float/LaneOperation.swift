/// Arithmetic on the values of one format: what a scalar instruction does once and a vector instruction in each lane.
enum LaneOperation {
  case add, subtract, multiply, divide
  case maximum, minimum, maximumMagnitude, minimumMagnitude
  case scale
  /// a × b + c, with the addend or the result negated.
  case fused(negateAddend: Bool, negateResult: Bool)
  case exponent, root, reciprocal, reciprocalRoot
  case roundToIntegral(Rounding)
  /// To an integer of 32 or 64 bits.
  case toInteger(Rounding, bits: UInt8, signed: Bool)
  /// 1 if the relation is one of the condition's, else 0.
  case compare(FloatCondition)
}

/// The condition field of fcmp: bit 0 signalling, then less, equal, unordered; bit 4 less or greater.
struct FloatCondition {
  let code: UInt32

  /// Nil for the codes that no instruction has.
  @inline(__always)
  init?(code: UInt32) {
    guard code >> 1 <= 8 || code >> 1 == 10 || code >> 1 == 12 else { return nil }
    self.code = code
  }

  /// `code` must be one of the 22 conditions.
  @inline(__always)
  init(known code: UInt32) { self.code = code }

  @inline(__always)
  var quiet: Bool { code & 1 == 0 }

  /// Whether a relation (ATOLL_FLOAT_GREATER … UNORDERED) fulfils the condition.
  @inline(__always)
  func holds(_ relation: Int32) -> Bool {
    // One bit for each relation, at its number.
    let unequal = code >> 4 & 1
    let wanted = code & 6 | (code & 8) << 4 | unequal | unequal << 1
    return wanted >> UInt32(bitPattern: relation) & 1 != 0
  }
}

extension LaneOperation {
  /// Carries the operation out, with the guest's rounding mode loaded. Exceptions go to the host's flags and to
  /// `raised`. Operands that the operation does not have are ignored.
  func evaluate<F: FloatFormat>(
    _ format: F.Type, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    switch self {
    case .add: return F.checked(F.add(a, b), a, b)
    case .subtract: return F.checked(F.subtract(a, b), a, b)
    case .multiply: return F.checked(F.multiply(a, b), a, b)
    case .divide: return F.checked(F.divide(a, b), a, b)
    case .maximum: return F.extremum(a, b, state, larger: true, byMagnitude: false)
    case .minimum: return F.extremum(a, b, state, larger: false, byMagnitude: false)
    case .maximumMagnitude: return F.extremum(a, b, state, larger: true, byMagnitude: true)
    case .minimumMagnitude: return F.extremum(a, b, state, larger: false, byMagnitude: true)
    case .scale: return F.scaled(a, by: F.asSigned(b), state)
    case .fused(let negateAddend, let negateResult):
      return F.fusedMultiplyAdd(a, b, c, negateAddend: negateAddend, negateResult: negateResult, state)
    case .exponent: return F.exponentOf(a, state)
    case .root: return F.checked(F.root(a), a)
    case .reciprocal: return F.checked(F.divide(F.one, a), a)
    case .reciprocalRoot: return F.checked(F.divide(F.one, F.root(a)), a)
    case .roundToIntegral(let rounding): return F.roundedToIntegral(a, rounding, state)
    case .toInteger(let rounding, let bits, let signed):
      return F.toInteger(a, rounding, bits: UInt64(bits), signed: signed, state)
    case .compare(let condition): return condition.holds(F.compare(a, b, quiet: condition.quiet)) ? 1 : 0
    }
  }
}

extension FloatFormat {
  /// The result of a host operation with LoongArch's NaN in place of the host's.
  @inline(__always)
  static func checked(_ result: UInt64, _ a: UInt64) -> UInt64 { isNaN(result) ? propagate(a) : result }

  /// The same for two operands.
  @inline(__always)
  static func checked(_ result: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 {
    isNaN(result) ? propagate(a, b) : result
  }

  /// The four fused operations. A NaN result is not negated.
  @inline(__always)
  static func fusedMultiplyAdd(
    _ a: UInt64, _ b: UInt64, _ c: UInt64, negateAddend: Bool, negateResult: Bool,
    _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    let addend = negateAddend ? c ^ signBit : c
    let result = fused(a, b, addend, hardware: state.pointee.hasFMA)
    if isNaN(result) { return propagate(a, b, c, state) }
    return negateResult ? result ^ signBit : result
  }

  /// maxNum and minNum of IEEE 754-2008, 5.3.1: a quiet NaN gives way to a number. By magnitude: equal magnitudes are
  /// decided by sign.
  static func extremum(
    _ a: UInt64, _ b: UInt64, _ state: UnsafeMutablePointer<FloatState>, larger: Bool, byMagnitude: Bool
  ) -> UInt64 {
    if isNaN(a) || isNaN(b) {
      if isSignalling(a) || isSignalling(b) {
        state.pointee.raised |= FCSR.invalid
        return propagate(a, b)
      }
      return isNaN(a) ? (isNaN(b) ? propagate(a, b) : b & valueMask) : a & valueMask
    }
    if byMagnitude && magnitude(a) != magnitude(b) {
      return ((magnitude(a) > magnitude(b)) == larger ? a : b) & valueMask
    }
    return ((rank(a) > rank(b)) == larger ? a : b) & valueMask
  }

  /// Orders numbers as their values, −0 below +0.
  @inline(__always)
  private static func rank(_ a: UInt64) -> Int64 {
    let size = Int64(bitPattern: magnitude(a))
    return isNegative(a) ? ~size : size
  }

  /// The low bits as a signed integer.
  @inline(__always)
  static func asSigned(_ a: UInt64) -> Int64 { Int64(bitPattern: a << (64 - width)) >> (64 - Int64(width)) }

  /// fclass: a mask with one bit set (Reference Manual Vol. 1, 3.2.1.12): signalling and quiet NaN, then negative
  /// infinity, normal, denormal, zero, then the positive ones.
  static func classMask(_ a: UInt64) -> UInt64 {
    if isNaN(a) { return isSignalling(a) ? 1 : 2 }
    let kind: UInt64 = isInfinite(a) ? 0 : isZero(a) ? 3 : exponentField(a) == 0 ? 2 : 1
    return 1 << (kind + (isNegative(a) ? 2 : 6))
  }
}
