extension UnsafeMutablePointer where Pointee == CPU {
  /// Integer instructions that are rare in compiled code (Vol. 1, 2.2.3–2.2.10).
  func executeColdInteger(_ w: UInt32, at pc: UInt64) -> UInt8 {
    switch w >> 15 {
    case 0x00: return executeColdUnary(w, at: pc)
    case 0x02: return boundCheck(register(w >> 5) <= register(w >> 10), w, pc)
    case 0x03: return boundCheck(register(w >> 5) > register(w >> 10), w, pc)
    case 0x10...0x13: bytePickWord(w)
    case 0x18...0x1f: bytePickDouble(w)
    case 0x48...0x4f: crc(w)
    case 0x54: return exception(Ecode.breakpoint, at: pc)
    case 0x56: return exception(Ecode.systemCall, at: pc)
    default: return unimplemented(at: pc)
    }
    return Step.next
  }

  private func boundCheck(_ holds: Bool, _ w: UInt32, _ pc: UInt64) -> UInt8 {
    if holds { return Step.next }
    pointee.csr[CSR.badv] = register(w >> 5)
    return exception(Ecode.boundCheck, at: pc)
  }

  private func bytePickWord(_ w: UInt32) {
    let shift = UInt64(w >> 15 & 3) * 8
    let pair = (register(w >> 10) & 0xffff_ffff) << 32 | register(w >> 5) & 0xffff_ffff
    let picked = UInt32(truncatingIfNeeded: pair >> (32 - shift))
    setRegister(w, UInt64(bitPattern: Int64(Int32(bitPattern: picked))))
  }

  private func bytePickDouble(_ w: UInt32) {
    let shift = UInt64(w >> 15 & 7) * 8
    let high = register(w >> 10)
    let low = register(w >> 5)
    setRegister(w, shift == 0 ? high : high << shift | low >> (64 - shift))
  }

  /// CRC-32 and CRC-32C, reflected, without pre- or post-inversion (Vol. 1, 2.2.9.1).
  private func crc(_ w: UInt32) {
    let polynomial: UInt32 = w >> 15 & 4 == 0 ? 0xedb8_8320 : 0x82f6_3b78
    let bytes = UInt64(1) << (w >> 15 & 3)
    var state = UInt32(truncatingIfNeeded: register(w >> 10))
    var message = register(w >> 5)
    for _ in 0..<bytes {
      state ^= UInt32(truncatingIfNeeded: message & 0xff)
      for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 0 ? 0 : polynomial) }
      message >>= 8
    }
    setRegister(w, UInt64(bitPattern: Int64(Int32(bitPattern: state))))
  }

  private func executeColdUnary(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let source = register(w >> 5)
    let word = UInt32(truncatingIfNeeded: source)
    switch w >> 10 {
    case 0x04: setRegister(w, UInt64((~word).leadingZeroBitCount))
    case 0x06: setRegister(w, UInt64((~word).trailingZeroBitCount))
    case 0x08: setRegister(w, UInt64((~source).leadingZeroBitCount))
    case 0x0a: setRegister(w, UInt64((~source).trailingZeroBitCount))
    case 0x10: setRegister(w, swapHalves(source))
    case 0x11: setRegister(w, swapHalves(source << 32 | source >> 32))
    case 0x12: setRegister(w, signed(UInt32(truncatingIfNeeded: reverseBitsInBytes(source & 0xffff_ffff))))
    case 0x13: setRegister(w, reverseBitsInBytes(source))
    case 0x14: setRegister(w, signed(UInt32(truncatingIfNeeded: reverseBitsInBytes(source & 0xffff_ffff)).byteSwapped))
    case 0x15: setRegister(w, reverseBitsInBytes(source).byteSwapped)
    case 0x18, 0x19, 0x1a: return readTime(w, at: pc)
    case 0x1b: setRegister(w, source < UInt64(CPUIdentity.words) ? signed(pointee.configuration[Int(source)]) : 0)
    default: return unimplemented(at: pc)
    }
    return Step.next
  }

  private func signed(_ word: UInt32) -> UInt64 { UInt64(bitPattern: Int64(Int32(bitPattern: word))) }

  /// Exchanges the 16-bit halves of each 32-bit word.
  private func swapHalves(_ v: UInt64) -> UInt64 {
    (v & 0xffff_0000_ffff_0000) >> 16 | (v & 0x0000_ffff_0000_ffff) << 16
  }

  private func reverseBitsInBytes(_ v: UInt64) -> UInt64 {
    var r = (v & 0xaaaa_aaaa_aaaa_aaaa) >> 1 | (v & 0x5555_5555_5555_5555) << 1
    r = (r & 0xcccc_cccc_cccc_cccc) >> 2 | (r & 0x3333_3333_3333_3333) << 2
    return (r & 0xf0f0_f0f0_f0f0_f0f0) >> 4 | (r & 0x0f0f_0f0f_0f0f_0f0f) << 4
  }

  /// rdtime.d, rdtimel.w, rdtimeh.w (Vol. 1, 2.2.10.4): counter into rd, counter number into rj.
  private func readTime(_ w: UInt32, at pc: UInt64) -> UInt8 {
    let csr = pointee.csr
    if csr[CSR.misc] >> (4 + privilege) & 1 != 0 { return exception(Ecode.instructionPrivilege, at: pc) }
    let counter = stableCounter &+ csr[CSR.cntc]
    switch w >> 10 {
    case 0x18: setRegister(w, signed(UInt32(truncatingIfNeeded: counter)))
    case 0x19: setRegister(w, signed(UInt32(truncatingIfNeeded: counter >> 32)))
    default: setRegister(w, counter)
    }
    setRegister(w >> 5, csr[CSR.tid])
    return Step.next
  }
}
