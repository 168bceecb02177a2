/// vd, vj, vk (vreplve: rk). The upper half of the word names the instruction, bits 16:15 the lane size.
func executeVectorThreeRegister(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 15) & 3
  let a = r.vector((word &>> 5) & 31)
  let b = r.vector((word &>> 10) & 31)
  let result: Bits128
  switch (word &>> 16) & 0xfffe {
  case 0x7000: result = unsignedLanes(Equal.self, size, a, b)
  case 0x7002: result = signedLanes(LessOrEqual.self, size, a, b)
  case 0x7004: result = unsignedLanes(LessOrEqual.self, size, a, b)
  case 0x7006: result = signedLanes(Less.self, size, a, b)
  case 0x7008: result = unsignedLanes(Less.self, size, a, b)
  case 0x700a: result = unsignedLanes(Add.self, size, a, b)
  case 0x700c: result = unsignedLanes(Subtract.self, size, a, b)
  case 0x701e...0x7041, 0x7054...0x705b, 0x7090...0x70a3, 0x70ac...0x70bf:
    return executeVectorWidening(word, r)
  case 0x7046: result = signedLanes(SaturatingAdd.self, size, a, b)
  case 0x7048: result = signedLanes(SaturatingSubtract.self, size, a, b)
  case 0x704a: result = unsignedLanes(SaturatingAdd.self, size, a, b)
  case 0x704c: result = unsignedLanes(SaturatingSubtract.self, size, a, b)
  case 0x705c: result = signedLanes(AddMagnitudes.self, size, a, b)
  case 0x7060: result = signedLanes(AbsoluteDifference.self, size, a, b)
  case 0x7062: result = unsignedLanes(AbsoluteDifference.self, size, a, b)
  case 0x7064: result = signedLanes(Average.self, size, a, b)
  case 0x7066: result = unsignedLanes(Average.self, size, a, b)
  case 0x7068: result = signedLanes(RoundedAverage.self, size, a, b)
  case 0x706a: result = unsignedLanes(RoundedAverage.self, size, a, b)
  case 0x7070: result = signedLanes(Maximum.self, size, a, b)
  case 0x7072: result = signedLanes(Minimum.self, size, a, b)
  case 0x7074: result = unsignedLanes(Maximum.self, size, a, b)
  case 0x7076: result = unsignedLanes(Minimum.self, size, a, b)
  case 0x7084: result = unsignedLanes(Multiply.self, size, a, b)
  case 0x7086: result = signedLanes(MultiplyHigh.self, size, a, b)
  case 0x7088: result = unsignedLanes(MultiplyHigh.self, size, a, b)
  case 0x70a8: result = unsignedLanes(MultiplyAdd.self, size, a, b, onto: r.vector(word & 31))
  case 0x70aa: result = unsignedLanes(MultiplySubtract.self, size, a, b, onto: r.vector(word & 31))
  case 0x70e0: result = signedLanes(Divide.self, size, a, b)
  case 0x70e2: result = signedLanes(Remainder.self, size, a, b)
  case 0x70e4: result = unsignedLanes(Divide.self, size, a, b)
  case 0x70e6: result = unsignedLanes(Remainder.self, size, a, b)
  case 0x70e8: result = unsignedLanes(ShiftLeft.self, size, a, b)
  case 0x70ea: result = unsignedLanes(ShiftRight.self, size, a, b)
  case 0x70ec: result = signedLanes(ShiftRight.self, size, a, b)
  case 0x70ee: result = unsignedLanes(Rotate.self, size, a, b)
  case 0x70f0: result = unsignedLanes(RoundedShiftRight.self, size, a, b)
  case 0x70f2: result = signedLanes(RoundedShiftRight.self, size, a, b)
  case 0x70f4...0x710b: return executeVectorNarrowing(word, r)
  case 0x710c: result = unsignedLanes(ClearBit.self, size, a, b)
  case 0x710e: result = unsignedLanes(SetBit.self, size, a, b)
  case 0x7110: result = unsignedLanes(InvertBit.self, size, a, b)
  case 0x7116: result = permuteLanes(PackEven.self, size, a, b)
  case 0x7118: result = permuteLanes(PackOdd.self, size, a, b)
  case 0x711a: result = permuteLanes(InterleaveLow.self, size, a, b)
  case 0x711c: result = permuteLanes(InterleaveHigh.self, size, a, b)
  case 0x711e: result = permuteLanes(PickEven.self, size, a, b)
  case 0x7120: result = permuteLanes(PickOdd.self, size, a, b)
  case 0x7122:
    let index = Int(truncatingIfNeeded: r.gpr[Int((word &>> 10) & 31)])
    result = .splat(a.element(index, size), size)
  case 0x7126: result = logical(size, a, b)
  case 0x7128:
    guard size < 2 else { return .unimplemented }
    result = size == 0 ? ~a & b : a | ~b
  case 0x712a:
    guard size >= 2 else { return .unimplemented }
    result = placeFirstNegative(size &- 2, a, position: b.x, onto: r.vector(word & 31))
  case 0x712c:
    guard size >= 2 else { return .unimplemented }
    result = Bits128(quadword: size == 2 ? a.quadword &+ b.quadword : a.quadword &- b.quadword)
  case 0x712e: result = signedLanes(CopySign.self, size, a, b)
  case 0x717a:
    guard size != 0 else { return .unimplemented }
    result = shuffleLanes(size, numbers: r.vector(word & 31), upper: a, lower: b)
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vand.v, vor.v, vxor.v, vnor.v: where other instructions have the lane size.
@inline(__always)
private func logical(_ operation: UInt32, _ a: Bits128, _ b: Bits128) -> Bits128 {
  switch operation {
  case 0: a & b
  case 1: a | b
  case 2: a ^ b
  default: ~(a | b)
  }
}

/// vaddwev … vmaddwod, vhaddw, vhsubw: narrow lanes in, wide lanes out.
private func executeVectorWidening(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 15) & 3
  let even = WideningOperands(
    a: r.vector((word &>> 5) & 31), b: r.vector((word &>> 10) & 31), d: r.vector(word & 31),
    parityOfA: .even, parityOfB: .even)
  let odd = even.taking(.odd, .odd)
  // The horizontal forms pair an odd lane of vj with an even one of vk.
  let horizontal = even.taking(.odd, .even)
  let result: Bits128
  switch (word &>> 16) & 0xfffe {
  case 0x701e: result = signedWide(Add.self, size, even)
  case 0x7020: result = signedWide(Subtract.self, size, even)
  case 0x7022: result = signedWide(Add.self, size, odd)
  case 0x7024: result = signedWide(Subtract.self, size, odd)
  case 0x702e: result = unsignedWide(Add.self, size, even)
  case 0x7030: result = unsignedWide(Subtract.self, size, even)
  case 0x7032: result = unsignedWide(Add.self, size, odd)
  case 0x7034: result = unsignedWide(Subtract.self, size, odd)
  case 0x703e: result = mixedWide(Add.self, size, even)
  case 0x7040: result = mixedWide(Add.self, size, odd)
  case 0x7054: result = signedWide(Add.self, size, horizontal)
  case 0x7056: result = signedWide(Subtract.self, size, horizontal)
  case 0x7058: result = unsignedWide(Add.self, size, horizontal)
  case 0x705a: result = unsignedWide(Subtract.self, size, horizontal)
  case 0x7090: result = signedWide(Multiply.self, size, even)
  case 0x7092: result = signedWide(Multiply.self, size, odd)
  case 0x7098: result = unsignedWide(Multiply.self, size, even)
  case 0x709a: result = unsignedWide(Multiply.self, size, odd)
  case 0x70a0: result = mixedWide(Multiply.self, size, even)
  case 0x70a2: result = mixedWide(Multiply.self, size, odd)
  case 0x70ac: result = signedWide(MultiplyAdd.self, size, even)
  case 0x70ae: result = signedWide(MultiplyAdd.self, size, odd)
  case 0x70b4: result = unsignedWide(MultiplyAdd.self, size, even)
  case 0x70b6: result = unsignedWide(MultiplyAdd.self, size, odd)
  case 0x70bc: result = mixedWide(MultiplyAdd.self, size, even)
  case 0x70be: result = mixedWide(MultiplyAdd.self, size, odd)
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vsrln … vssrarn: wide lanes of vj shifted by those of vk, results in the low half, 0 above.
private func executeVectorNarrowing(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 15) & 3
  guard size != 0 else { return .unimplemented }
  let a = r.vector((word &>> 5) & 31)
  let b = r.vector((word &>> 10) & 31)
  let half: UInt64
  switch (word &>> 16) & 0xfffe {
  case 0x70f4: half = narrowLogical(ShiftRight.self, Truncating.self, size, a, b)
  case 0x70f6: half = narrowArithmetic(ShiftRight.self, Truncating.self, size, a, b)
  case 0x70f8: half = narrowLogical(RoundedShiftRight.self, Truncating.self, size, a, b)
  case 0x70fa: half = narrowArithmetic(RoundedShiftRight.self, Truncating.self, size, a, b)
  case 0x70fc: half = narrowLogical(ShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x70fe: half = narrowArithmetic(ShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x7100: half = narrowLogical(RoundedShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x7102: half = narrowArithmetic(RoundedShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x7104: half = narrowLogical(ShiftRight.self, SaturatingUnsigned.self, size, a, b)
  case 0x7106: half = narrowArithmetic(ShiftRight.self, SaturatingUnsigned.self, size, a, b)
  case 0x7108: half = narrowLogical(RoundedShiftRight.self, SaturatingUnsigned.self, size, a, b)
  default: half = narrowArithmetic(RoundedShiftRight.self, SaturatingUnsigned.self, size, a, b)
  }
  return r.finish(word, Bits128(half, 0))
}
