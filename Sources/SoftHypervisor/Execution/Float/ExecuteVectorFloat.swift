/// Carries out an LSX floating-point instruction on registers. The words that it knows (leading bits; all others, and
/// vfrecipe and vfrsqrte, as CPUCFG2.FRECIPE is 0, come back as `.unimplemented` after two comparisons):
///
/// * 0x091–0x09e, bits 31:20: vf[n]madd, vf[n]msub .s and .d
/// * 0x0c5, 0x0c6, bits 31:20: vfcmp.cond.s and .d
/// * 0x7130–0x714b, bits 31:16: vfadd … vfmina, vfcvt.h.s, vfcvt.s.d, vffint.s.l, vftint*.w.d. Integer words lie
///   between them: send here only what integer LSX does not know.
/// * 0x729c–0x729e, bits 31:16: vflogb … vfrintrne, vfcvt[lh].*, vffint*, vftint*. Integer words (vclo … vfrstpi,
///   vexth) share this range too.
///
/// An enabled exception in any lane leaves the destination as it was; Cause is the union over the lanes.
/// The thread must be inside `enterFloat`.
func executeVectorFloat(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let state = r.float
  if !state.pointee.mayTrap, executePacked(word, r) { return .done }
  guard let instruction = VectorFloatInstruction(word) else { return classify(word, r) }
  let operands = VectorOperands(
    a: lanes(fieldJ(word), r), b: lanes(fieldK(word), r), c: lanes(fieldA(word), r))
  let result: Lanes
  if state.pointee.mayTrap {
    settle(state)
    result = instruction.evaluate(operands, state)
    if concludeExactly(state) { return .vectorFloatingPointException }
  } else {
    record(word, operands, state)
    result = instruction.evaluate(operands, state)
  }
  store(result, fieldD(word), r)
  return .done
}

@inline(__always)
private func lanes(_ index: Int, _ r: RegisterFile) -> Lanes {
  Lanes(low: r.vr[2 * index], high: r.vr[2 * index + 1])
}

@inline(__always)
private func store(_ lanes: Lanes, _ index: Int, _ r: RegisterFile) {
  r.vr[2 * index] = lanes.low
  r.vr[2 * index + 1] = lanes.high
}

private func record(_ word: UInt32, _ operands: VectorOperands, _ state: UnsafeMutablePointer<FloatState>) {
  state.pointee.pending = word
  (state.pointee.a, state.pointee.aHigh) = (operands.a.low, operands.a.high)
  (state.pointee.b, state.pointee.bHigh) = (operands.b.low, operands.b.high)
  (state.pointee.c, state.pointee.cHigh) = (operands.c.low, operands.c.high)
}

/// vfclass, which leaves FCSR alone.
private func classify(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let source = lanes(fieldJ(word), r)
  var result = Lanes.zero
  switch word >> 10 {
  case 0x1ca735:
    for lane in 0..<4 { result[lane, width: 32] = SinglePrecision.classMask(source[lane, width: 32]) }
  case 0x1ca736:
    result = Lanes(low: DoublePrecision.classMask(source.low), high: DoublePrecision.classMask(source.high))
  default: return .unimplemented
  }
  store(result, fieldD(word), r)
  return .done
}
