import CSystem

/// Executes one LSX instruction that works on registers only: the encodings from 0x70000000 to 0x73ffffff and the
/// four-operand ones (0x09…, 0x0c…, 0x0d…). LoongArch Reference Manual Vol. 2.
///
/// The caller has checked that LSX is enabled, and does the loads, stores and branches itself. Floating point is
/// passed on to `executeVectorFloat`. Condition flags are written as 0 or 1. Words that are no instruction change
/// nothing and give `unimplemented`.
func executeVector(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  if isFloatingPoint(word) { return executeVectorFloat(word, r) }
  // The host's sticky flags are the guest's meanwhile, and a compiler may use the FPU for integers: without AVX2 it
  // shifts 32-bit lanes to the left through a conversion from float, which raises V for a shift by 31.
  let flags = atoll_float_keep()
  let outcome = executeVectorInteger(word, r)
  atoll_float_put_back(flags)
  return outcome
}

/// Whether the word lies in one of the ranges that `executeVectorFloat` knows; the integer ones lie between them.
@inline(__always)
private func isFloatingPoint(_ word: UInt32) -> Bool {
  switch word &>> 24 {
  case 0x09, 0x0c: true
  case 0x71: 0x7130...0x714b ~= word &>> 16
  case 0x72: 0x729cc...0x729ed ~= word &>> 12
  default: false
  }
}

// Not inlined: nothing of it may move behind the flags' return.
@inline(never)
private func executeVectorInteger(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  switch word &>> 24 {
  case 0x70, 0x71: executeVectorThreeRegister(word, r)
  case 0x72, 0x73: executeVectorTwoRegister(word, r)
  case 0x0d: executeVectorFourRegister(word, r)
  default: .unimplemented
  }
}

private func executeVectorTwoRegister(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  switch word {
  case ..<0x729c_0000: executeVectorFiveBitImmediate(word, r)
  case ..<0x72a0_0000: executeVectorOneOperand(word, r)
  case 0x72e8_0000..<0x72f8_0000: executeVectorElement(word, r)
  case ..<0x7370_0000: executeVectorShiftImmediate(word, r)
  default: executeVectorEightBitImmediate(word, r)
  }
}

/// vd, vj, vk, va.
private func executeVectorFourRegister(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let a = r.vector((word &>> 5) & 31)
  let b = r.vector((word &>> 10) & 31)
  let c = r.vector((word &>> 15) & 31)
  switch word &>> 20 {
  case 0x0d1: return r.finish(word, (b & c) | (a & ~c))  // vbitsel.v
  case 0x0d5: return r.finish(word, shuffleLanes(0, numbers: c, upper: a, lower: b))  // vshuf.b
  default: return .unimplemented
  }
}
