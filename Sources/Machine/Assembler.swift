// The few LoongArch64 instructions that the machine's own code needs: EFI runtime services and the parking loop.
// Encodings: LoongArch Reference Manual Volume 1, appendix B. Deliberately absent: everything else.

/// A general register by its name in the LoongArch ELF psABI.
public enum Register: UInt32, Sendable {
  case zero = 0
  case ra = 1
  case a0 = 4
  case a1 = 5
  case a2 = 6
  case t0 = 12
  case t1 = 13
  case t2 = 14
  case t3 = 15
}

/// A place in the code that branches can name before it is known.
public struct Label: Sendable, Equatable {
  fileprivate let index: Int
}

/// Assembles position-independent code. Branch targets must be placed before `words` is taken.
public struct Assembler {
  private var code: [UInt32] = []
  private var places: [Int?] = []
  private var fixups: [(word: Int, label: Label, form: BranchForm)] = []
  private enum BranchForm { case offset16, offset21, offset26 }

  /// No instruction yet.
  public init() {}

  /// Bytes so far; the offset of the next instruction.
  public var offset: Int { code.count * 4 }

  /// A label that has no place yet.
  public mutating func label() -> Label {
    places.append(nil)
    return Label(index: places.count - 1)
  }
  /// Gives `label` the place of the next instruction.
  public mutating func place(_ label: Label) { places[label.index] = code.count }
  /// A label at the next instruction.
  public mutating func here() -> Label {
    let label = label()
    place(label)
    return label
  }

  /// The code with all branches resolved, as little-endian bytes. A branch to a label without a place goes to itself.
  public func assembled() -> [UInt8] {
    var resolved = code
    for fixup in fixups {
      let words = UInt32(truncatingIfNeeded: (places[fixup.label.index] ?? fixup.word) - fixup.word)
      resolved[fixup.word] |= Assembler.branchField(words, fixup.form)
    }
    var writer = ByteWriter()
    for word in resolved { writer.u32(word) }
    return writer.bytes
  }

  private static func branchField(_ words: UInt32, _ form: BranchForm) -> UInt32 {
    let low = (words & 0xffff) << 10
    return switch form {
    case .offset16: low
    case .offset21: low | (words >> 16 & 0x1f)
    case .offset26: low | (words >> 16 & 0x3ff)
    }
  }
}

// MARK: instructions

extension Assembler {
  private mutating func put(_ word: UInt32) { code.append(word) }
  private mutating func twoRegisters(_ opcode: UInt32, _ rd: Register, _ rj: Register, _ immediate: UInt32 = 0) {
    put(opcode | (immediate & 0xfff) << 10 | rj.rawValue << 5 | rd.rawValue)
  }
  private mutating func branch(_ opcode: UInt32, _ rj: Register, to label: Label, _ form: BranchForm) {
    fixups.append((code.count, label, form))
    put(opcode | rj.rawValue << 5)
  }

  /// rd = rj + immediate (−2048...2047).
  public mutating func addi(_ rd: Register, _ rj: Register, _ immediate: Int32) {
    twoRegisters(0x02c0_0000, rd, rj, UInt32(bitPattern: immediate))
  }
  /// rd = rj | immediate (0...4095).
  public mutating func ori(_ rd: Register, _ rj: Register, _ immediate: UInt32) {
    twoRegisters(0x0380_0000, rd, rj, immediate)
  }
  /// rd = rj < immediate ? 1 : 0, unsigned.
  public mutating func sltui(_ rd: Register, _ rj: Register, _ immediate: UInt32) {
    twoRegisters(0x0240_0000, rd, rj, immediate)
  }
  /// rd = sign-extended immediate (20 bits) << 12.
  public mutating func lu12i(_ rd: Register, _ immediate: UInt32) {
    put(0x1400_0000 | (immediate & 0xf_ffff) << 5 | rd.rawValue)
  }
  /// Bits 63...32 of rd = sign-extended immediate (20 bits).
  public mutating func lu32i(_ rd: Register, _ immediate: UInt32) {
    put(0x1600_0000 | (immediate & 0xf_ffff) << 5 | rd.rawValue)
  }
  /// rd = immediate (12 bits) in bits 63...52, the rest of rj below.
  public mutating func lu52i(_ rd: Register, _ rj: Register, _ immediate: UInt32) {
    twoRegisters(0x0300_0000, rd, rj, immediate)
  }
  /// rd = any 64-bit value, in four instructions.
  public mutating func load(_ rd: Register, _ value: UInt64) {
    lu12i(rd, UInt32(truncatingIfNeeded: value >> 12))
    ori(rd, rd, UInt32(truncatingIfNeeded: value & 0xfff))
    lu32i(rd, UInt32(truncatingIfNeeded: value >> 32))
    lu52i(rd, rd, UInt32(truncatingIfNeeded: value >> 52))
  }
  /// rd = this instruction's address with its low 12 bits zero (pcalau12i).
  public mutating func pageOfCode(_ rd: Register) { put(0x1a00_0000 | rd.rawValue) }
  /// rd = rj * rk, low 64 bits.
  public mutating func mul(_ rd: Register, _ rj: Register, _ rk: Register) {
    put(0x001d_8000 | rk.rawValue << 10 | rj.rawValue << 5 | rd.rawValue)
  }
  /// rd = rj / rk, unsigned.
  public mutating func divu(_ rd: Register, _ rj: Register, _ rk: Register) {
    put(0x0023_0000 | rk.rawValue << 10 | rj.rawValue << 5 | rd.rawValue)
  }
  /// rd = bits `high`...`low` of rj.
  public mutating func extract(_ rd: Register, _ rj: Register, high: UInt32, low: UInt32) {
    put(0x00c0_0000 | (high & 63) << 16 | (low & 63) << 10 | rj.rawValue << 5 | rd.rawValue)
  }
  /// Bits `high`...`low` of rd = low bits of rj.
  public mutating func insert(_ rd: Register, _ rj: Register, high: UInt32, low: UInt32) {
    put(0x0080_0000 | (high & 63) << 16 | (low & 63) << 10 | rj.rawValue << 5 | rd.rawValue)
  }

  /// Loads: ld.bu, ld.hu, ld.h, ld.w, ld.wu, ld.d; `offset` −2048...2047.
  public mutating func loadByte(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2a00_0000, rd, rj, offset)
  }
  /// ld.hu
  public mutating func loadHalf(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2a40_0000, rd, rj, offset)
  }
  /// ld.w
  public mutating func loadWord(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2880_0000, rd, rj, offset)
  }
  /// ld.wu
  public mutating func loadWordUnsigned(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2a80_0000, rd, rj, offset)
  }
  /// st.b
  public mutating func storeByte(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2900_0000, rd, rj, offset)
  }
  /// st.h
  public mutating func storeHalf(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2940_0000, rd, rj, offset)
  }
  /// st.w
  public mutating func storeWord(_ rd: Register, _ rj: Register, _ offset: UInt32) {
    twoRegisters(0x2980_0000, rd, rj, offset)
  }

  /// Branches if rj is zero.
  public mutating func branchIfZero(_ rj: Register, to label: Label) { branch(0x4000_0000, rj, to: label, .offset21) }
  /// Branches if rj is not zero.
  public mutating func branchIfNotZero(_ rj: Register, to label: Label) {
    branch(0x4400_0000, rj, to: label, .offset21)
  }
  /// Branches if rj and rd are equal.
  public mutating func branchIfEqual(_ rj: Register, _ rd: Register, to label: Label) {
    branch(0x5800_0000 | rd.rawValue, rj, to: label, .offset16)
  }
  /// Branches if rj and rd differ.
  public mutating func branchIfDifferent(_ rj: Register, _ rd: Register, to label: Label) {
    branch(0x5c00_0000 | rd.rawValue, rj, to: label, .offset16)
  }
  /// Branches always.
  public mutating func jump(to label: Label) { branch(0x5000_0000, .zero, to: label, .offset26) }
  /// Jumps to the address in rj; no link.
  public mutating func jump(register rj: Register) { put(0x4c00_0000 | rj.rawValue << 5) }

  /// rd = CSR; then the CSR's old value where written.
  public mutating func csrWrite(_ rd: Register, _ csr: UInt32) {
    put(0x0400_0020 | (csr & 0x3fff) << 10 | rd.rawValue)
  }
  /// rd = IOCSR word at rj, sign-extended.
  public mutating func iocsrReadWord(_ rd: Register, _ rj: Register) { twoRegisters(0x0648_0800, rd, rj) }
  /// rd = IOCSR doubleword at rj.
  public mutating func iocsrReadDouble(_ rd: Register, _ rj: Register) { twoRegisters(0x0648_0c00, rd, rj) }
  /// IOCSR word at rj = rd.
  public mutating func iocsrWriteWord(_ rd: Register, _ rj: Register) { twoRegisters(0x0648_1800, rd, rj) }
  /// Sleeps until an enabled interrupt is pending, whether or not interrupts are taken.
  public mutating func idle() { put(0x0648_8000) }
  /// Full memory barrier.
  public mutating func barrier() { put(0x3872_0000) }
  /// Makes later instruction fetches see earlier stores.
  public mutating func instructionBarrier() { put(0x3872_8000) }
}
