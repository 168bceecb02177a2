import Foundation
import Testing

/// A group of instructions that are tested together.
enum Family: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case arithmetic, multiplication, division, bits, crc, branches
  case memory, boundedMemory, atomicMemory, linkedMemory, floatMemory, vectorMemory
  case floatArithmetic, floatConversion, floatComparison, floatMoves
  case vectorInteger, vectorFloat

  var testDescription: String { rawValue }

  var opcodes: [Opcode] {
    switch self {
    case .arithmetic: IntegerOpcodes.arithmetic
    case .multiplication: IntegerOpcodes.multiplication
    case .division: IntegerOpcodes.division
    case .bits: IntegerOpcodes.bits
    case .crc: IntegerOpcodes.crc
    case .branches: IntegerOpcodes.branches
    case .memory: MemoryOpcodes.integer
    case .boundedMemory: MemoryOpcodes.bounded
    case .atomicMemory: MemoryOpcodes.atomic
    case .linkedMemory: MemoryOpcodes.linked
    case .floatMemory: MemoryOpcodes.float
    case .vectorMemory: MemoryOpcodes.vector
    case .floatArithmetic: FloatOpcodes.arithmetic
    case .floatConversion: FloatOpcodes.conversion
    case .floatComparison: FloatOpcodes.comparison
    case .floatMoves: FloatOpcodes.moves
    case .vectorInteger: VectorOpcodes.integer.map(Opcode.init)
    case .vectorFloat: VectorOpcodes.floatingPoint.filter(\.isOffered).map(Opcode.init)
    }
  }

  var usesFloat: Bool {
    switch self {
    case .floatArithmetic, .floatConversion, .floatComparison, .floatMoves, .vectorFloat: true
    default: false
    }
  }
}

/// SoftHypervisor against QEMU's user mode: the same sequences must leave the same registers.
///
/// ATOLL_DIFFERENTIAL_SEED chooses other sequences (a failure prints its seed), ATOLL_DIFFERENTIAL_SETS more operand sets,
/// ATOLL_DIFFERENTIAL_ONLY instructions whose names start so.
@Suite(.serialized) struct DifferentialTests {
  private static func number(_ name: String, _ standard: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? standard
  }

  @Test(.timeLimit(.minutes(2)), arguments: Family.allCases)
  func generatedSequences_leaveTheSameRegisters(family: Family) throws {
    let seed = Self.number("ATOLL_DIFFERENTIAL_SEED", 20_261_123)
    let sets = Int(Self.number("ATOLL_DIFFERENTIAL_SETS", 200))
    var generator = SequenceGenerator(seed: seed, usesFloat: family.usesFloat)
    let only = ProcessInfo.processInfo.environment["ATOLL_DIFFERENTIAL_ONLY"] ?? ""
    let opcodes = family.opcodes.filter { $0.name.hasPrefix(only) }
    guard !opcodes.isEmpty else { return }
    let sequences = generator.sequences(of: opcodes, times: sets)
    let expected = try QEMU.run(sequences)
    let outcome = try Atoll.run(sequences)
    let differing = sequences.indices.filter { index in
      expected[index] != outcome.blocks[index] || outcome.faults.contains { $0.sequence == index }
    }
    guard !differing.isEmpty else { return }
    for line in try Reduction.report(differing.map { sequences[$0] }) {
      Issue.record("\(line)\nseed \(seed); \(differing.count) of \(sequences.count) sequences differ")
    }
  }
}
