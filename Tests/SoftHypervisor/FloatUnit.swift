@testable import SoftHypervisor

/// Registers of one CPU for floating-point tests. Words name them so: d = 0, j = 1, k = 2, a = 3.
final class FloatUnit {
  let registers: RegisterFile

  init(fcsr: UInt32 = 0) {
    registers = RegisterFile(
      gpr: .allocate(capacity: 33), vr: .allocate(capacity: 64), fcc: .allocate(capacity: 8),
      float: .allocate(capacity: 1))
    registers.gpr.initialize(repeating: 0, count: 33)
    registers.vr.initialize(repeating: 0, count: 64)
    registers.fcc.initialize(repeating: 0, count: 8)
    registers.float.initialize(to: FloatState())
    registers.float.pointee.fcsr = fcsr
  }

  deinit {
    registers.gpr.deallocate()
    registers.vr.deallocate()
    registers.fcc.deallocate()
    registers.float.deallocate()
  }

  subscript(vector index: Int) -> [UInt64] {
    get { [registers.vr[2 * index], registers.vr[2 * index + 1]] }
    set {
      registers.vr[2 * index] = newValue.first ?? 0
      registers.vr[2 * index + 1] = newValue.count > 1 ? newValue[1] : 0
    }
  }

  /// FCSR0; settled, as the unit is outside `run`.
  var fcsr: UInt32 { registers.float.pointee.fcsr }
  var cause: UInt32 { fcsr >> 24 & 0x1f }
  var flags: UInt32 { fcsr >> 16 & 0x1f }
  var result: UInt64 { registers.vr[0] }

  /// Executes `words` as one stretch of a run: FCSR is settled after the last only.
  @discardableResult
  func run(_ words: UInt32...) -> Outcome {
    enterFloat(registers.float)
    defer { leaveFloat(registers.float) }
    var outcome = Outcome.done
    for word in words where outcome == .done {
      outcome = Self.isVector(word) ? executeVectorFloat(word, registers) : executeFloat(word, registers)
    }
    return outcome
  }

  /// One scalar instruction on new registers.
  static func scalar(
    _ opcode: UInt32, _ a: UInt64, _ b: UInt64 = 0, _ c: UInt64 = 0, fcsr: UInt32 = 0
  ) -> FloatUnit {
    let unit = FloatUnit(fcsr: fcsr)
    unit.load([a], [b], [c])
    unit.run(opcode | FloatUnit.operands(opcode))
    return unit
  }

  /// One vector instruction on new registers.
  static func vector(
    _ opcode: UInt32, _ a: [UInt64], _ b: [UInt64] = [0, 0], _ c: [UInt64] = [0, 0], fcsr: UInt32 = 0
  ) -> FloatUnit {
    let unit = FloatUnit(fcsr: fcsr)
    unit.load(a, b, c)
    unit.run(opcode | FloatUnit.operands(opcode))
    return unit
  }

  func load(_ a: [UInt64], _ b: [UInt64], _ c: [UInt64]) {
    self[vector: 1] = a
    self[vector: 2] = b
    self[vector: 3] = c
  }

  private static func isVector(_ word: UInt32) -> Bool {
    word >> 24 == 0x09 || word >> 24 >= 0x70 || word >> 20 == 0x0c5 || word >> 20 == 0x0c6
  }

  /// The register fields of an opcode, by how many it has.
  static func operands(_ opcode: UInt32) -> UInt32 {
    switch opcode >> 24 {
    case 0x08, 0x09: return 1 << 5 | 2 << 10 | 3 << 15
    case 0x01 where opcode >= 0x0114_0000, 0x72: return 1 << 5
    default: return 1 << 5 | 2 << 10
    }
  }
}

/// FCSR0 with a rounding mode and nothing else.
func rounding(_ mode: Int) -> UInt32 { UInt32(mode) << 8 }

/// Exception bits in the order of FCSR0's fields.
enum Raised {
  static let inexact: UInt32 = 1
  static let underflow: UInt32 = 2
  static let overflow: UInt32 = 4
  static let divisionByZero: UInt32 = 8
  static let invalid: UInt32 = 16
}

enum Bits {
  static let quiet: UInt64 = 0x7ff8_0000_0000_0000
  static let signalling: UInt64 = 0x7ff0_0000_0000_0001
  static let infinity: UInt64 = 0x7ff0_0000_0000_0000
  static let maximum: UInt64 = 0x7fef_ffff_ffff_ffff
  static let minimumNormal: UInt64 = 0x0010_0000_0000_0000
  static let one: UInt64 = 0x3ff0_0000_0000_0000
  static let sign: UInt64 = 1 << 63
}
