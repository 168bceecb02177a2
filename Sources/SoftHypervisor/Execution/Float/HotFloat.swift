import CSystem

// Arithmetic that the CPU loop puts in line: one host operation, three or four stores for the pending record, and a
// look for a NaN. For an FPU that cannot trap: where `FloatState.mayTrap`, use `executeFloat`.
//
// These work on float registers d, j, k, a (0–31) of `vr` and load them as numbers, not as bit patterns: a value that
// went through a general register on its way to the FPU would cost a loop its latency, twice per operation.

@inline(__always)
private func load<Number>(_ vr: UnsafeMutablePointer<UInt64>, _ register: Int, as type: Number.Type) -> Number {
  UnsafeRawPointer(vr + (register &* 2)).loadUnaligned(as: type)
}

@inline(__always)
private func keep<Number: BitwiseCopyable>(
  _ number: Number, _ offset: Int, _ state: UnsafeMutablePointer<FloatState>
) {
  UnsafeMutableRawPointer(state).storeBytes(of: number, toByteOffset: offset, as: Number.self)
}

/// An operation of two doubles. A NaN is found by comparing, which takes one instruction and raises nothing, as
/// results are quiet.
@inline(__always)
private func binaryD(
  _ opcode: UInt32, _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int,
  _ state: UnsafeMutablePointer<FloatState>, _ operation: (Double, Double) -> Double
) {
  let a = load(vr, j, as: Double.self)
  let b = load(vr, k, as: Double.self)
  state.pointee.pending = opcode
  keep(a, 0, state)
  keep(b, 16, state)
  let result = operation(a, b)
  if result == result {
    UnsafeMutableRawPointer(vr + (d &* 2)).storeBytes(of: result, as: Double.self)
  } else {
    vr[d &* 2] = DoublePrecision.propagate(state.pointee.a, state.pointee.b)
  }
}

/// An operation of two singles; the record keeps their bits as zero-extended words.
@inline(__always)
private func binaryS(
  _ opcode: UInt32, _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int,
  _ state: UnsafeMutablePointer<FloatState>, _ operation: (Float, Float) -> Float
) {
  let a = load(vr, j, as: Float.self)
  let b = load(vr, k, as: Float.self)
  state.pointee.pending = opcode
  keep(a, 0, state)
  keep(b, 16, state)
  let result = operation(a, b)
  vr[d &* 2] = boxed(
    result == result
      ? SinglePrecision.bits(result) : SinglePrecision.propagate(state.pointee.a, state.pointee.b))
}

/// fadd.d
@inline(__always)
func hotAddD(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryD(0x0101_0000, vr, d, j, k, state) { atoll_add_d($0, $1) } }

/// fsub.d
@inline(__always)
func hotSubtractD(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryD(0x0103_0000, vr, d, j, k, state) { atoll_subtract_d($0, $1) } }

/// fmul.d
@inline(__always)
func hotMultiplyD(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryD(0x0105_0000, vr, d, j, k, state) { atoll_multiply_d($0, $1) } }

/// fdiv.d
@inline(__always)
func hotDivideD(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryD(0x0107_0000, vr, d, j, k, state) { atoll_divide_d($0, $1) } }

/// fadd.s
@inline(__always)
func hotAddS(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryS(0x0100_8000, vr, d, j, k, state) { atoll_add_s($0, $1) } }

/// fsub.s
@inline(__always)
func hotSubtractS(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryS(0x0102_8000, vr, d, j, k, state) { atoll_subtract_s($0, $1) } }

/// fmul.s
@inline(__always)
func hotMultiplyS(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryS(0x0104_8000, vr, d, j, k, state) { atoll_multiply_s($0, $1) } }

/// fdiv.s
@inline(__always)
func hotDivideS(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ state: UnsafeMutablePointer<FloatState>
) { binaryS(0x0106_8000, vr, d, j, k, state) { atoll_divide_s($0, $1) } }

/// fmadd.d, fmsub.d (`negateAddend`), fnmadd.d (`negateResult`), fnmsub.d (both); the two should be constants.
@inline(__always)
func hotFusedD(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ a: Int,
  negateAddend: Bool, negateResult: Bool, _ state: UnsafeMutablePointer<FloatState>
) {
  let first = load(vr, j, as: Double.self)
  let second = load(vr, k, as: Double.self)
  let addend = load(vr, a, as: Double.self)
  state.pointee.pending = 0x0820_0000 | (negateAddend ? 0x0040_0000 : 0) | (negateResult ? 0x0080_0000 : 0)
  keep(first, 0, state)
  keep(second, 16, state)
  keep(addend, 32, state)
  let third = negateAddend ? -addend : addend
  let result =
    state.pointee.hasFMA ? atoll_fma_d(first, second, third) : atoll_fma_call_d(first, second, third)
  if result == result {
    UnsafeMutableRawPointer(vr + (d &* 2)).storeBytes(of: negateResult ? -result : result, as: Double.self)
  } else {
    vr[d &* 2] = DoublePrecision.propagate(state.pointee.a, state.pointee.b, state.pointee.c, state)
  }
}

/// fmadd.s, fmsub.s, fnmadd.s, fnmsub.s, likewise.
@inline(__always)
func hotFusedS(
  _ vr: UnsafeMutablePointer<UInt64>, _ d: Int, _ j: Int, _ k: Int, _ a: Int,
  negateAddend: Bool, negateResult: Bool, _ state: UnsafeMutablePointer<FloatState>
) {
  let (first, second, addend) = (vr[j &* 2], vr[k &* 2], vr[a &* 2])
  state.pointee.pending = 0x0810_0000 | (negateAddend ? 0x0040_0000 : 0) | (negateResult ? 0x0080_0000 : 0)
  (state.pointee.a, state.pointee.b, state.pointee.c) = (first, second, addend)
  vr[d &* 2] = boxed(
    SinglePrecision.fusedMultiplyAdd(
      first, second, addend, negateAddend: negateAddend, negateResult: negateResult, state))
}

/// fcmp.cond.d: 0 or 1, for fcc. `condition` is bits 19:15 of the word, one of the 22 (`FloatCondition(code:)` tells).
@inline(__always)
func hotCompareD(
  _ vr: UnsafeMutablePointer<UInt64>, _ j: Int, _ k: Int, condition: UInt32,
  _ state: UnsafeMutablePointer<FloatState>
) -> UInt8 {
  let a = load(vr, j, as: Double.self)
  let b = load(vr, k, as: Double.self)
  state.pointee.pending = 0x0c20_0000 | condition << 15
  keep(a, 0, state)
  keep(b, 16, state)
  let wanted = FloatCondition(known: condition)
  return wanted.holds(wanted.quiet ? atoll_compare_quiet_d(a, b) : atoll_compare_d(a, b)) ? 1 : 0
}

/// fcmp.cond.s, likewise.
@inline(__always)
func hotCompareS(
  _ vr: UnsafeMutablePointer<UInt64>, _ j: Int, _ k: Int, condition: UInt32,
  _ state: UnsafeMutablePointer<FloatState>
) -> UInt8 {
  let a = load(vr, j, as: Float.self)
  let b = load(vr, k, as: Float.self)
  state.pointee.pending = 0x0c10_0000 | condition << 15
  keep(a, 0, state)
  keep(b, 16, state)
  let wanted = FloatCondition(known: condition)
  return wanted.holds(wanted.quiet ? atoll_compare_quiet_s(a, b) : atoll_compare_s(a, b)) ? 1 : 0
}
