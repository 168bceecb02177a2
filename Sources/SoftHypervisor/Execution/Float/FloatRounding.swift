/// How one instruction rounds: as RM says, or as its opcode does.
enum Rounding: UInt8 {
  case nearestEven = 0
  case towardsZero = 1
  case up = 2
  case down = 3
  /// As FCSR0's RM says.
  case current = 4

  /// Whether a magnitude with integer part parity `odd` and a discarded part grows by one.
  /// `half` compares the discarded part with one half: negative below, zero equal. The discarded part is not zero.
  @inline(__always)
  func grows(odd: Bool, negative: Bool, half: Int) -> Bool {
    switch self {
    case .towardsZero: false
    case .up: !negative
    case .down: negative
    case .nearestEven, .current: half > 0 || half == 0 && odd
    }
  }

  /// This mode, with `.current` looked up.
  @inline(__always)
  func resolved(_ state: UnsafeMutablePointer<FloatState>) -> Rounding {
    guard self == .current else { return self }
    return Rounding(rawValue: UInt8(truncatingIfNeeded: state.pointee.roundingMode)) ?? .nearestEven
  }
}

/// A magnitude split at the binary point.
private struct Split {
  var whole: UInt64
  /// Whether anything was right of the point.
  var inexact: Bool
  /// The part right of it against one half: −1, 0, 1.
  var half: Int

  /// `significand` × 2^−`places`.
  init(_ significand: UInt64, places: Int) {
    guard places < 64 else {
      (whole, inexact, half) = (0, significand != 0, -1)
      return
    }
    whole = significand >> UInt64(places)
    let rest = significand & (1 << UInt64(places) - 1)
    let middle: UInt64 = 1 << UInt64(places - 1)
    inexact = rest != 0
    half = rest == middle ? 0 : rest > middle ? 1 : -1
  }
}

// Conversions in integer arithmetic: the modes that opcodes name would need a write of the host's control word each,
// and hosts differ in what an unrepresentable value gives.
extension FloatFormat {
  /// frint: rounds to an integral value. I if the value changes; V and a quiet NaN for a signalling one.
  static func roundedToIntegral(
    _ a: UInt64, _ rounding: Rounding, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    if isNaN(a) { return quieted(a, raisingInto: state) }
    let places = bias + Int(fractionBits) - Int(exponentField(a))
    guard places > 0, !isZero(a) else { return a & valueMask }
    if places > Int(fractionBits) { return fractionRounded(a, rounding, state) }
    let unit: UInt64 = 1 << UInt64(places)
    let split = Split(a & fractionMask, places: places)
    guard split.inexact else { return a & valueMask }
    state.pointee.raised |= FCSR.inexact
    let kept = a & valueMask & ~(unit - 1)
    // At places = fractionBits the units bit is the exponent's lowest, which is 1 there, as the bias is odd.
    let grows = rounding.resolved(state).grows(odd: kept & unit != 0, negative: isNegative(a), half: split.half)
    return grows ? kept &+ unit : kept
  }

  /// frint of a value below one in magnitude and not zero: zero or one, with its sign.
  private static func fractionRounded(
    _ a: UInt64, _ rounding: Rounding, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    state.pointee.raised |= FCSR.inexact
    let halfOfOne = one - (1 << fractionBits)
    let half = magnitude(a) == halfOfOne ? 0 : magnitude(a) > halfOfOne ? 1 : -1
    let grows = rounding.resolved(state).grows(odd: false, negative: isNegative(a), half: half)
    return a & signBit | (grows ? one : 0)
  }

  /// ftint: to an integer of `bits` bits, saturating. NaN gives 0. V, and nothing else, for what does not fit; else I
  /// if the value changes. The result is sign- or zero-extended.
  static func toInteger(
    _ a: UInt64, _ rounding: Rounding, bits: UInt64, signed: Bool, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    guard !isNaN(a) else {
      state.pointee.raised |= FCSR.invalid
      return 0
    }
    let negative = isNegative(a)
    let limit: UInt64 = signed ? (1 << (bits - 1)) - (negative ? 0 : 1) : negative ? 0 : UInt64.max >> (64 - bits)
    guard let split = splitAtPoint(a) else { return saturated(limit, negative, state) }
    let grows =
      split.inexact
      && rounding.resolved(state).grows(odd: split.whole & 1 != 0, negative: negative, half: split.half)
    let whole = split.whole + (grows ? 1 : 0)
    guard whole <= limit else { return saturated(limit, negative, state) }
    if split.inexact { state.pointee.raised |= FCSR.inexact }
    return negative ? 0 &- whole : whole
  }

  private static func saturated(
    _ limit: UInt64, _ negative: Bool, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    state.pointee.raised |= FCSR.invalid
    return negative ? 0 &- limit : limit
  }

  /// Nil if the magnitude is 2^64 or more; infinities are.
  private static func splitAtPoint(_ a: UInt64) -> Split? {
    let field = exponentField(a)
    guard field != maximumExponent else { return nil }
    let significand = a & fractionMask | (field == 0 ? 0 : 1 << fractionBits)
    let places = bias + Int(fractionBits) - Int(max(field, 1))
    if places > 0 { return Split(significand, places: places) }
    guard -places <= significand.leadingZeroBitCount else { return nil }
    var split = Split(0, places: 64)
    split.whole = significand << UInt64(-places)
    return split
  }

  /// fscaleb: a × 2^n, rounded once.
  static func scaled(_ a: UInt64, by n: Int64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    if isNaN(a) { return quieted(a, raisingInto: state) }
    if isZero(a) || isInfinite(a) { return a & valueMask }
    let (fraction, exponent) = normalised(a)
    // Beyond ±5000 the result is the same for every n.
    let target = Int(min(max(n, -5000), 5000)) + exponent
    let sign = a & signBit
    if target > bias { return multiply(sign | power(bias) | fraction, power(bias)) }
    if target > -bias { return sign | power(target) | fraction }
    // From a normal value to its place among the denormals in one multiplication.
    let start = 3 - bias / 2
    return multiply(sign | power(start) | fraction, power(max(target - start, 1 - bias)))
  }

  /// flogb: the exponent as a number. Z for zero, V for a negative number.
  static func exponentOf(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    if isNaN(a) { return quieted(a, raisingInto: state) }
    if isZero(a) {
      state.pointee.raised |= FCSR.divisionByZero
      return signBit | infinity
    }
    if isNegative(a) {
      state.pointee.raised |= FCSR.invalid
      return defaultNaN
    }
    return isInfinite(a) ? infinity : fromInteger(normalised(a).exponent)
  }

  /// Trailing significand and exponent of a finite value other than zero, as if denormals had a leading one too.
  private static func normalised(_ a: UInt64) -> (fraction: UInt64, exponent: Int) {
    let field = Int(exponentField(a))
    if field != 0 { return (a & fractionMask, field - bias) }
    let shift = magnitude(a).leadingZeroBitCount - (63 - Int(fractionBits))
    return ((magnitude(a) << UInt64(shift)) & fractionMask, 1 - bias - shift)
  }

  /// 2^exponent, for the exponents of normal values.
  @inline(__always)
  private static func power(_ exponent: Int) -> UInt64 { UInt64(exponent + bias) << fractionBits }
}
