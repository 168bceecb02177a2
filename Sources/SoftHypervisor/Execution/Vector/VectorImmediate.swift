/// vd, vj and five bits: lane size in bits 16:15.
func executeVectorFiveBitImmediate(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 15) & 3
  let a = r.vector((word &>> 5) & 31)
  let field = (word &>> 10) & 31
  let plain = Bits128.splat(UInt64(field), size)
  let extended = Bits128.splat(UInt64(bitPattern: Int64(Int32(bitPattern: field &<< 27) &>> 27)), size)
  let result: Bits128
  switch (word &>> 16) & 0xfffe {
  case 0x7280: result = unsignedLanes(Equal.self, size, a, extended)
  case 0x7282: result = signedLanes(LessOrEqual.self, size, a, extended)
  case 0x7284: result = unsignedLanes(LessOrEqual.self, size, a, plain)
  case 0x7286: result = signedLanes(Less.self, size, a, extended)
  case 0x7288: result = unsignedLanes(Less.self, size, a, plain)
  case 0x728a: result = unsignedLanes(Add.self, size, a, plain)
  case 0x728c: result = unsignedLanes(Subtract.self, size, a, plain)
  case 0x728e:
    guard size < 2 else { return .unimplemented }
    let bits = UInt128(field & 15) &* 8
    result = Bits128(quadword: size == 0 ? a.quadword &<< bits : a.quadword &>> bits)
  case 0x7290: result = signedLanes(Maximum.self, size, a, extended)
  case 0x7292: result = signedLanes(Minimum.self, size, a, extended)
  case 0x7294: result = unsignedLanes(Maximum.self, size, a, plain)
  case 0x7296: result = unsignedLanes(Minimum.self, size, a, plain)
  case 0x729a:
    guard size < 2 else { return .unimplemented }
    result = placeFirstNegative(size, a, position: UInt64(field), onto: r.vector(word & 31))
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vd, vj and a shift amount: the highest set bit of 17:10 tells the lane size, the bits below it are the amount.
func executeVectorShiftImmediate(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let field = (word &>> 10) & 0xff
  guard field >= 8 else { return .unimplemented }
  let size: LaneSize = 28 &- UInt32(truncatingIfNeeded: field.leadingZeroBitCount)
  let amount = UInt64(field & ((8 &<< size) &- 1))
  if word >= 0x7340_0000 { return executeVectorNarrowingImmediate(word, size, amount, r) }
  let a = r.vector((word &>> 5) & 31)
  if word < 0x7310_0000, word >= 0x7308_0000 {
    return executeVectorExtendLow(word, size, amount, r)
  }
  guard size < 4 else { return .unimplemented }
  let b = Bits128.splat(amount, size)
  let result: Bits128
  switch (word &>> 16) & 0xfffc {
  case 0x72a0: result = unsignedLanes(Rotate.self, size, a, b)
  case 0x72a4: result = unsignedLanes(RoundedShiftRight.self, size, a, b)
  case 0x72a8: result = signedLanes(RoundedShiftRight.self, size, a, b)
  case 0x7310: result = unsignedLanes(ClearBit.self, size, a, b)
  case 0x7314: result = unsignedLanes(SetBit.self, size, a, b)
  case 0x7318: result = unsignedLanes(InvertBit.self, size, a, b)
  case 0x7324: result = signedLanes(Saturate.self, size, a, b)
  case 0x7328: result = unsignedLanes(Saturate.self, size, a, b)
  case 0x732c: result = unsignedLanes(ShiftLeft.self, size, a, b)
  case 0x7330: result = unsignedLanes(ShiftRight.self, size, a, b)
  case 0x7334: result = signedLanes(ShiftRight.self, size, a, b)
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vsllwil, and vextl, which is its doubleword form without an amount.
private func executeVectorExtendLow(
  _ word: UInt32, _ size: LaneSize, _ amount: UInt64, _ r: RegisterFile
) -> Outcome {
  guard size < 3 || (size == 3 && amount == 0) else { return .unimplemented }
  let half = r.vector((word &>> 5) & 31).x
  let result =
    word < 0x730c_0000 ? extendSigned(size, half, shift: amount) : extendUnsigned(size, half, shift: amount)
  return r.finish(word, result)
}

/// vsrlni … vssrarni: wide lanes of vj become the low half, those of the old vd the high half.
private func executeVectorNarrowingImmediate(
  _ word: UInt32, _ size: LaneSize, _ amount: UInt64, _ r: RegisterFile
) -> Outcome {
  guard size != 0 else { return .unimplemented }
  let b = Bits128.splat(amount, size)
  let low = narrowImmediate(word, size, r.vector((word &>> 5) & 31), b)
  let high = narrowImmediate(word, size, r.vector(word & 31), b)
  return r.finish(word, Bits128(low, high))
}

private func narrowImmediate(_ word: UInt32, _ size: LaneSize, _ a: Bits128, _ b: Bits128) -> UInt64 {
  switch (word &>> 16) & 0xfffc {
  case 0x7340: narrowLogical(ShiftRight.self, Truncating.self, size, a, b)
  case 0x7344: narrowLogical(RoundedShiftRight.self, Truncating.self, size, a, b)
  case 0x7348: narrowLogical(ShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x734c: narrowLogical(ShiftRight.self, SaturatingUnsigned.self, size, a, b)
  case 0x7350: narrowLogical(RoundedShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x7354: narrowLogical(RoundedShiftRight.self, SaturatingUnsigned.self, size, a, b)
  case 0x7358: narrowArithmetic(ShiftRight.self, Truncating.self, size, a, b)
  case 0x735c: narrowArithmetic(RoundedShiftRight.self, Truncating.self, size, a, b)
  case 0x7360: narrowArithmetic(ShiftRight.self, SaturatingSigned.self, size, a, b)
  case 0x7364: narrowArithmetic(ShiftRight.self, SaturatingUnsigned.self, size, a, b)
  case 0x7368: narrowArithmetic(RoundedShiftRight.self, SaturatingSigned.self, size, a, b)
  default: narrowArithmetic(RoundedShiftRight.self, SaturatingUnsigned.self, size, a, b)
  }
}

/// vd, vj and eight bits at 17:10; vldi has no vj and thirteen bits at 17:5.
func executeVectorEightBitImmediate(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let a = r.vector((word &>> 5) & 31)
  let d = r.vector(word & 31)
  let field = (word &>> 10) & 0xff
  let bytes = Bits128.splat(UInt64(field), 0)
  let result: Bits128
  switch (word &>> 16) & 0xfffc {
  case 0x7380: result = extractAndInsert(3, a, onto: d, field)
  case 0x7384: result = extractAndInsert(2, a, onto: d, field)
  case 0x7388: result = extractAndInsert(1, a, onto: d, field)
  case 0x738c: result = extractAndInsert(0, a, onto: d, field)
  case 0x7390: result = shuffleWithinFours(0, a, onto: d, order: field)
  case 0x7394: result = shuffleWithinFours(1, a, onto: d, order: field)
  case 0x7398: result = shuffleWithinFours(2, a, onto: d, order: field)
  case 0x739c: result = shuffleWithinFours(3, a, onto: d, order: field)
  case 0x73c4: result = (bytes & d) | (a & ~d)  // vbitseli.b
  case 0x73d0: result = a & bytes
  case 0x73d4: result = a | bytes
  case 0x73d8: result = a ^ bytes
  case 0x73dc: result = ~(a | bytes)
  case 0x73e0:
    guard let pattern = expandedImmediate((word &>> 5) & 0x1fff) else { return .unimplemented }
    result = Bits128(repeating: pattern)
  case 0x73e4: result = permuteWords(a, onto: d, order: field)
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vextrins: the lane of `a` that the low four bits of `field` name goes to the lane that the high four name.
@inline(__always)
private func extractAndInsert(_ size: LaneSize, _ a: Bits128, onto d: Bits128, _ field: UInt32) -> Bits128 {
  d.replacing(Int(field &>> 4), size, with: a.element(Int(field & 15), size))
}

/// vldi: what both doublewords become. Bits 12:10 (0 – 3) or 12:8 (0x10 – 0x1c) of the immediate are the mode;
/// nil for a mode that is reserved.
func expandedImmediate(_ immediate: UInt32) -> UInt64? {
  let byte = UInt64(immediate & 0xff)
  if immediate & 0x1000 == 0 {
    let extended = UInt64(bitPattern: Int64(Int32(bitPattern: immediate &<< 22) &>> 22))
    return Bits128.splat(extended, immediate &>> 10).x
  }
  switch immediate &>> 8 {
  case 0x10: return Bits128.splat(byte, 2).x
  case 0x11: return Bits128.splat(byte &<< 8, 2).x
  case 0x12: return Bits128.splat(byte &<< 16, 2).x
  case 0x13: return Bits128.splat(byte &<< 24, 2).x
  case 0x14: return Bits128.splat(byte, 1).x
  case 0x15: return Bits128.splat(byte &<< 8, 1).x
  case 0x16: return Bits128.splat(byte &<< 8 | 0xff, 2).x
  case 0x17: return Bits128.splat(byte &<< 16 | 0xffff, 2).x
  case 0x18: return Bits128.splat(byte, 0).x
  case 0x19: return bytesFromBits(byte)
  case 0x1a: return Bits128.splat(singleFromByte(byte), 2).x
  case 0x1b: return singleFromByte(byte)
  case 0x1c: return doubleFromByte(byte)
  default: return nil
  }
}

/// Each bit becomes a byte of 0x00 or 0xff.
private func bytesFromBits(_ bits: UInt64) -> UInt64 {
  var result: UInt64 = 0
  for index in 0..<UInt64(8) where (bits &>> index) & 1 == 1 {
    result |= 0xff &<< (index &* 8)
  }
  return result
}

/// Sign (bit 7), exponent (its top bit the inverse of bit 6, which fills the next five) and fraction of a single.
private func singleFromByte(_ byte: UInt64) -> UInt64 {
  let exponent: UInt64 = byte & 0x40 == 0 ? 0x20 : 0x1f
  return (byte &>> 7) &<< 31 | exponent &<< 25 | (byte & 0x3f) &<< 19
}

/// The same for a double, whose exponent has eight copies of bit 6.
private func doubleFromByte(_ byte: UInt64) -> UInt64 {
  let exponent: UInt64 = byte & 0x40 == 0 ? 0x100 : 0xff
  return (byte &>> 7) &<< 63 | exponent &<< 54 | (byte & 0x3f) &<< 48
}
