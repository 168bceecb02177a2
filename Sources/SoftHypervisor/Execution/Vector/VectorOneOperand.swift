/// One source operand, the whole word an opcode above bit 10: counts, masks, condition flags, vexth, vreplgr2vr.
func executeVectorOneOperand(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 10) & 3
  let a = r.vector((word &>> 5) & 31)
  let result: Bits128
  switch word &>> 12 {
  case 0x729c0: result = unsignedLanes(CountLeadingOnes.self, size, a, a)
  case 0x729c1: result = unsignedLanes(CountLeadingZeros.self, size, a, a)
  case 0x729c2: result = unsignedLanes(CountOnes.self, size, a, a)
  case 0x729c3: result = unsignedLanes(Negate.self, size, a, a)
  case 0x729c4: result = Bits128(signMask(size, a), 0)
  case 0x729c5:
    guard size == 0 else { return .unimplemented }
    result = Bits128(byteSignMask(~a), 0)
  case 0x729c6:
    guard size == 0 else { return .unimplemented }
    result = Bits128(nonzeroByteMask(a), 0)
  case 0x729c9...0x729cb: return executeVectorCondition(word, r)
  case 0x729ee: result = extendSigned(size, a.y)
  case 0x729ef: result = extendUnsigned(size, a.y)
  case 0x729f0: result = .splat(r.gpr[Int((word &>> 5) & 31)], size)
  default: return .unimplemented
  }
  return r.finish(word, result)
}

/// vseteqz.v, vsetnez.v, vsetanyeqz, vsetallnez: cd in bits 2:0. Bits 4:3 are not decoded.
private func executeVectorCondition(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let size: LaneSize = (word &>> 10) & 3
  let a = r.vector((word &>> 5) & 31)
  let holds: Bool
  switch word &>> 12 {
  case 0x729ca: holds = hasZeroLane(size, a)
  case 0x729cb: holds = !hasZeroLane(size, a)
  default:
    guard size >= 2 else { return .unimplemented }
    holds = (a.x | a.y == 0) == (size == 2)
  }
  r.fcc[Int(word & 7)] = holds ? 1 : 0
  return .done
}

/// vinsgr2vr, vpickve2gr, vreplvei: a zero after three to six ones from bit 17 down tells the lane size (byte to
/// doubleword), the bits below it down to bit 10 are the lane's number.
func executeVectorElement(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let field = UInt8(truncatingIfNeeded: word &>> 10)
  let ones = (~field).leadingZeroBitCount
  guard (3...6).contains(ones) else { return .unimplemented }
  let size = LaneSize(truncatingIfNeeded: ones &- 3)
  let index = Int(field & (0xf &>> UInt8(truncatingIfNeeded: size)))
  let destination = word & 31
  let source = (word &>> 5) & 31
  switch (word &>> 16) & 0xfffc {
  case 0x72e8:
    let value = r.gpr[Int(source)]
    return r.finish(word, r.vector(destination).replacing(index, size, with: value))
  case 0x72ec:
    let unused = Int64(64 &- (8 &<< Int64(size)))
    let placed = Int64(bitPattern: r.vector(source).element(index, size)) &<< unused
    r.gpr[RegisterFile.gprIndex(forWrite: Int(destination))] = UInt64(bitPattern: placed &>> unused)
  case 0x72f0:
    r.gpr[RegisterFile.gprIndex(forWrite: Int(destination))] = r.vector(source).element(index, size)
  default:
    return r.finish(word, .splat(r.vector(source).element(index, size), size))
  }
  return .done
}
