/// What one instruction of a cold group (floating point, vector) came to.
enum Outcome: UInt8 {
  /// Done; go on with the next instruction.
  case done
  /// No such instruction: raise INE and count it.
  case unimplemented
  /// An enabled IEEE exception: raise FPE (ecode 18, subcode 0). The destination was not written; Cause was.
  case floatingPointException
  /// The same in a vector instruction (subcode 1).
  case vectorFloatingPointException
  /// Bound check failed (asrtle, asrtgt): raise BCE.
  case boundCheck
}

/// Where one vCPU's user-visible registers live: raw memory, so that hot code pays neither exclusivity checks nor
/// bounds checks. Indices come out of 5-bit (fcc: 3-bit) instruction fields, so they cannot leave the arrays.
///
/// Owned by the vCPU's `CPUContext`; this is a view, valid while the vCPU lives.
struct RegisterFile {
  /// r0–r31, and a 33rd that takes writes to r0. r0 always holds 0: a writer must use `gprIndex(forWrite:)`.
  let gpr: UnsafeMutablePointer<UInt64>
  /// vr0–vr31 as 64 words: vector i has its low half at 2 i, its high half at 2 i + 1. FPR i is the low half.
  let vr: UnsafeMutablePointer<UInt64>
  /// fcc0–fcc7, each 0 or 1.
  let fcc: UnsafeMutablePointer<UInt8>
  /// FCSR0 and what belongs to it.
  let float: UnsafeMutablePointer<FloatState>

  /// Index to write general register `r`: r0's writes go to a sink.
  @inline(__always)
  static func gprIndex(forWrite r: Int) -> Int { r == 0 ? 32 : r }
}
