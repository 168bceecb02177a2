/// What the hot loop does for one instruction. The frequent ones have a case each; everything else is `cold` and is
/// decoded again from its word when it runs (Execution/Cold).
enum Op: UInt8 {
  // Constants and moves
  case move, constant, lu32iD, lu52iD, pcAdd, pcAlign
  // Register arithmetic
  case addW, addD, subW, subD, slt, sltu, and, or, xor, nor, andn, orn
  case addiW, addiD, slti, sltui, andi, ori, xori
  case alslW, alslWU, alslD, maskeqz, masknez
  // Shifts
  case sllW, srlW, sraW, sllD, srlD, sraD, rotrW, rotrD
  case slliW, srliW, sraiW, slliD, srliD, sraiD, rotriW, rotriD
  // Multiplication, division
  case mulW, mulD, mulhW, mulhWU, mulhD, mulhDU, mulwDW, mulwDWU
  case divW, divWU, divD, divDU, modW, modWU, modD, modDU
  // Bits
  case extWB, extWH, bstrinsW, bstrpickW, bstrinsD, bstrpickD
  case clzW, clzD, ctzW, ctzD, revb2H, revb4H, revb2W, revbD
  // Loads and stores; the indexed forms take register c instead of an immediate
  case ldB, ldH, ldW, ldD, ldBU, ldHU, ldWU, stB, stH, stW, stD
  case ldxB, ldxH, ldxW, ldxD, ldxBU, ldxHU, ldxWU, stxB, stxH, stxW, stxD
  case fldS, fldD, fstS, fstD, fldxS, fldxD, fstxS, fstxD
  case vld, vst, vldx, vstx
  // Floating point; of fused operations `imm` is the addend's register, of comparisons the condition
  case faddD, fsubD, fmulD, fdivD, fmaddD, fmsubD, fnmaddD, fnmsubD, fcmpD
  case faddS, fsubS, fmulS, fdivS, fmaddS, fmsubS, fnmaddS, fnmsubS, fcmpS
  case fmovD, fmovGR2FRD, fmovFR2GRD
  // Branches; `imm` is the byte offset from this instruction
  case beqz, bnez, beq, bne, blt, bge, bltu, bgeu, b, bl, jirl, bceqz, bcnez
  // No effect in a CPU without caches: dbar, preld, cacop at PLV0
  case nop, fence
  /// Bytes run out (page end or block limit): go on at the next address.
  case fallThrough
  /// `imm` is the instruction word: decoded when executed.
  case cold
  /// Floating point, with FP enabled.
  case coldFloat
  /// LSX, with LSX enabled.
  case coldVector
  /// FP or LSX instruction while it is disabled: `imm` is the exception code.
  case disabled
}

/// One decoded instruction: operation, register indices (writes to r0 already turned to the sink), immediate.
struct MicroOp {
  var code: Op
  /// Destination (or the value register of a store, or the second operand of a two-register branch).
  var a: UInt8 = 0
  /// First source.
  var b: UInt8 = 0
  /// Second source, or a small immediate.
  var c: UInt8 = 0
  var imm: Int32 = 0

  /// The immediate as a 64-bit addend.
  @inline(__always)
  var offset: UInt64 { UInt64(bitPattern: Int64(imm)) }
}
