/// From an instruction word to a `MicroOp`. Encodings: LoongArch Reference Manual Vol. 1, appendix B.
///
/// Decoding never fails: what has no case here is `cold`, and what the cold code does not know raises INE when it runs.
struct Decoder {
  /// EUEN.FPE and EUEN.SXE at the time of decoding; blocks are kept apart by them.
  let floatEnabled: Bool
  let vectorEnabled: Bool

  /// Decodes one word.
  func decode(_ w: UInt32) -> MicroOp {
    switch w >> 26 {
    case 0x00: decodeRegisterGroup(w)
    case 0x01: MicroOp(code: .cold, imm: Int32(bitPattern: w))
    case 0x02, 0x03: decodeFloat4R(w)
    case 0x04: immediate(.addiD, w, Int32(Int16(truncatingIfNeeded: w >> 10)) << 16)
    case 0x05, 0x06, 0x07: decodeUpper(w)
    case 0x08, 0x09: decodePointerForms(w)
    case 0x0a, 0x0b: decodeLoadStore(w)
    case 0x0c: vector(w)
    case 0x0e: decodeIndexed(w)
    case 0x10, 0x11, 0x12: decodeBranch21(w)
    case 0x13, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b: decodeBranch16(w)
    case 0x14, 0x15: MicroOp(code: w >> 26 == 0x14 ? .b : .bl, imm: offset26(w))
    case 0x1c: vector(w)
    case 0x1d: wideVector()
    default: MicroOp(code: .cold, imm: Int32(bitPattern: w))
    }
  }

  /// True if the loop never comes back to the instruction after this one.
  static func endsBlock(_ op: MicroOp) -> Bool {
    switch op.code {
    case .beqz, .bnez, .beq, .bne, .blt, .bge, .bltu, .bgeu, .b, .bl, .jirl, .bceqz, .bcnez, .fallThrough, .disabled:
      true
    case .cold: endsCold(UInt32(bitPattern: op.imm))
    default: false
    }
  }

  /// syscall, break, ertn, idle, ibar.
  private static func endsCold(_ w: UInt32) -> Bool {
    let op17 = w >> 15
    return op17 == 0x54 || op17 == 0x56 || w == 0x0648_3800 || op17 == 0xc91 || op17 == 0x70e5
  }

  // MARK: fields

  @inline(__always) private func rd(_ w: UInt32) -> UInt8 { UInt8(w & 31) }
  @inline(__always) private func rj(_ w: UInt32) -> UInt8 { UInt8(w >> 5 & 31) }
  @inline(__always) private func rk(_ w: UInt32) -> UInt8 { UInt8(w >> 10 & 31) }
  /// Destination index: r0 becomes the sink.
  @inline(__always) private func dest(_ w: UInt32) -> UInt8 { w & 31 == 0 ? 32 : UInt8(w & 31) }
  @inline(__always) private func si12(_ w: UInt32) -> Int32 { Int32(bitPattern: w << 10) >> 20 }
  @inline(__always) private func ui12(_ w: UInt32) -> Int32 { Int32(w >> 10 & 0xfff) }
  private func offset16(_ w: UInt32) -> Int32 { (Int32(bitPattern: w << 6) >> 16) << 2 }
  private func offset21(_ w: UInt32) -> Int32 {
    let value = (w & 31) << 16 | (w >> 10 & 0xffff)
    return (Int32(bitPattern: value << 11) >> 11) << 2
  }
  private func offset26(_ w: UInt32) -> Int32 {
    let value = (w & 0x3ff) << 16 | (w >> 10 & 0xffff)
    return (Int32(bitPattern: value << 6) >> 6) << 2
  }

  private func three(_ op: Op, _ w: UInt32) -> MicroOp { MicroOp(code: op, a: dest(w), b: rj(w), c: rk(w)) }
  private func two(_ op: Op, _ w: UInt32) -> MicroOp { MicroOp(code: op, a: dest(w), b: rj(w)) }
  private func immediate(_ op: Op, _ w: UInt32, _ imm: Int32) -> MicroOp {
    MicroOp(code: op, a: dest(w), b: rj(w), imm: imm)
  }
  private func cold(_ w: UInt32) -> MicroOp { MicroOp(code: .cold, imm: Int32(bitPattern: w)) }
  private func constant(_ w: UInt32, _ value: Int32) -> MicroOp { MicroOp(code: .constant, a: dest(w), imm: value) }

  private func float(_ w: UInt32, _ op: MicroOp? = nil) -> MicroOp {
    guard floatEnabled else { return MicroOp(code: .disabled, imm: Int32(Ecode.floatDisabled)) }
    return op ?? MicroOp(code: .coldFloat, imm: Int32(bitPattern: w))
  }
  private func vector(_ w: UInt32, _ op: MicroOp? = nil) -> MicroOp {
    guard vectorEnabled else { return MicroOp(code: .disabled, imm: Int32(Ecode.vectorDisabled)) }
    return op ?? MicroOp(code: .coldVector, imm: Int32(bitPattern: w))
  }
  /// LASX is not offered by CPUCFG; its opcodes still have their own "disabled" exception (EUEN.ASXE stays 0).
  private func wideVector() -> MicroOp { MicroOp(code: .disabled, imm: Int32(Ecode.wideVectorDisabled)) }

  // MARK: groups

  private func decodeRegisterGroup(_ w: UInt32) -> MicroOp {
    switch w >> 22 {
    case 0: decodeThreeRegister(w)
    case 1: w & 1 << 21 == 0 ? decodeShiftImmediate(w) : bitString(w & 1 << 15 == 0 ? .bstrinsW : .bstrpickW, w, 31)
    case 2: bitString(.bstrinsD, w, 63)
    case 3: bitString(.bstrpickD, w, 63)
    case 4...7: decodeFloatRegister(w)
    case 8: immediate(.slti, w, si12(w))
    case 9: immediate(.sltui, w, si12(w))
    case 10: rj(w) == 0 ? constant(w, si12(w)) : immediate(.addiW, w, si12(w))
    case 11: rj(w) == 0 ? constant(w, si12(w)) : immediate(si12(w) == 0 ? .move : .addiD, w, si12(w))
    case 12: immediate(.lu52iD, w, si12(w))
    case 13: immediate(.andi, w, ui12(w))
    case 14: rj(w) == 0 ? constant(w, ui12(w)) : immediate(ui12(w) == 0 ? .move : .ori, w, ui12(w))
    default: immediate(.xori, w, ui12(w))
    }
  }

  private func bitString(_ op: Op, _ w: UInt32, _ mask: UInt32) -> MicroOp {
    let msb = Int32(w >> 16 & mask)
    let lsb = UInt8(w >> 10 & mask)
    // msb < lsb is undefined (Vol. 1, 2.2.3.9); the loop's shifts would be wrong for it.
    guard msb >= Int32(lsb) else { return cold(w) }
    return MicroOp(code: op, a: dest(w), b: rj(w), c: lsb, imm: msb)
  }

  private func decodeShiftImmediate(_ w: UInt32) -> MicroOp {
    let ui5 = Int32(w >> 10 & 31)
    let ui6 = Int32(w >> 10 & 63)
    switch w >> 16 {
    case 0x40 where w >> 15 & 1 == 1: return immediate(.slliW, w, ui5)
    case 0x41: return immediate(.slliD, w, ui6)
    case 0x44 where w >> 15 & 1 == 1: return immediate(.srliW, w, ui5)
    case 0x45: return immediate(.srliD, w, ui6)
    case 0x48 where w >> 15 & 1 == 1: return immediate(.sraiW, w, ui5)
    case 0x49: return immediate(.sraiD, w, ui6)
    case 0x4c where w >> 15 & 1 == 1: return immediate(.rotriW, w, ui5)
    case 0x4d: return immediate(.rotriD, w, ui6)
    default: return cold(w)
    }
  }

  private func decodeThreeRegister(_ w: UInt32) -> MicroOp {
    let op17 = w >> 15
    switch op17 {
    case 0x00: return decodeTwoRegister(w)
    case 0x08...0x0f:
      let op: Op = op17 < 0x0c ? .alslW : .alslWU
      return MicroOp(code: op, a: dest(w), b: rj(w), c: rk(w), imm: Int32(w >> 15 & 3) + 1)
    case 0x20: return three(.addW, w)
    case 0x21: return three(.addD, w)
    case 0x22: return three(.subW, w)
    case 0x23: return three(.subD, w)
    case 0x24: return three(.slt, w)
    case 0x25: return three(.sltu, w)
    case 0x26: return three(.maskeqz, w)
    case 0x27: return three(.masknez, w)
    case 0x28: return three(.nor, w)
    case 0x29: return three(.and, w)
    case 0x2a: return rk(w) == 0 ? two(.move, w) : three(.or, w)
    case 0x2b: return three(.xor, w)
    case 0x2c: return three(.orn, w)
    case 0x2d: return three(.andn, w)
    case 0x2e: return three(.sllW, w)
    case 0x2f: return three(.srlW, w)
    case 0x30: return three(.sraW, w)
    case 0x31: return three(.sllD, w)
    case 0x32: return three(.srlD, w)
    case 0x33: return three(.sraD, w)
    case 0x36: return three(.rotrW, w)
    case 0x37: return three(.rotrD, w)
    case 0x38: return three(.mulW, w)
    case 0x39: return three(.mulhW, w)
    case 0x3a: return three(.mulhWU, w)
    case 0x3b: return three(.mulD, w)
    case 0x3c: return three(.mulhD, w)
    case 0x3d: return three(.mulhDU, w)
    case 0x3e: return three(.mulwDW, w)
    case 0x3f: return three(.mulwDWU, w)
    case 0x40: return three(.divW, w)
    case 0x41: return three(.modW, w)
    case 0x42: return three(.divWU, w)
    case 0x43: return three(.modWU, w)
    case 0x44: return three(.divD, w)
    case 0x45: return three(.modD, w)
    case 0x46: return three(.divDU, w)
    case 0x47: return three(.modDU, w)
    case 0x58...0x5b: return MicroOp(code: .alslD, a: dest(w), b: rj(w), c: rk(w), imm: Int32(w >> 15 & 3) + 1)
    default: return cold(w)
    }
  }

  private func decodeTwoRegister(_ w: UInt32) -> MicroOp {
    switch w >> 10 {
    case 0x05: two(.clzW, w)
    case 0x07: two(.ctzW, w)
    case 0x09: two(.clzD, w)
    case 0x0b: two(.ctzD, w)
    case 0x0c: two(.revb2H, w)
    case 0x0d: two(.revb4H, w)
    case 0x0e: two(.revb2W, w)
    case 0x0f: two(.revbD, w)
    case 0x16: two(.extWH, w)
    case 0x17: two(.extWB, w)
    default: cold(w)
    }
  }

  private func decodeFloatRegister(_ w: UInt32) -> MicroOp {
    let registers = MicroOp(code: .faddD, a: rd(w), b: rj(w), c: rk(w))
    var op = registers
    switch w >> 15 {
    case 0x201: op.code = .faddS
    case 0x202: op.code = .faddD
    case 0x205: op.code = .fsubS
    case 0x206: op.code = .fsubD
    case 0x209: op.code = .fmulS
    case 0x20a: op.code = .fmulD
    case 0x20d: op.code = .fdivS
    case 0x20e: op.code = .fdivD
    default:
      switch w >> 10 {
      case 0x4526: op.code = .fmovD
      case 0x452a: op.code = .fmovGR2FRD
      case 0x452e:
        op.code = .fmovFR2GRD
        op.a = dest(w)
      default: return float(w)
      }
    }
    return float(w, op)
  }

  private func decodeFloat4R(_ w: UInt32) -> MicroOp {
    let registers = MicroOp(code: .fmaddD, a: rd(w), b: rj(w), c: rk(w), imm: Int32(w >> 15 & 31))
    var op = registers
    switch w >> 20 {
    case 0x081: op.code = .fmaddS
    case 0x082: op.code = .fmaddD
    case 0x085: op.code = .fmsubS
    case 0x086: op.code = .fmsubD
    case 0x089: op.code = .fnmaddS
    case 0x08a: op.code = .fnmaddD
    case 0x08d: op.code = .fnmsubS
    case 0x08e: op.code = .fnmsubD
    case 0x0c1, 0x0c2: return decodeCompare(w)
    case 0x091, 0x092, 0x095, 0x096, 0x099, 0x09a, 0x09d, 0x09e, 0x0c5, 0x0c6, 0x0d1, 0x0d5: return vector(w)
    case 0x0a1...0x0af, 0x0c9, 0x0ca, 0x0d2, 0x0d6: return wideVector()
    default: return float(w)
    }
    return float(w, op)
  }

  /// fcmp.cond: the destination is a condition flag; bits 4:3 must be 0, and the condition must exist.
  private func decodeCompare(_ w: UInt32) -> MicroOp {
    guard w & 0x18 == 0, FloatCondition(code: w >> 15 & 31) != nil else { return float(w) }
    let op: Op = w >> 20 == 0x0c1 ? .fcmpS : .fcmpD
    return float(w, MicroOp(code: op, a: UInt8(w & 7), b: rj(w), c: rk(w), imm: Int32(w >> 15 & 31)))
  }

  private func decodeUpper(_ w: UInt32) -> MicroOp {
    let si20 = Int32(bitPattern: w << 7) >> 12
    switch w >> 25 {
    case 0x0a: return constant(w, si20 << 12)
    case 0x0b: return MicroOp(code: .lu32iD, a: dest(w), b: rd(w), imm: si20)
    case 0x0c: return MicroOp(code: .pcAdd, a: dest(w), c: 2, imm: si20)
    case 0x0d: return MicroOp(code: .pcAlign, a: dest(w), imm: si20)
    case 0x0e: return MicroOp(code: .pcAdd, a: dest(w), c: 12, imm: si20)
    default: return MicroOp(code: .pcAdd, a: dest(w), c: 18, imm: si20)
    }
  }

  private func decodePointerForms(_ w: UInt32) -> MicroOp {
    let si14 = (Int32(bitPattern: w << 8) >> 18) << 2
    switch w >> 24 {
    case 0x24: return immediate(.ldW, w, si14)
    case 0x25: return MicroOp(code: .stW, a: rd(w), b: rj(w), imm: si14)
    case 0x26: return immediate(.ldD, w, si14)
    case 0x27: return MicroOp(code: .stD, a: rd(w), b: rj(w), imm: si14)
    default: return cold(w)
    }
  }

  private func decodeLoadStore(_ w: UInt32) -> MicroOp {
    let store = MicroOp(code: .stB, a: rd(w), b: rj(w), imm: si12(w))
    func stored(_ op: Op) -> MicroOp {
      var result = store
      result.code = op
      return result
    }
    switch w >> 22 {
    case 0xa0: return immediate(.ldB, w, si12(w))
    case 0xa1: return immediate(.ldH, w, si12(w))
    case 0xa2: return immediate(.ldW, w, si12(w))
    case 0xa3: return immediate(.ldD, w, si12(w))
    case 0xa4: return stored(.stB)
    case 0xa5: return stored(.stH)
    case 0xa6: return stored(.stW)
    case 0xa7: return stored(.stD)
    case 0xa8: return immediate(.ldBU, w, si12(w))
    case 0xa9: return immediate(.ldHU, w, si12(w))
    case 0xaa: return immediate(.ldWU, w, si12(w))
    case 0xab: return MicroOp(code: .nop)
    case 0xac: return float(w, stored(.fldS))
    case 0xad: return float(w, stored(.fstS))
    case 0xae: return float(w, stored(.fldD))
    case 0xaf: return float(w, stored(.fstD))
    case 0xb0: return vector(w, stored(.vld))
    case 0xb1: return vector(w, stored(.vst))
    case 0xb2, 0xb3: return wideVector()
    default: return cold(w)
    }
  }

  private func decodeIndexed(_ w: UInt32) -> MicroOp {
    func source(_ op: Op) -> MicroOp { MicroOp(code: op, a: rd(w), b: rj(w), c: rk(w)) }
    switch w >> 15 {
    case 0x7000: return three(.ldxB, w)
    case 0x7008: return three(.ldxH, w)
    case 0x7010: return three(.ldxW, w)
    case 0x7018: return three(.ldxD, w)
    case 0x7020: return source(.stxB)
    case 0x7028: return source(.stxH)
    case 0x7030: return source(.stxW)
    case 0x7038: return source(.stxD)
    case 0x7040: return three(.ldxBU, w)
    case 0x7048: return three(.ldxHU, w)
    case 0x7050: return three(.ldxWU, w)
    case 0x7058: return MicroOp(code: .nop)
    case 0x7060: return float(w, source(.fldxS))
    case 0x7068: return float(w, source(.fldxD))
    case 0x7070: return float(w, source(.fstxS))
    case 0x7078: return float(w, source(.fstxD))
    case 0x7080: return vector(w, source(.vldx))
    case 0x7088: return vector(w, source(.vstx))
    case 0x7090, 0x7098: return wideVector()
    case 0x70e4: return MicroOp(code: .fence)
    case 0x70e8...0x70ef: return floatEnabled ? cold(w) : float(w)
    default: return cold(w)
    }
  }

  private func decodeBranch21(_ w: UInt32) -> MicroOp {
    switch w >> 26 {
    case 0x10: return MicroOp(code: .beqz, b: rj(w), imm: offset21(w))
    case 0x11: return MicroOp(code: .bnez, b: rj(w), imm: offset21(w))
    default:
      let flag = UInt8(w >> 5 & 7)
      switch w >> 8 & 3 {
      case 0: return float(w, MicroOp(code: .bceqz, b: flag, imm: offset21(w)))
      case 1: return float(w, MicroOp(code: .bcnez, b: flag, imm: offset21(w)))
      default: return cold(w)
      }
    }
  }

  private func decodeBranch16(_ w: UInt32) -> MicroOp {
    let offset = offset16(w)
    switch w >> 26 {
    case 0x13: return MicroOp(code: .jirl, a: dest(w), b: rj(w), imm: offset)
    case 0x16: return MicroOp(code: .beq, a: rd(w), b: rj(w), imm: offset)
    case 0x17: return MicroOp(code: .bne, a: rd(w), b: rj(w), imm: offset)
    case 0x18: return MicroOp(code: .blt, a: rd(w), b: rj(w), imm: offset)
    case 0x19: return MicroOp(code: .bge, a: rd(w), b: rj(w), imm: offset)
    case 0x1a: return MicroOp(code: .bltu, a: rd(w), b: rj(w), imm: offset)
    default: return MicroOp(code: .bgeu, a: rd(w), b: rj(w), imm: offset)
    }
  }
}
