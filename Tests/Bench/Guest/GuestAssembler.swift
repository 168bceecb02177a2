// Enough LoongArch64 to write the programs that the guest runs here: a fresh machine has no compiler for it.
// Encodings: LoongArch Reference Manual Volume 1, appendix B.

/// General registers by their names in the LoongArch ELF psABI.
enum R {
  static let zero = 0, ra = 1, sp = 3
  static let a0 = 4, a1 = 5, a2 = 6, a3 = 7, a4 = 8, a5 = 9, a6 = 10, a7 = 11
  static let t0 = 12, t1 = 13, t2 = 14, t3 = 15, t4 = 16, t5 = 17, t6 = 18, t7 = 19, t8 = 20
  static let s0 = 23, s1 = 24, s2 = 25, s3 = 26, s4 = 27, s5 = 28, s6 = 29
}

/// Position-independent code; every branch target is a label.
struct GuestAssembler {
  /// A place in the code.
  struct Label { fileprivate let index: Int }

  private enum Form { case offset16, offset21, offset26 }
  private var code: [UInt32] = []
  private var places: [Int?] = []
  private var fixups: [(word: Int, label: Label, form: Form)] = []

  /// Bytes so far.
  var offset: Int { code.count * 4 }

  mutating func label() -> Label {
    places.append(nil)
    return Label(index: places.count - 1)
  }
  mutating func place(_ label: Label) { places[label.index] = code.count }
  mutating func here() -> Label {
    let label = label()
    place(label)
    return label
  }

  /// The code with its branches resolved, as little-endian bytes.
  func assembled() -> [UInt8] {
    var words = code
    for fixup in fixups {
      let distance = UInt32(truncatingIfNeeded: (places[fixup.label.index] ?? fixup.word) - fixup.word)
      let low = (distance & 0xffff) << 10
      switch fixup.form {
      case .offset16: words[fixup.word] |= low
      case .offset21: words[fixup.word] |= low | distance >> 16 & 0x1f
      case .offset26: words[fixup.word] |= low | distance >> 16 & 0x3ff
      }
    }
    return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
  }

  // MARK: formats

  mutating func put(_ word: UInt32) { code.append(word) }
  private mutating func three(_ opcode: UInt32, _ d: Int, _ j: Int, _ k: Int) {
    put(opcode | UInt32(k) << 10 | UInt32(j) << 5 | UInt32(d))
  }
  private mutating func immediate(_ opcode: UInt32, _ d: Int, _ j: Int, _ value: Int) {
    put(opcode | (UInt32(truncatingIfNeeded: value) & 0xfff) << 10 | UInt32(j) << 5 | UInt32(d))
  }
  private mutating func branch(_ opcode: UInt32, _ j: Int, _ d: Int, _ label: Label, _ form: Form) {
    fixups.append((code.count, label, form))
    put(opcode | UInt32(j) << 5 | UInt32(d))
  }

  // MARK: integer

  mutating func addW(_ d: Int, _ j: Int, _ k: Int) { three(0x0010_0000, d, j, k) }
  mutating func addD(_ d: Int, _ j: Int, _ k: Int) { three(0x0010_8000, d, j, k) }
  mutating func subD(_ d: Int, _ j: Int, _ k: Int) { three(0x0011_8000, d, j, k) }
  mutating func and(_ d: Int, _ j: Int, _ k: Int) { three(0x0014_8000, d, j, k) }
  mutating func or(_ d: Int, _ j: Int, _ k: Int) { three(0x0015_0000, d, j, k) }
  mutating func xor(_ d: Int, _ j: Int, _ k: Int) { three(0x0015_8000, d, j, k) }
  mutating func mulD(_ d: Int, _ j: Int, _ k: Int) { three(0x001d_8000, d, j, k) }
  /// d = (j << 2) + k.
  mutating func addScaled4(_ d: Int, _ j: Int, _ k: Int) { three(0x002c_8000, d, j, k) }
  mutating func slliD(_ d: Int, _ j: Int, _ bits: Int) { three(0x0041_0000, d, j, bits) }
  mutating func srliW(_ d: Int, _ j: Int, _ bits: Int) { three(0x0044_8000, d, j, bits) }
  mutating func srliD(_ d: Int, _ j: Int, _ bits: Int) { three(0x0045_0000, d, j, bits) }
  mutating func rotriW(_ d: Int, _ j: Int, _ bits: Int) { three(0x004c_8000, d, j, bits) }
  mutating func addiD(_ d: Int, _ j: Int, _ value: Int) { immediate(0x02c0_0000, d, j, value) }
  mutating func andi(_ d: Int, _ j: Int, _ value: Int) { immediate(0x0340_0000, d, j, value) }
  mutating func ori(_ d: Int, _ j: Int, _ value: Int) { immediate(0x0380_0000, d, j, value) }
  mutating func move(_ d: Int, _ j: Int) { or(d, j, R.zero) }
  /// d = any 64-bit value; as few instructions as small values need.
  mutating func load(_ d: Int, _ value: UInt64) {
    if value < 2048 { return ori(d, R.zero, Int(value)) }
    put(0x1400_0000 | UInt32(value >> 12 & 0xf_ffff) << 5 | UInt32(d))
    ori(d, d, Int(value & 0xfff))
    let extended = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    guard extended != value else { return }
    put(0x1600_0000 | UInt32(value >> 32 & 0xf_ffff) << 5 | UInt32(d))
    immediate(0x0300_0000, d, d, Int(value >> 52))
  }

  // MARK: memory

  mutating func ldW(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2880_0000, d, j, at) }
  mutating func ldD(_ d: Int, _ j: Int, _ at: Int) { immediate(0x28c0_0000, d, j, at) }
  mutating func ldBU(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2a00_0000, d, j, at) }
  mutating func ldWU(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2a80_0000, d, j, at) }
  mutating func stB(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2900_0000, d, j, at) }
  mutating func stW(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2980_0000, d, j, at) }
  mutating func stD(_ d: Int, _ j: Int, _ at: Int) { immediate(0x29c0_0000, d, j, at) }
  mutating func fldD(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2b80_0000, d, j, at) }
  mutating func fstD(_ d: Int, _ j: Int, _ at: Int) { immediate(0x2bc0_0000, d, j, at) }

  // MARK: double precision

  mutating func faddD(_ d: Int, _ j: Int, _ k: Int) { three(0x0101_0000, d, j, k) }
  mutating func fsubD(_ d: Int, _ j: Int, _ k: Int) { three(0x0103_0000, d, j, k) }
  mutating func fmulD(_ d: Int, _ j: Int, _ k: Int) { three(0x0105_0000, d, j, k) }
  /// d = j · k + a with one rounding.
  mutating func fmaddD(_ d: Int, _ j: Int, _ k: Int, _ a: Int) { three(0x0820_0000 | UInt32(a) << 15, d, j, k) }
  mutating func fmovD(_ d: Int, _ j: Int) { three(0x0114_9800, d, j, 0) }
  /// fd = general register j, bit for bit.
  mutating func toFloat(_ fd: Int, _ j: Int) { three(0x0114_a800, fd, j, 0) }
  /// General register d = fj, bit for bit.
  mutating func fromFloat(_ d: Int, _ fj: Int) { three(0x0114_b800, d, fj, 0) }
  /// fd = the 64-bit integer in fj.
  mutating func ffintDL(_ fd: Int, _ fj: Int) { three(0x011d_2800, fd, fj, 0) }
  /// Flag 0 = j < k, signalling.
  mutating func fcmpLess(_ j: Int, _ k: Int) { three(0x0c21_8000, 0, j, k) }
  mutating func branchIfFlag(_ label: Label) { branch(0x4800_0100, 0, 0, label, .offset21) }

  // MARK: control

  mutating func beqz(_ j: Int, _ label: Label) { branch(0x4000_0000, j, 0, label, .offset21) }
  mutating func bnez(_ j: Int, _ label: Label) { branch(0x4400_0000, j, 0, label, .offset21) }
  mutating func bne(_ j: Int, _ d: Int, _ label: Label) { branch(0x5c00_0000, j, d, label, .offset16) }
  mutating func bltu(_ j: Int, _ d: Int, _ label: Label) { branch(0x6800_0000, j, d, label, .offset16) }
  mutating func bgeu(_ j: Int, _ d: Int, _ label: Label) { branch(0x6c00_0000, j, d, label, .offset16) }
  mutating func jump(_ label: Label) { branch(0x5000_0000, 0, 0, label, .offset26) }
  mutating func call(_ label: Label) { branch(0x5400_0000, 0, 0, label, .offset26) }
  mutating func ret() { put(0x4c00_0000 | UInt32(R.ra) << 5) }
  mutating func jumpRegister(_ j: Int) { put(0x4c00_0000 | UInt32(j) << 5) }
  /// d = address of this instruction.
  mutating func currentAddress(_ d: Int) { put(0x1800_0000 | UInt32(d)) }
  mutating func systemCall() { put(0x002b_0000) }
  /// d = the stable counter.
  mutating func rdtime(_ d: Int) { put(0x0000_6800 | UInt32(d)) }
  mutating func csrWrite(_ d: Int, _ csr: Int) { put(0x0400_0020 | UInt32(csr) << 10 | UInt32(d)) }
}
