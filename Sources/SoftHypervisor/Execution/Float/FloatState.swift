import CSystem

/// FCSR0 of one vCPU and what is needed to derive its lazily kept parts.
///
/// While the vCPU runs, the host's FPU rounds as the guest's RM says and collects the guest's sticky flags, so that an
/// arithmetic instruction costs the host operation and a few stores: the *pending record* (opcode and operands of the
/// last arithmetic instruction). `settle` turns both into FCSR0: it moves the collected flags to Flags, and executes
/// the record once more to learn its Cause. Between `enterFloat` and `leaveFloat` the thread must do no floating
/// point of its own.
///
/// The operands come first and in this order: C writes 128-bit ones through a pointer to the whole.
struct FloatState {
  /// Operands of the pending record: bits of fj, fk, fa, or the two halves of vj, vk, va.
  var a: UInt64 = 0
  var aHigh: UInt64 = 0
  var b: UInt64 = 0
  var bHigh: UInt64 = 0
  var c: UInt64 = 0
  var cHigh: UInt64 = 0
  /// FCSR0: Enables 4:0 (I,U,O,Z,V), RM 9:8, Flags 20:16, Cause 28:24. Exact only when settled: read it by `readFCSR`.
  var fcsr: UInt32 = 0
  /// Instruction word of the pending record, its register fields arbitrary; 0 if Cause in `fcsr` is up to date.
  var pending: UInt32 = 0
  /// Exceptions found by software rather than the host's FPU, since `settle`; in the order of Flags.
  var raised: UInt32 = 0
  /// Whether the host has FMA3, asked once.
  var hasFMA = atoll_float_has_fma() != 0
  /// The host's control word while the guest's is loaded.
  var hostControl: UInt = 0
}

/// Fields of FCSR0 (LoongArch Reference Manual Vol. 1, 3.1.4).
enum FCSR {
  static let inexact: UInt32 = 1
  static let underflow: UInt32 = 2
  static let overflow: UInt32 = 4
  static let divisionByZero: UInt32 = 8
  static let invalid: UInt32 = 16
  static let enables: UInt32 = 0x1f
  static let flagsShift: UInt32 = 16
  static let causeShift: UInt32 = 24
  static let cause: UInt32 = 0x1f << causeShift
  /// Bits that fcsr0–fcsr3 show: everything, Enables, Flags and Cause, RM. The rest read as zero.
  @inline(__always)
  static func view(_ index: Int) -> UInt32? {
    switch index {
    case 0: 0x1f1f_031f
    case 1: 0x0000_001f
    case 2: 0x1f1f_0000
    case 3: 0x0000_0300
    default: nil
    }
  }
}

extension FloatState {
  /// FCSR0's RM: 0 nearest even, 1 towards zero, 2 up, 3 down.
  @inline(__always)
  var roundingMode: UInt32 { fcsr >> 8 & 3 }

  /// Whether an IEEE exception can trap: then only `executeFloat` and `executeVectorFloat` may carry out arithmetic,
  /// the hot primitives may not.
  @inline(__always)
  var mayTrap: Bool { fcsr & FCSR.enables != 0 }
}

/// Loads the guest's rounding mode into the host's FPU. Call it when the vCPU's `run` begins; every function of this
/// folder that carries out arithmetic or touches FCSR needs it.
func enterFloat(_ state: UnsafeMutablePointer<FloatState>) {
  state.pointee.hostControl = atoll_float_enter(state.pointee.roundingMode)
}

/// Settles FCSR0 and gives the host its own control word back. Call it when `run` returns.
func leaveFloat(_ state: UnsafeMutablePointer<FloatState>) {
  settle(state)
  atoll_float_restore(state.pointee.hostControl)
}

/// Brings FCSR0 up to date; afterwards nothing is pending and the host's flags are clear.
func settle(_ state: UnsafeMutablePointer<FloatState>) {
  state.pointee.fcsr |= takeRaised(state) << FCSR.flagsShift
  let word = state.pointee.pending
  guard word != 0 else { return }
  state.pointee.pending = 0
  evaluateAgain(word, state)
  let cause = takeRaised(state)
  state.pointee.fcsr = state.pointee.fcsr & ~FCSR.cause | cause << FCSR.causeShift
}

/// The exceptions raised since the last call, by hardware and software.
func takeRaised(_ state: UnsafeMutablePointer<FloatState>) -> UInt32 {
  let raised = atoll_float_take_flags() | state.pointee.raised
  state.pointee.raised = 0
  return raised
}

/// Carries out a pending record for its exceptions; the result is known already.
private func evaluateAgain(_ word: UInt32, _ state: UnsafeMutablePointer<FloatState>) {
  if let scalar = ScalarInstruction(word) {
    _ = scalar.evaluate(state.pointee.a, state.pointee.b, state.pointee.c, state)
  } else if let vector = VectorFloatInstruction(word) {
    _ = vector.evaluate(VectorOperands(recordedIn: state), state)
  }
}

/// FCSR0 as the guest sees it, through view `index` (fcsr0–fcsr3). Nil for a register that does not exist.
/// Outside `run` the state is settled and `fcsr` can be read as it is.
func readFCSR(_ index: Int, _ state: UnsafeMutablePointer<FloatState>) -> UInt32? {
  guard let mask = FCSR.view(index) else { return nil }
  settle(state)
  return state.pointee.fcsr & mask
}

/// Writes FCSR0 through view `index`; false for a register that does not exist. Setting Cause and Enables together
/// traps nothing: only arithmetic does.
func writeFCSR(_ index: Int, _ value: UInt32, _ state: UnsafeMutablePointer<FloatState>) -> Bool {
  guard let mask = FCSR.view(index) else { return false }
  settle(state)
  let before = state.pointee.roundingMode
  state.pointee.fcsr = state.pointee.fcsr & ~mask | value & mask
  if state.pointee.roundingMode != before { _ = atoll_float_enter(state.pointee.roundingMode) }
  return true
}

/// Ends an arithmetic instruction of an FPU that may trap: sets Cause, and Flags if no enabled exception occurred.
/// True if one did: then the destination stays as it was. Settle first.
func concludeExactly(_ state: UnsafeMutablePointer<FloatState>) -> Bool {
  let raised = takeRaised(state)
  state.pointee.fcsr = state.pointee.fcsr & ~FCSR.cause | raised << FCSR.causeShift
  if raised & state.pointee.fcsr & FCSR.enables != 0 { return true }
  state.pointee.fcsr |= raised << FCSR.flagsShift
  return false
}
