/// binary16, which hosts need not have: conversions in integer arithmetic.
enum HalfPrecision {
  private static var infinity: UInt64 { 0x7c00 }

  /// binary16 to binary32, exactly; a signalling NaN is made quiet and raises V.
  static func widened(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    let sign = (a & 0x8000) << 16
    let fraction = a & 0x3ff
    switch a >> 10 & 0x1f {
    case 0x1f where fraction == 0: return sign | SinglePrecision.infinity
    case 0x1f:
      if fraction & 0x200 == 0 { state.pointee.raised |= FCSR.invalid }
      return sign | SinglePrecision.defaultNaN | fraction << 13
    case 0 where fraction == 0: return sign
    case 0:
      let shift = UInt64(fraction.leadingZeroBitCount - 53)
      return sign | (113 - shift) << 23 | (fraction << shift & 0x3ff) << 13
    case let exponent: return sign | (exponent + 112) << 23 | fraction << 13
    }
  }

  /// binary32 to binary16, rounded as RM says. Tiny is judged after rounding, as for the other formats.
  static func narrowed(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    let sign = a >> 16 & 0x8000
    let fraction = a & SinglePrecision.fractionMask
    let field = Int(SinglePrecision.exponentField(a))
    if SinglePrecision.isNaN(a) {
      if SinglePrecision.isSignalling(a) { state.pointee.raised |= FCSR.invalid }
      return sign | infinity | 0x200 | fraction >> 13
    }
    if field == 0xff { return sign | infinity }
    // Single-precision denormals lie far below the smallest half: one sticky bit is enough of them.
    if field == 0 { return fraction == 0 ? sign : rounded(sign, significand: 1, places: 30, state) }
    let significand = fraction | 0x80_0000
    if field >= 113 { return roundedNormal(sign, UInt64(field - 112) << 23 | fraction, state) }
    return roundedDenormal(sign, significand, places: min(13 + 113 - field, 40), state)
  }

  /// `value` holds exponent and fraction, 13 places right of where they belong.
  private static func roundedNormal(
    _ sign: UInt64, _ value: UInt64, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    let result = value >> 13 + (grows(value, places: 13, sign, state) ? 1 : 0)
    if result < infinity {
      if value & 0x1fff != 0 { state.pointee.raised |= FCSR.inexact }
      return sign | result
    }
    state.pointee.raised |= FCSR.overflow | FCSR.inexact
    let toInfinity = Rounding.current.resolved(state).grows(odd: true, negative: sign != 0, half: 0)
    return sign | (toInfinity ? infinity : infinity - 1)
  }

  /// Tiny unless rounding with an exponent range without limit would give the smallest normal value.
  private static func roundedDenormal(
    _ sign: UInt64, _ significand: UInt64, places: Int, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    let unlimited = significand >> 13 + (grows(significand, places: 13, sign, state) ? 1 : 0)
    let tiny = places > 14 || unlimited < 0x800
    return rounded(sign, significand: significand, places: places, tiny: tiny, state)
  }

  private static func rounded(
    _ sign: UInt64, significand: UInt64, places: Int, tiny: Bool = true, _ state: UnsafeMutablePointer<FloatState>
  ) -> UInt64 {
    let result = significand >> UInt64(places) + (grows(significand, places: places, sign, state) ? 1 : 0)
    if significand & (1 << UInt64(places) - 1) != 0 {
      state.pointee.raised |= tiny ? FCSR.inexact | FCSR.underflow : FCSR.inexact
    }
    return sign | result
  }

  /// Whether `value` without its low `places` bits grows by one.
  private static func grows(
    _ value: UInt64, places: Int, _ sign: UInt64, _ state: UnsafeMutablePointer<FloatState>
  ) -> Bool {
    let rest = value & (1 << UInt64(places) - 1)
    let middle: UInt64 = 1 << UInt64(places - 1)
    guard rest != 0 else { return false }
    let half = rest == middle ? 0 : rest > middle ? 1 : -1
    let odd = value >> UInt64(places) & 1 != 0
    return Rounding.current.resolved(state).grows(odd: odd, negative: sign != 0, half: half)
  }
}
