/// LoongArch's NaN rules (Reference Manual Vol. 1, 3.1.1.3): a signalling operand goes before a quiet one, then the
/// operands in their order, for fused operations the addend first. The chosen one is made quiet and keeps sign and
/// payload. An invalid operation without a NaN operand gives the default NaN.
///
/// None of these are inlined: a NaN is rare, and its path must not weigh on the others.
extension FloatFormat {
  /// The result of an operation of one operand that gave a NaN.
  @inline(never)
  static func propagate(_ a: UInt64) -> UInt64 { isNaN(a) ? quieted(a) : defaultNaN }

  /// The same for two operands.
  @inline(never)
  static func propagate(_ a: UInt64, _ b: UInt64) -> UInt64 {
    if isSignalling(a) { return quieted(a) }
    if isSignalling(b) { return quieted(b) }
    return isNaN(a) ? quieted(a) : propagate(b)
  }

  /// The same for a × b + c. Infinity times zero is invalid even where the addend is a quiet NaN, which hosts are
  /// free not to report (IEEE 754, 7.2 c).
  @inline(never)
  static func propagate(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    if isInfinite(a) && isZero(b) || isZero(a) && isInfinite(b) { state.pointee.raised |= FCSR.invalid }
    if isSignalling(c) { return quieted(c) }
    if isSignalling(a) { return quieted(a) }
    if isSignalling(b) { return quieted(b) }
    return isNaN(c) ? quieted(c) : propagate(a, b)
  }

  /// Makes a NaN quiet, and raises V if it was not.
  static func quieted(_ a: UInt64, raisingInto state: UnsafeMutablePointer<FloatState>) -> UInt64 {
    if isSignalling(a) { state.pointee.raised |= FCSR.invalid }
    return quieted(a)
  }

  @inline(__always)
  private static func quieted(_ a: UInt64) -> UInt64 { (a & valueMask) | quietBit }
}
