import CSystem

// Conversions and the square root for the CPU loop: bit pattern of fj in, bit pattern for fd out. As in HotFloat.swift,
// each records itself under its opcode and is for an FPU that cannot trap.

@inline(__always)
private func record(_ opcode: UInt32, _ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) {
  state.pointee.pending = opcode
  state.pointee.a = a
}

/// fsqrt.d
@inline(__always)
func hotRootD(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x0114_4800, a, state)
  return DoublePrecision.checked(DoublePrecision.root(a), a)
}

/// ffint.d.l
@inline(__always)
func hotDoubleFromLong(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x011d_2800, a, state)
  return DoublePrecision.fromInteger(Int(bitPattern: UInt(a)))
}

/// ffint.d.w: exact, whatever the operand.
@inline(__always)
func hotDoubleFromWord(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x011d_2000, a, state)
  return DoublePrecision.fromInteger(Int(Int32(truncatingIfNeeded: a)))
}

/// ftintrz.l.d
@inline(__always)
func hotLongFromDouble(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x011a_a800, a, state)
  let result = atoll_l_from_d(Double(bitPattern: a))
  if result == Int.min { return unrepresentable(a, bits: 64, state) }
  return UInt64(UInt(bitPattern: result))
}

/// ftintrz.w.d
@inline(__always)
func hotWordFromDouble(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x011a_8800, a, state)
  let result = atoll_w_from_d(Double(bitPattern: a))
  if result == Int32.min { return unrepresentable(a, bits: 32, state) }
  return UInt64(bitPattern: Int64(result))
}

/// The most negative integer is also what hosts give for what does not fit: saturates it, or makes it 0 for a NaN.
@inline(never)
private func unrepresentable(_ a: UInt64, bits: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  DoublePrecision.toInteger(a, .towardsZero, bits: bits, signed: true, state)
}

/// fcvt.d.s
@inline(__always)
func hotDoubleFromSingle(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x0119_2400, a, state)
  return widened(a)
}

/// fcvt.s.d
@inline(__always)
func hotSingleFromDouble(_ a: UInt64, _ state: UnsafeMutablePointer<FloatState>) -> UInt64 {
  record(0x0119_1800, a, state)
  return boxed(narrowed(a))
}
