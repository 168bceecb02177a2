/// Executes one LSX instruction that works on registers only: the encodings from 0x70000000 to 0x73ffffff and the
/// four-operand ones (0x09…, 0x0c…, 0x0d…). LoongArch Reference Manual Vol. 2.
///
/// The caller has checked that LSX is enabled, and does the loads, stores and branches itself. Floating point is
/// passed on to `executeVectorFloat`. Condition flags are written as 0 or 1. Words that are no instruction change
/// nothing and give `unimplemented`.
func executeVector(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  switch word &>> 24 {
  case 0x70, 0x71: executeVectorThreeRegister(word, r)
  case 0x72, 0x73: executeVectorTwoRegister(word, r)
  case 0x09, 0x0c: executeVectorFloat(word, r)
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
