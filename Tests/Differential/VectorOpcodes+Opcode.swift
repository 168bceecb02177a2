// The table of vector instructions is shared with SoftHypervisor's own tests (a link to its file there).

extension OpcodeForm {
  /// vfrecipe and vfrsqrte need CPUCFG.2.FRECIPE, which is 0.
  var isOffered: Bool { !name.hasPrefix("vfrecipe.") && !name.hasPrefix("vfrsqrte.") }
}

extension Opcode {
  init(_ form: OpcodeForm) { self.init(name: form.name, match: form.match, operands: form.format.operands) }
}

extension OperandFormat {
  fileprivate var operands: [Operand] {
    let vd = Operand(.vector, 0)
    let vj = Operand(.vector, 5)
    return switch self {
    case .vv: [vd, vj]
    case .vvv: [vd, vj, Operand(.vector, 10)]
    case .vvvv: [vd, vj, Operand(.vector, 10), Operand(.vector, 15)]
    case .vvr: [vd, vj, Operand(.source, 10)]
    case .vvi(let width): [vd, vj, Operand(.immediate, 10, UInt32(width))]
    case .vr: [vd, Operand(.source, 5)]
    case .vri(let width): [vd, Operand(.source, 5), Operand(.immediate, 10, UInt32(width))]
    case .rvi(let width): [Operand(.destination, 0), vj, Operand(.immediate, 10, UInt32(width))]
    case .cv: [Operand(.flag, 0, 3), vj]
    case .vi13: [vd, Operand(.immediate, 5, 13)]
    }
  }
}
