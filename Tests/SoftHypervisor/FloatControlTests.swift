import Testing

@testable import SoftHypervisor

private let add: UInt32 = 0x0101_0000 | FloatUnit.operands(0x0101_0000)
private let divide: UInt32 = 0x0107_0000 | FloatUnit.operands(0x0107_0000)
private let multiply: UInt32 = 0x0105_0000 | FloatUnit.operands(0x0105_0000)

@Suite struct FloatControlTests {
  @Test("Cause is that of the last instruction, Flags those of all")
  func lazyCause() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0], [])
    unit.run(divide, add)
    #expect(unit.cause == 0)
    #expect(unit.flags == Raised.divisionByZero)
  }

  @Test("Cause survives that the instruction overwrote its own operand")
  func causeOfOverwrittenOperand() {
    let unit = FloatUnit()
    unit.load([Bits.maximum], [Bits.maximum], [])
    unit.run(0x0101_0000 | 1 << 5 | 2 << 10 | 1)
    #expect(unit.cause == Raised.overflow | Raised.inexact)
    #expect(unit[vector: 1][0] == Bits.infinity)
  }

  @Test("Cause is exact where the last instruction raised what an earlier one had raised already")
  func causeAfterSticky() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0x4008_0000_0000_0000], [])
    unit.run(divide, divide)
    #expect(unit.cause == Raised.inexact && unit.flags == Raised.inexact)
  }

  @Test("moves and sign changes leave Cause")
  func movesKeepCause() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0], [])
    unit.run(divide, 0x0114_1800 | 1 << 5, 0x0114_3800 | 1 << 5, 0x0114_9800 | 1 << 5)
    #expect(unit.cause == Raised.divisionByZero)
  }

  @Test("the guest reads FCSR in the middle of a run")
  func readsInside() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0], [])
    unit.run(divide, 0x0114_c800 | 4)
    #expect(unit.registers.gpr[4] == 0x0808_0000)
  }

  @Test("a write of RM changes how the next instruction rounds")
  func writesMode() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0x3ca0_0000_0000_0000], [])
    unit.registers.gpr[4] = 0x200
    unit.run(0x0114_c000 | 4 << 5 | 3, add)
    #expect(unit.result == Bits.one + 1)
    #expect(unit.fcsr & 0x300 == 0x200)
  }

  @Test(
    "each view writes its own fields",
    arguments: [(0, 0x1f1f_031f), (1, 0x1f), (2, 0x1f1f_0000), (3, 0x300)] as [(UInt32, UInt32)])
  func views(_ index: UInt32, _ mask: UInt32) {
    let unit = FloatUnit()
    unit.registers.gpr[4] = UInt64.max
    unit.run(0x0114_c000 | 4 << 5 | index)
    #expect(unit.fcsr == mask)
    unit.registers.float.pointee.fcsr = 0x1f1f_031f
    unit.run(0x0114_c800 | index << 5 | 5)
    #expect(unit.registers.gpr[5] == UInt64(mask))
  }

  @Test("clearing Flags through fcsr2 clears what the host has collected")
  func clearsFlags() {
    let unit = FloatUnit()
    unit.load([Bits.one], [0], [])
    unit.run(divide, 0x0114_c000 | 2, add)
    #expect(unit.fcsr == 0)
  }

  @Test(
    "an enabled exception traps: Cause is set, Flags and destination are not",
    arguments: [
      (divide, Bits.one, 0, Raised.divisionByZero), (divide, 0, 0, Raised.invalid),
      (add, Bits.maximum, Bits.maximum, Raised.overflow),
      (add, Bits.one, 0x3ca0_0000_0000_0000, Raised.inexact),
      (multiply, 3, 0x3fe0_0000_0000_0000, Raised.underflow),
      (0x0c20_8000 | 1 << 5 | 2 << 10, Bits.quiet, 0, Raised.invalid),
      (0x011a_a800 | 1 << 5, Bits.quiet, 0, Raised.invalid),
    ] as [(UInt32, UInt64, UInt64, UInt32)])
  func traps(_ word: UInt32, _ a: UInt64, _ b: UInt64, _ enable: UInt32) {
    let unit = FloatUnit(fcsr: enable)
    unit[vector: 0] = [0x77, 0]
    unit.registers.fcc[0] = 1
    unit.load([a], [b], [])
    #expect(unit.run(word) == .floatingPointException)
    #expect(unit.cause & enable != 0 && unit.flags == 0)
    #expect(unit.result == 0x77 && unit.registers.fcc[0] == 1)
  }

  @Test("an exception that is not enabled does not trap beside one that is")
  func otherExceptionEnabled() {
    let unit = FloatUnit(fcsr: Raised.invalid)
    unit.load([Bits.one], [0], [])
    #expect(unit.run(divide) == .done)
    #expect(unit.result == Bits.infinity)
    #expect(unit.fcsr == 0x0808_0000 | Raised.invalid)
  }

  @Test("the host has its own rounding mode and no flags after a run")
  func restoresHost() {
    let unit = FloatUnit(fcsr: rounding(2))
    unit.load([Bits.one], [0x4008_0000_0000_0000], [])
    unit.run(divide)
    let third = 1.0 / Double(unit[vector: 2][0] == 0 ? 1 : 3)
    #expect(third.bitPattern == 0x3fd5_5555_5555_5555)
  }

  @Test("hot primitives agree with the instructions they stand for, Cause too")
  func hotAgrees() {
    let values = [0, 1, Bits.minimumNormal, Bits.one, Bits.maximum, Bits.infinity, Bits.quiet | 7, Bits.signalling]
    for a in values {
      for b in values {
        compareHot(0x0101_0000, a, b) { hotAddD($0.vr, 0, 1, 2, $0.float) }
        compareHot(0x0103_0000, a, b) { hotSubtractD($0.vr, 0, 1, 2, $0.float) }
        compareHot(0x0105_0000, a, b) { hotMultiplyD($0.vr, 0, 1, 2, $0.float) }
        compareHot(0x0107_0000, a, b) { hotDivideD($0.vr, 0, 1, 2, $0.float) }
        compareHot(0x0100_8000, a, b) { hotAddS($0.vr, 0, 1, 2, $0.float) }
        compareHot(0x08e0_0000, a, b) {
          hotFusedD($0.vr, 0, 1, 2, 3, negateAddend: true, negateResult: true, $0.float)
        }
        compareHot(0x0c21_8000, a, b) { $0.fcc[0] = hotCompareD($0.vr, 1, 2, condition: 3, $0.float) }
        compareHot(0x0c10_0000, a, b) { $0.fcc[0] = hotCompareS($0.vr, 1, 2, condition: 0, $0.float) }
        compareHot(0x011a_a800, a, b) { $0.vr[0] = hotLongFromDouble($0.vr[2], $0.float) }
        compareHot(0x011a_8800, a, b) { $0.vr[0] = hotWordFromDouble($0.vr[2], $0.float) }
        compareHot(0x0119_1800, a, b) { $0.vr[0] = hotSingleFromDouble($0.vr[2], $0.float) }
        compareHot(0x0114_4800, a, b) { $0.vr[0] = hotRootD($0.vr[2], $0.float) }
      }
    }
  }

  private func compareHot(_ opcode: UInt32, _ a: UInt64, _ b: UInt64, _ hot: (RegisterFile) -> Void) {
    let expected = FloatUnit.scalar(opcode, a, b, Bits.one)
    let unit = FloatUnit()
    unit.load([a], [b], [Bits.one])
    enterFloat(unit.registers.float)
    hot(unit.registers)
    leaveFloat(unit.registers.float)
    #expect(unit.result == expected.result && unit.fcsr == expected.fcsr)
    #expect(unit.registers.fcc[0] == expected.registers.fcc[0])
  }
}
