/// One operand of an instruction: which registers it may name, and where its number stands in the word.
struct Operand: Sendable {
  /// What an operand is, and what the generator may put there.
  enum Kind: Sendable {
    /// A general register that the instruction reads, or writes, or both.
    case source, destination
    /// A floating-point register, a vector register, a condition flag; read or written.
    case float, vector, flag
    /// Any number of so many bits.
    case immediate
    /// General registers with a meaning in memory tests; see `Reserved`.
    case scratchBase, index, alignedAddress, lowBound, highBound
    /// An offset from the scratch area's middle, in units of so many bytes.
    case scratchOffset(unit: Int)
    /// FCSR0–FCSR3.
    case controlRegister
  }

  let kind: Kind
  let low: UInt32
  let width: UInt32

  init(_ kind: Kind, _ low: UInt32, _ width: UInt32 = 5) {
    self.kind = kind
    self.low = low
    self.width = width
  }

  func value(in word: UInt32) -> UInt32 { word >> low & ((1 << width) - 1) }
}

/// One instruction: its name, its fixed bits and its operands.
struct Opcode: Sendable {
  let name: String
  let match: UInt32
  let operands: [Operand]
}

extension Opcode {
  /// Instructions whose encodings follow each other: the names, separated by spaces, `step` apart.
  static func row(_ first: UInt32, step: UInt32, _ operands: [Operand], _ names: String) -> [Opcode] {
    names.split(separator: " ").enumerated().map { index, name in
      Opcode(name: String(name), match: first + UInt32(index) * step, operands: operands)
    }
  }

  /// A single instruction.
  static func one(_ name: String, _ match: UInt32, _ operands: [Operand]) -> [Opcode] {
    [Opcode(name: name, match: match, operands: operands)]
  }

  /// The single- and double-precision form of one operation, `step` apart.
  static func pair(_ name: String, _ single: UInt32, step: UInt32, _ operands: [Operand]) -> [Opcode] {
    [
      Opcode(name: name + ".s", match: single, operands: operands),
      Opcode(name: name + ".d", match: single + step, operands: operands),
    ]
  }
}
