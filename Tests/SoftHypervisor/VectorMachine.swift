@testable import SoftHypervisor

/// The registers that vector instructions see, all 0 at first, and a way to run one instruction on them.
final class VectorMachine {
  private let float: UnsafeMutablePointer<FloatState>
  let registers: RegisterFile

  init() {
    float = .allocate(capacity: 1)
    float.initialize(to: FloatState())
    registers = RegisterFile(
      gpr: .allocate(capacity: 33), vr: .allocate(capacity: 64), fcc: .allocate(capacity: 8), float: float)
    registers.gpr.initialize(repeating: 0, count: 33)
    registers.vr.initialize(repeating: 0, count: 64)
    registers.fcc.initialize(repeating: 0, count: 8)
  }

  deinit {
    registers.gpr.deallocate()
    registers.vr.deallocate()
    registers.fcc.deallocate()
    float.deallocate()
  }

  /// The contents of vector register `index`.
  subscript(vector index: Int) -> UInt128 {
    get { UInt128(registers.vr[2 * index + 1]) << 64 | UInt128(registers.vr[2 * index]) }
    set {
      registers.vr[2 * index] = UInt64(truncatingIfNeeded: newValue)
      registers.vr[2 * index + 1] = UInt64(truncatingIfNeeded: newValue >> 64)
    }
  }

  /// All vector registers, general registers and condition flags.
  var snapshot: [UInt64] {
    (0..<64).map { registers.vr[$0] } + (0..<33).map { registers.gpr[$0] } + (0..<8).map { UInt64(registers.fcc[$0]) }
  }

  func run(_ word: UInt32) -> Outcome { executeVector(word, registers) }

  /// Loads the registers of `given`, all condition flags clear, and runs its instruction.
  func run(_ given: VectorCase) -> Outcome {
    for (index, half) in given.vectors.enumerated() { registers.vr[8 + index] = half }
    for (index, value) in given.generals.enumerated() { registers.gpr[4 + index] = value }
    for index in 0..<8 { registers.fcc[index] = 0 }
    return run(given.word)
  }
}
