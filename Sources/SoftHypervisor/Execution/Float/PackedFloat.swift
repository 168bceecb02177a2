import CSystem

#if arch(x86_64)

  /// vfadd, vfsub, vfmul, vfdiv and the fused operations with the host's vector instructions, for an FPU that cannot
  /// trap. False for every other word, and nothing has happened then.
  @inline(__always)
  func executePacked(_ word: UInt32, _ r: RegisterFile) -> Bool {
    let nan: Int32
    switch word >> 24 {
    case 0x71:
      guard let mask = packedBinary(word, r) else { return false }
      nan = mask
    case 0x09 where r.float.pointee.hasFMA:
      guard let mask = packedFused(word, r) else { return false }
      nan = mask
    default: return false
    }
    r.float.pointee.pending = word
    if nan != 0 { replaceNaNs(word, r) }
    return true
  }

  @inline(__always)
  private func vector(_ index: Int, _ r: RegisterFile) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(r.vr + (index &* 2))
  }

  /// Which lanes of the result are NaNs; nil for other words.
  @inline(__always)
  private func packedBinary(_ word: UInt32, _ r: RegisterFile) -> Int32? {
    let d = vector(fieldD(word), r)
    let j = vector(fieldJ(word), r)
    let k = vector(fieldK(word), r)
    let record = UnsafeMutableRawPointer(r.float)
    switch word >> 15 {
    case 0xe261: return atoll_packed_add_s(d, j, k, record)
    case 0xe262: return atoll_packed_add_d(d, j, k, record)
    case 0xe265: return atoll_packed_subtract_s(d, j, k, record)
    case 0xe266: return atoll_packed_subtract_d(d, j, k, record)
    case 0xe271: return atoll_packed_multiply_s(d, j, k, record)
    case 0xe272: return atoll_packed_multiply_d(d, j, k, record)
    case 0xe275: return atoll_packed_divide_s(d, j, k, record)
    case 0xe276: return atoll_packed_divide_d(d, j, k, record)
    default: return nil
    }
  }

  @inline(__always)
  private func packedFused(_ word: UInt32, _ r: RegisterFile) -> Int32? {
    let d = vector(fieldD(word), r)
    let j = vector(fieldJ(word), r)
    let k = vector(fieldK(word), r)
    let a = vector(fieldA(word), r)
    let record = UnsafeMutableRawPointer(r.float)
    let negateAddend = word & 0x0040_0000 != 0
    let negateResult = word & 0x0080_0000 != 0
    switch word >> 20 & 3 {
    case 1:
      let signs = Int(bitPattern: 0x8000_0000_8000_0000)
      return atoll_packed_fused_s(d, j, k, a, record, negateAddend ? signs : 0, negateResult ? signs : 0)
    case 2: return atoll_packed_fused_d(d, j, k, a, record, negateAddend ? Int.min : 0, negateResult ? Int.min : 0)
    default: return nil
    }
  }

  /// Does it again lane by lane, which raises the same exceptions once more and gives LoongArch's NaNs.
  @inline(never)
  private func replaceNaNs(_ word: UInt32, _ r: RegisterFile) {
    guard let instruction = VectorFloatInstruction(word) else { return }
    let result = instruction.evaluate(VectorOperands(recordedIn: r.float), r.float)
    r.vr[2 * fieldD(word)] = result.low
    r.vr[2 * fieldD(word) + 1] = result.high
  }

#else

  /// Only x86_64 has a packed path; elsewhere all vectors go lane by lane.
  @inline(__always)
  func executePacked(_ word: UInt32, _ r: RegisterFile) -> Bool { false }

#endif
