import Testing

@testable import SoftHypervisor

/// Every integer LSX instruction against results that an independent implementation gave for the same cases.
@Suite struct VectorDigestTests {
  @Test(arguments: VectorOpcodes.integer)
  func randomCases_leaveReferenceState(_ form: OpcodeForm) {
    let machine = VectorMachine()
    var random = SplitMix64(state: UInt64(form.match))
    var digest = StateDigest()
    for _ in 0..<VectorDigests.casesPerInstruction {
      _ = machine.run(VectorCase(form, &random))
      machine.addState(to: &digest)
    }
    #expect(digest.value == VectorDigests.expected[form.name])
  }
}

extension VectorMachine {
  /// vr4–vr7, r4–r7 and the flags as one word with fcc0 lowest.
  fileprivate func addState(to digest: inout StateDigest) {
    for index in 8..<16 { digest.add(registers.vr[index]) }
    for index in 4..<8 { digest.add(registers.gpr[index]) }
    digest.add((0..<8).reduce(0) { $0 | UInt64(registers.fcc[$1]) << UInt64(8 * $1) })
  }
}
