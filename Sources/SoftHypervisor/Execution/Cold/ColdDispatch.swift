extension UnsafeMutablePointer where Pointee == CPU {
  /// Executes one instruction that the hot loop has no case for. Returns a `Step`.
  @inline(never)
  func executeCold(_ w: UInt32, at pc: UInt64) -> UInt8 {
    switch w >> 26 {
    case 0x00: return executeColdInteger(w, at: pc)
    case 0x01: return executePrivileged(w, at: pc)
    case 0x08: return executeReservation(w, at: pc)
    case 0x0e: return executeColdMemory(w, at: pc)
    default: return unimplemented(at: pc)
    }
  }

  /// Executes a floating-point instruction (FP is enabled).
  @inline(never)
  func executeColdFloat(_ w: UInt32, at pc: UInt64) -> UInt8 {
    finish(executeFloat(w, pointee.registers), at: pc)
  }

  /// Executes an LSX instruction (LSX is enabled); loads and stores of elements are here, the rest is in Vector/.
  @inline(never)
  func executeColdVector(_ w: UInt32, at pc: UInt64) -> UInt8 {
    if w >> 26 == 0x0c { return executeVectorElementAccess(w, at: pc) }
    return finish(executeVector(w, pointee.registers), at: pc)
  }

  private func finish(_ outcome: Outcome, at pc: UInt64) -> UInt8 {
    switch outcome {
    case .done: return Step.next
    case .unimplemented: return unimplemented(at: pc)
    case .floatingPointException: return exception(Ecode.floatException, at: pc)
    case .vectorFloatingPointException: return exception(Ecode.vectorFloatException, at: pc)
    case .boundCheck: return exception(Ecode.boundCheck, at: pc)
    }
  }

  /// Raises an exception that has no address.
  func exception(_ code: Int, at pc: UInt64) -> UInt8 {
    raise(code, at: pc)
    return Step.reload
  }

  /// INE for what no instruction set of this CPU has; counted.
  func unimplemented(at pc: UInt64) -> UInt8 {
    pointee.unimplemented &+= 1
    return exception(Ecode.instructionNonexistent, at: pc)
  }

  /// Writes general register `r`; r0 goes to the sink.
  @inline(__always)
  func setRegister(_ r: UInt32, _ value: UInt64) {
    pointee.registers.gpr[RegisterFile.gprIndex(forWrite: Int(r & 31))] = value
  }

  /// Reads general register `r`.
  @inline(__always)
  func register(_ r: UInt32) -> UInt64 { pointee.registers.gpr[Int(r & 31)] }
}
