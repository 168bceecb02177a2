import CSystem

/// A binary interchange format (IEEE 754, 3.4) that the FPU computes in. Values are bit patterns in the low bits of a
/// word; bits above the format are ignored on input and zero on output. NaN results of the host operations follow the
/// host's rules: `LaneOperation` puts LoongArch's in their place.
protocol FloatFormat {
  /// Bits of the trailing significand.
  static var fractionBits: UInt64 { get }
  /// Bits of the whole.
  static var width: UInt64 { get }
  static func add(_ a: UInt64, _ b: UInt64) -> UInt64
  static func subtract(_ a: UInt64, _ b: UInt64) -> UInt64
  static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64
  static func divide(_ a: UInt64, _ b: UInt64) -> UInt64
  static func root(_ a: UInt64) -> UInt64
  /// a × b + c rounded once; `hardware` says that the host can do it in one instruction.
  static func fused(_ a: UInt64, _ b: UInt64, _ c: UInt64, hardware: Bool) -> UInt64
  /// One of ATOLL_FLOAT_GREATER … UNORDERED. Quiet: a quiet NaN does not raise V.
  static func compare(_ a: UInt64, _ b: UInt64, quiet: Bool) -> Int32
  static func fromInteger(_ a: Int) -> UInt64
}

extension FloatFormat {
  @inline(__always) static var signBit: UInt64 { 1 << (width - 1) }
  @inline(__always) static var fractionMask: UInt64 { 1 << fractionBits - 1 }
  @inline(__always) static var quietBit: UInt64 { 1 << (fractionBits - 1) }
  /// Every bit but the sign.
  @inline(__always) static var magnitudeMask: UInt64 { signBit - 1 }
  /// Positive infinity: the exponent field all ones.
  @inline(__always) static var infinity: UInt64 { magnitudeMask & ~fractionMask }
  @inline(__always) static var maximumExponent: UInt64 { infinity >> fractionBits }
  @inline(__always) static var bias: Int { Int(maximumExponent >> 1) }
  @inline(__always) static var one: UInt64 { UInt64(bias) << fractionBits }
  /// The NaN of an invalid operation: quiet and positive.
  @inline(__always) static var defaultNaN: UInt64 { infinity | quietBit }
  @inline(__always) static var valueMask: UInt64 { signBit | magnitudeMask }

  @inline(__always) static func magnitude(_ a: UInt64) -> UInt64 { a & magnitudeMask }
  @inline(__always) static func isNegative(_ a: UInt64) -> Bool { a & signBit != 0 }
  @inline(__always) static func isNaN(_ a: UInt64) -> Bool { magnitude(a) > infinity }
  @inline(__always) static func isZero(_ a: UInt64) -> Bool { magnitude(a) == 0 }
  @inline(__always) static func isInfinite(_ a: UInt64) -> Bool { magnitude(a) == infinity }
  @inline(__always) static func isSignalling(_ a: UInt64) -> Bool { isNaN(a) && a & quietBit == 0 }
  @inline(__always) static func exponentField(_ a: UInt64) -> UInt64 { magnitude(a) >> fractionBits }
}

/// binary32.
enum SinglePrecision: FloatFormat {
  @inline(__always) static var fractionBits: UInt64 { 23 }
  @inline(__always) static var width: UInt64 { 32 }

  @inline(__always) static func value(_ bits: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
  @inline(__always) static func bits(_ value: Float) -> UInt64 { UInt64(value.bitPattern) }

  @inline(__always) static func add(_ a: UInt64, _ b: UInt64) -> UInt64 { bits(atoll_add_s(value(a), value(b))) }
  @inline(__always) static func subtract(_ a: UInt64, _ b: UInt64) -> UInt64 {
    bits(atoll_subtract_s(value(a), value(b)))
  }
  @inline(__always) static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    bits(atoll_multiply_s(value(a), value(b)))
  }
  @inline(__always) static func divide(_ a: UInt64, _ b: UInt64) -> UInt64 { bits(atoll_divide_s(value(a), value(b))) }
  @inline(__always) static func root(_ a: UInt64) -> UInt64 { bits(atoll_root_s(value(a))) }
  @inline(__always)
  static func fused(_ a: UInt64, _ b: UInt64, _ c: UInt64, hardware: Bool) -> UInt64 {
    hardware
      ? bits(atoll_fma_s(value(a), value(b), value(c))) : bits(atoll_fma_call_s(value(a), value(b), value(c)))
  }
  @inline(__always)
  static func compare(_ a: UInt64, _ b: UInt64, quiet: Bool) -> Int32 {
    quiet ? atoll_compare_quiet_s(value(a), value(b)) : atoll_compare_s(value(a), value(b))
  }
  @inline(__always) static func fromInteger(_ a: Int) -> UInt64 { bits(atoll_s_from_l(a)) }
}

/// binary64.
enum DoublePrecision: FloatFormat {
  @inline(__always) static var fractionBits: UInt64 { 52 }
  @inline(__always) static var width: UInt64 { 64 }

  @inline(__always) static func value(_ bits: UInt64) -> Double { Double(bitPattern: bits) }
  @inline(__always) static func bits(_ value: Double) -> UInt64 { value.bitPattern }

  @inline(__always) static func add(_ a: UInt64, _ b: UInt64) -> UInt64 { bits(atoll_add_d(value(a), value(b))) }
  @inline(__always) static func subtract(_ a: UInt64, _ b: UInt64) -> UInt64 {
    bits(atoll_subtract_d(value(a), value(b)))
  }
  @inline(__always) static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    bits(atoll_multiply_d(value(a), value(b)))
  }
  @inline(__always) static func divide(_ a: UInt64, _ b: UInt64) -> UInt64 { bits(atoll_divide_d(value(a), value(b))) }
  @inline(__always) static func root(_ a: UInt64) -> UInt64 { bits(atoll_root_d(value(a))) }
  @inline(__always)
  static func fused(_ a: UInt64, _ b: UInt64, _ c: UInt64, hardware: Bool) -> UInt64 {
    hardware
      ? bits(atoll_fma_d(value(a), value(b), value(c))) : bits(atoll_fma_call_d(value(a), value(b), value(c)))
  }
  @inline(__always)
  static func compare(_ a: UInt64, _ b: UInt64, quiet: Bool) -> Int32 {
    quiet ? atoll_compare_quiet_d(value(a), value(b)) : atoll_compare_d(value(a), value(b))
  }
  @inline(__always) static func fromInteger(_ a: Int) -> UInt64 { bits(atoll_d_from_l(a)) }
}

/// Converts a binary32 to a binary64, exactly; a signalling NaN is made quiet and raises V.
@inline(__always)
func widened(_ a: UInt64) -> UInt64 { DoublePrecision.bits(atoll_d_from_s(SinglePrecision.value(a))) }

/// Rounds a binary64 to a binary32; a NaN keeps its sign and the upper bits of its payload.
@inline(__always)
func narrowed(_ a: UInt64) -> UInt64 { SinglePrecision.bits(atoll_s_from_d(DoublePrecision.value(a))) }
