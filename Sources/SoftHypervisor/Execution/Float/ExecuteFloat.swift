/// Carries out a scalar floating-point instruction on registers: arithmetic, compares, conversions, moves, sign
/// changes, fclass, fsel, and the moves between float, general, condition flag and control registers (LoongArch
/// Reference Manual Vol. 1, 3.2, without its branches, loads and stores).
///
/// Writes of a float register leave the upper half of its vector register alone (the architecture leaves it
/// undefined). frecipe and frsqrte are unimplemented, since CPUCFG2.FRECIPE is 0; fcvt between double and x87 formats
/// belongs to binary translation, which this CPU lacks. The thread must be inside `enterFloat`.
func executeFloat(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  if let instruction = ScalarInstruction(word) { return compute(instruction, word, r) }
  return executeFloatMove(word, r)
}

private func compute(_ instruction: ScalarInstruction, _ word: UInt32, _ r: RegisterFile) -> Outcome {
  let state = r.float
  let a = r.vr[2 * fieldJ(word)]
  let b = r.vr[2 * fieldK(word)]
  let c = r.vr[2 * fieldA(word)]
  let result: UInt64
  if state.pointee.mayTrap {
    settle(state)
    result = instruction.evaluate(a, b, c, state)
    if concludeExactly(state) { return .floatingPointException }
  } else {
    (state.pointee.pending, state.pointee.a, state.pointee.b, state.pointee.c) = (word, a, b, c)
    result = instruction.evaluate(a, b, c, state)
  }
  switch instruction {
  case .compareSingle, .compareDouble: r.fcc[fieldD(word) & 7] = UInt8(truncatingIfNeeded: result)
  default: r.vr[2 * fieldD(word)] = result
  }
  return .done
}

/// What raises no exception and leaves FCSR alone.
private func executeFloatMove(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let a = r.vr[2 * fieldJ(word)]
  let target = r.vr + 2 * fieldD(word)
  switch word >> 15 {
  case 0x225:
    target.pointee = a & SinglePrecision.magnitudeMask | r.vr[2 * fieldK(word)] & ~SinglePrecision.magnitudeMask
  case 0x226: target.pointee = a & DoublePrecision.magnitudeMask | r.vr[2 * fieldK(word)] & DoublePrecision.signBit
  case 0x228...0x229: return executeTwoRegisterMove(word, r)
  case 0x1a00...0x1a07:
    let flag = r.fcc[Int(word >> 15 & 7)]
    target.pointee = flag == 0 ? a : r.vr[2 * fieldK(word)]
  default: return .unimplemented
  }
  return .done
}

private func executeTwoRegisterMove(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let a = r.vr[2 * fieldJ(word)]
  let target = r.vr + 2 * fieldD(word)
  switch word >> 10 {
  case 0x4501: target.pointee = boxed(SinglePrecision.magnitude(a))
  case 0x4502: target.pointee = DoublePrecision.magnitude(a)
  case 0x4505: target.pointee = boxed(a ^ SinglePrecision.signBit)
  case 0x4506: target.pointee = a ^ DoublePrecision.signBit
  case 0x450d: target.pointee = SinglePrecision.classMask(a)
  case 0x450e: target.pointee = DoublePrecision.classMask(a)
  case 0x4525: target.pointee = boxed(a)
  case 0x4526: target.pointee = a
  default: return executeTransfer(word, r)
  }
  return .done
}

/// Moves between float, general, condition flag and control registers.
private func executeTransfer(_ word: UInt32, _ r: RegisterFile) -> Outcome {
  let float = r.vr + 2 * fieldD(word)
  let source = r.vr[2 * fieldJ(word)]
  let general = r.gpr + RegisterFile.gprIndex(forWrite: fieldD(word))
  let value = r.gpr[fieldJ(word)]
  switch word >> 10 {
  case 0x4529: float.pointee = float.pointee & 0xffff_ffff_0000_0000 | value & 0xffff_ffff
  case 0x452a: float.pointee = value
  case 0x452b: float.pointee = float.pointee & 0xffff_ffff | value << 32
  case 0x452d: general.pointee = signExtended(source)
  case 0x452e: general.pointee = source
  case 0x452f: general.pointee = signExtended(source >> 32)
  case 0x4530: return writeFCSR(fieldD(word), UInt32(truncatingIfNeeded: value), r.float) ? .done : .unimplemented
  case 0x4532:
    guard let control = readFCSR(fieldJ(word), r.float) else { return .unimplemented }
    general.pointee = signExtended(UInt64(control))
  case 0x4534: r.fcc[fieldD(word) & 7] = UInt8(truncatingIfNeeded: source & 1)
  case 0x4535: float.pointee = UInt64(r.fcc[fieldJ(word) & 7])
  case 0x4536: r.fcc[fieldD(word) & 7] = UInt8(truncatingIfNeeded: value & 1)
  case 0x4537: general.pointee = UInt64(r.fcc[fieldJ(word) & 7])
  default: return .unimplemented
  }
  return .done
}

@inline(__always)
private func signExtended(_ a: UInt64) -> UInt64 { UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: a))) }
