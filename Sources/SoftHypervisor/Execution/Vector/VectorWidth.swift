// Instructions that change the lane width: the narrowing shifts (vsrln … vssrarni) and the extensions (vexth, vextl,
// vsllwil). LoongArch Reference Manual Vol. 2.

/// How a narrowing shift fits its result into half the width. `Narrow` is unsigned: it only says how wide.
protocol Narrowing {
  static func fit<Wide: Lane, Narrow: Lane>(_ wide: Wide, into narrow: Narrow.Type) -> Narrow
}

/// Drops the upper bits.
enum Truncating: Narrowing {
  @inline(__always)
  static func fit<Wide: Lane, Narrow: Lane>(_ wide: Wide, into narrow: Narrow.Type) -> Narrow {
    Narrow(truncatingIfNeeded: wide)
  }
}

/// Saturates to what a signed narrow lane can hold.
enum SaturatingSigned: Narrowing {
  @inline(__always)
  static func fit<Wide: Lane, Narrow: Lane>(_ wide: Wide, into narrow: Narrow.Type) -> Narrow {
    let high: Wide = ~(~0 &<< Wide(truncatingIfNeeded: Narrow.bitWidth &- 1))
    let low: Wide = Wide.isSigned ? ~high : 0
    return Narrow(truncatingIfNeeded: min(max(wide, low), high))
  }
}

/// Saturates to what an unsigned narrow lane can hold.
enum SaturatingUnsigned: Narrowing {
  @inline(__always)
  static func fit<Wide: Lane, Narrow: Lane>(_ wide: Wide, into narrow: Narrow.Type) -> Narrow {
    let high: Wide = ~(~0 &<< Wide(truncatingIfNeeded: Narrow.bitWidth))
    return Narrow(truncatingIfNeeded: min(max(wide, 0), high))
  }
}

/// Shifts every wide lane of `a` by the same lane of `b` and packs the results into 64 bits.
@inline(__always)
private func shiftAndPack<Shift: IntegerLaneOperation, Fit: Narrowing, Wide: Lane, Narrow: Lane>(
  _ shift: Shift.Type, _ fit: Fit.Type, _ wide: Wide.Type, _ narrow: Narrow.Type, _ a: Bits128, _ b: Bits128
) -> UInt64 {
  let a = Wide.lanes(a)
  let b = Wide.lanes(b)
  var result = Narrow.Vector()
  Wide.forEachIndex { index in
    result[index] = Fit.fit(Shift.apply(a[index], b[index], 0), into: Narrow.self)
  }
  return Narrow.bits(result).x
}

/// Narrowing logical shift; `size` 1–4 is that of the wide lanes.
@inline(never)
func narrowLogical<Shift: IntegerLaneOperation, Fit: Narrowing>(
  _ shift: Shift.Type, _ fit: Fit.Type, _ size: LaneSize, _ a: Bits128, _ b: Bits128
) -> UInt64 {
  switch size {
  case 1: shiftAndPack(shift, fit, UInt16.self, UInt8.self, a, b)
  case 2: shiftAndPack(shift, fit, UInt32.self, UInt16.self, a, b)
  case 3: shiftAndPack(shift, fit, UInt64.self, UInt32.self, a, b)
  default: shiftAndPack(shift, fit, UInt128.self, UInt64.self, a, b)
  }
}

/// Narrowing arithmetic shift; `size` 1–4 is that of the wide lanes.
@inline(never)
func narrowArithmetic<Shift: IntegerLaneOperation, Fit: Narrowing>(
  _ shift: Shift.Type, _ fit: Fit.Type, _ size: LaneSize, _ a: Bits128, _ b: Bits128
) -> UInt64 {
  switch size {
  case 1: shiftAndPack(shift, fit, Int16.self, UInt8.self, a, b)
  case 2: shiftAndPack(shift, fit, Int32.self, UInt16.self, a, b)
  case 3: shiftAndPack(shift, fit, Int64.self, UInt32.self, a, b)
  default: shiftAndPack(shift, fit, Int128.self, UInt64.self, a, b)
  }
}

/// The lanes in 64 bits, extended to twice their width and shifted left.
@inline(__always)
private func extend<Narrow: Lane, Wide: Lane>(
  _ narrow: Narrow.Type, _ wide: Wide.Type, _ half: UInt64, _ shift: UInt64
) -> Bits128 {
  let source = Narrow.lanes(Bits128(half, 0))
  let amount = Wide(truncatingIfNeeded: shift)
  var result = Wide.Vector()
  Wide.forEachIndex { index in
    result[index] = Wide(truncatingIfNeeded: source[index]) &<< amount
  }
  return Wide.bits(result)
}

/// Sign-extends the lanes of `size` 0–3 in `half`, then shifts them left.
func extendSigned(_ size: LaneSize, _ half: UInt64, shift: UInt64 = 0) -> Bits128 {
  switch size {
  case 0: extend(Int8.self, Int16.self, half, shift)
  case 1: extend(Int16.self, Int32.self, half, shift)
  case 2: extend(Int32.self, Int64.self, half, shift)
  default: extend(Int64.self, Int128.self, half, shift)
  }
}

/// Zero-extends the lanes of `size` 0–3 in `half`, then shifts them left.
func extendUnsigned(_ size: LaneSize, _ half: UInt64, shift: UInt64 = 0) -> Bits128 {
  switch size {
  case 0: extend(UInt8.self, UInt16.self, half, shift)
  case 1: extend(UInt16.self, UInt32.self, half, shift)
  case 2: extend(UInt32.self, UInt64.self, half, shift)
  default: extend(UInt64.self, UInt128.self, half, shift)
  }
}
