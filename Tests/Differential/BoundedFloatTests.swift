import Testing

/// fldle, fstle and their like, which QEMU gets wrong: against the manual (Vol. 1, 3.2.6.3) instead.
@Suite struct BoundedFloatTests {
  private static let loads = [
    Opcode(name: "fldgt.s", match: 0x3874_0000, operands: []),
    Opcode(name: "fldgt.d", match: 0x3874_8000, operands: []),
    Opcode(name: "fldle.s", match: 0x3875_0000, operands: []),
    Opcode(name: "fldle.d", match: 0x3875_8000, operands: []),
  ]

  /// The word of `opcode` with the register numbers given.
  private func operation(_ opcode: Opcode, fd: UInt32, bound: UInt32) -> Operation {
    let word = opcode.match | bound << 10 | Reserved.alignedAddress << 5 | fd
    return Operation(opcode: opcode, word: word, words: [word])
  }

  private func start() -> RegisterBlock {
    var block = RegisterBlock()
    block.setScratch(12, 0x1122_3344_5566_7788)
    block.setVectorHalf(6, 0x99aa_bbcc_ddee_ff00)
    return block
  }

  @Test(arguments: loads)
  func boundHolds_loadReadsTheAddressItself(opcode: Opcode) throws {
    let bound = opcode.name.hasPrefix("fldgt") ? Reserved.lowBound : Reserved.highBound
    let outcome = try Atoll.run([Sequence(operations: [operation(opcode, fd: 3, bound: bound)], start: start())])
    let mask: UInt64 = opcode.name.hasSuffix("s") ? 0xffff_ffff : .max
    #expect(outcome.faults.isEmpty)
    #expect(outcome.blocks[0][34 + 6] & mask == 0x1122_3344_5566_7788 & mask)
  }

  @Test(arguments: loads)
  func boundHolds_storeWritesTheAddressItself(opcode: Opcode) throws {
    let bound = opcode.name.hasPrefix("fldgt") ? Reserved.lowBound : Reserved.highBound
    let store = Opcode(name: opcode.name, match: opcode.match + 0x2_0000, operands: [])
    let outcome = try Atoll.run([Sequence(operations: [operation(store, fd: 3, bound: bound)], start: start())])
    let mask: UInt64 = opcode.name.hasSuffix("s") ? 0xffff_ffff : .max
    #expect(outcome.faults.isEmpty)
    #expect(outcome.blocks[0][112] == (0x1122_3344_5566_7788 & ~mask) | (0x99aa_bbcc_ddee_ff00 & mask))
  }

  @Test(arguments: loads)
  func boundFails_raisesBCEAndLoadsNothing(opcode: Opcode) throws {
    let bound = opcode.name.hasPrefix("fldgt") ? Reserved.highBound : Reserved.lowBound
    let outcome = try Atoll.run([Sequence(operations: [operation(opcode, fd: 3, bound: bound)], start: start())])
    #expect(outcome.faults.map(\.ecode) == [10])
    #expect(outcome.blocks[0][34 + 6] == 0x99aa_bbcc_ddee_ff00)
  }
}
