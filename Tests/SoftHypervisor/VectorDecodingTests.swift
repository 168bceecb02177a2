import Testing

@testable import SoftHypervisor

/// Which words are LSX instructions.
@Suite struct VectorDecodingTests {
  @Test(arguments: VectorOpcodes.integer)
  func integerForm_isImplemented(_ form: OpcodeForm) {
    #expect(VectorMachine().run(form.match) == .done)
  }

  @Test(arguments: [0x1d, 0x1e, 0x1f])
  func loadImmediateWithReservedMode_isNoInstruction(mode: UInt32) {
    let machine = VectorMachine()
    let before = machine.snapshot
    #expect(machine.run(0x73e0_0000 | mode << 13) == .unimplemented)
    #expect(machine.snapshot == before)
  }

  @Test func wordOutsideTheTable_isNoInstructionAndChangesNothing() {
    let forms = VectorOpcodes.integer + VectorOpcodes.floatingPoint
    let machine = VectorMachine()
    for register in 0..<32 { machine[vector: register] = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210 }
    let before = machine.snapshot
    var random = SplitMix64(state: 1)
    for _ in 0..<500 {
      let word = 0x7000_0000 | UInt32(truncatingIfNeeded: random.next()) & 0x03ff_ffff
      if forms.contains(where: { word & ~$0.format.operandBits == $0.match }) { continue }
      // The condition flag group does not decode bits 4:3.
      if word & 0xffff_c000 == 0x729c_8000 { continue }
      #expect(machine.run(word) == .unimplemented, "\(String(word, radix: 16))")
    }
    #expect(machine.snapshot == before)
  }

  @Test(arguments: [0x0d00_0000, 0x0d20_0000, 0x0d60_0000, 0x0df0_0000, 0x7400_0000, 0x3000_0000])
  func wordOfAnotherGroup_isNoInstruction(word: UInt32) {
    #expect(VectorMachine().run(word) == .unimplemented)
  }
}
