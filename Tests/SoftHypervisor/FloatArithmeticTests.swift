import Testing

@testable import SoftHypervisor

/// One operation and what it gives in the four rounding modes (nearest, zero, up, down).
struct RoundingCase: CustomStringConvertible, Sendable {
  let description: String
  let opcode: UInt32
  let operands: [UInt64]
  let results: [UInt64]
  let raised: UInt32
}

private let roundingCases: [RoundingCase] = [
  RoundingCase(
    description: "1 + 2^-53, halfway", opcode: 0x0101_0000, operands: [Bits.one, 0x3ca0_0000_0000_0000, 0],
    results: [Bits.one, Bits.one, Bits.one + 1, Bits.one], raised: Raised.inexact),
  RoundingCase(
    description: "(1 + 2^-52) + 2^-53, halfway with an odd neighbour", opcode: 0x0101_0000,
    operands: [Bits.one + 1, 0x3ca0_0000_0000_0000, 0],
    results: [Bits.one + 2, Bits.one + 1, Bits.one + 2, Bits.one + 1], raised: Raised.inexact),
  RoundingCase(
    description: "maximum + maximum", opcode: 0x0101_0000, operands: [Bits.maximum, Bits.maximum, 0],
    results: [Bits.infinity, Bits.maximum, Bits.infinity, Bits.maximum], raised: Raised.overflow | Raised.inexact),
  RoundingCase(
    description: "-maximum - maximum", opcode: 0x0103_0000, operands: [Bits.sign | Bits.maximum, Bits.maximum, 0],
    results: [
      Bits.sign | Bits.infinity, Bits.sign | Bits.maximum, Bits.sign | Bits.maximum, Bits.sign | Bits.infinity,
    ], raised: Raised.overflow | Raised.inexact),
  RoundingCase(
    description: "1 - 1: the sign of zero", opcode: 0x0103_0000, operands: [Bits.one, Bits.one, 0],
    results: [0, 0, 0, Bits.sign], raised: 0),
  RoundingCase(
    description: "smallest normal × 1/2: a denormal, exact", opcode: 0x0105_0000,
    operands: [Bits.minimumNormal, 0x3fe0_0000_0000_0000, 0],
    results: Array(repeating: 0x0008_0000_0000_0000, count: 4), raised: 0),
  RoundingCase(
    description: "smallest denormal × 1/2", opcode: 0x0105_0000, operands: [1, 0x3fe0_0000_0000_0000, 0],
    results: [0, 0, 1, 0], raised: Raised.underflow | Raised.inexact),
  RoundingCase(
    description: "1 / 3", opcode: 0x0107_0000, operands: [Bits.one, 0x4008_0000_0000_0000, 0],
    results: [
      0x3fd5_5555_5555_5555, 0x3fd5_5555_5555_5555, 0x3fd5_5555_5555_5556, 0x3fd5_5555_5555_5555,
    ], raised: Raised.inexact),
  RoundingCase(
    description: "-1 / 0", opcode: 0x0107_0000, operands: [Bits.sign | Bits.one, 0, 0],
    results: Array(repeating: Bits.sign | Bits.infinity, count: 4), raised: Raised.divisionByZero),
  RoundingCase(
    description: "√2", opcode: 0x0114_4800, operands: [0x4000_0000_0000_0000, 0, 0],
    results: [
      0x3ff6_a09e_667f_3bcd, 0x3ff6_a09e_667f_3bcc, 0x3ff6_a09e_667f_3bcd, 0x3ff6_a09e_667f_3bcc,
    ], raised: Raised.inexact),
  RoundingCase(
    description: "√-1", opcode: 0x0114_4800, operands: [Bits.sign | Bits.one, 0, 0],
    results: Array(repeating: Bits.quiet, count: 4), raised: Raised.invalid),
  RoundingCase(
    description: "(1 + 2^-52)² - (1 + 2^-51): only a fused operation keeps 2^-104", opcode: 0x0860_0000,
    operands: [Bits.one + 1, Bits.one + 1, Bits.one + 2],
    results: Array(repeating: 0x3970_0000_0000_0000, count: 4), raised: 0),
  RoundingCase(
    description: "-(1 × 1 + 2^-53): negated after rounding", opcode: 0x08a0_0000,
    operands: [Bits.one, Bits.one, 0x3ca0_0000_0000_0000],
    results: [
      Bits.sign | Bits.one, Bits.sign | Bits.one, Bits.sign | (Bits.one + 1), Bits.sign | Bits.one,
    ], raised: Raised.inexact),
  RoundingCase(
    description: "2^-1074 scaled up by 2098", opcode: 0x0111_0000, operands: [1, 2098, 0],
    results: Array(repeating: 0x7ff0_0000_0000_0000, count: 1)
      + [Bits.maximum, Bits.infinity, Bits.maximum], raised: Raised.overflow | Raised.inexact),
  RoundingCase(
    description: "1.5 scaled down to half of the smallest denormal's place", opcode: 0x0111_0000,
    operands: [0x3ff8_0000_0000_0000, UInt64(bitPattern: -1075), 0],
    results: [1, 0, 1, 0], raised: Raised.underflow | Raised.inexact),
  RoundingCase(
    description: "frint 2.5", opcode: 0x011e_4800, operands: [0x4004_0000_0000_0000, 0, 0],
    results: [
      0x4000_0000_0000_0000, 0x4000_0000_0000_0000, 0x4008_0000_0000_0000, 0x4000_0000_0000_0000,
    ], raised: Raised.inexact),
  RoundingCase(
    description: "frint -0.5", opcode: 0x011e_4800, operands: [0xbfe0_0000_0000_0000, 0, 0],
    results: [Bits.sign, Bits.sign, Bits.sign, 0xbff0_0000_0000_0000], raised: Raised.inexact),
  RoundingCase(
    description: "fcvt.s.d 1 + 2^-24, halfway", opcode: 0x0119_1800, operands: [0x3ff0_0000_1000_0000, 0, 0],
    results: [
      0xffff_ffff_3f80_0000, 0xffff_ffff_3f80_0000, 0xffff_ffff_3f80_0001, 0xffff_ffff_3f80_0000,
    ], raised: Raised.inexact),
  RoundingCase(
    description: "ffint.d.l 2^53 + 1", opcode: 0x011d_2800, operands: [1 << 53 + 1, 0, 0],
    results: [
      0x4340_0000_0000_0000, 0x4340_0000_0000_0000, 0x4340_0000_0000_0001, 0x4340_0000_0000_0000,
    ], raised: Raised.inexact),
]

@Suite struct FloatArithmeticTests {
  @Test("gives the IEEE result and flags in each rounding mode", arguments: roundingCases)
  func roundsAsModeSays(_ item: RoundingCase) {
    for mode in 0..<4 {
      let unit = FloatUnit.scalar(
        item.opcode, item.operands[0], item.operands[1], item.operands[2], fcsr: rounding(mode))
      #expect(unit.result == item.results[mode], "mode \(mode)")
      #expect(unit.cause == item.raised && unit.flags == item.raised, "mode \(mode)")
    }
  }

  @Test("gives the same fused results without the host's FMA", arguments: roundingCases)
  func fusedBySoftware(_ item: RoundingCase) {
    for mode in 0..<4 where item.opcode >> 24 == 0x08 {
      let unit = FloatUnit(fcsr: rounding(mode))
      unit.registers.float.pointee.hasFMA = false
      unit.load([item.operands[0]], [item.operands[1]], [item.operands[2]])
      unit.run(item.opcode | FloatUnit.operands(item.opcode))
      #expect(unit.result == item.results[mode] && unit.cause == item.raised, "mode \(mode)")
    }
  }

  /// opcode, a, b, c → result, raised
  @Test(
    "propagates NaNs by LoongArch's rules",
    arguments: [
      ("two quiet: the first", 0x0101_0000, [Bits.quiet | 5, Bits.quiet | 9, 0], Bits.quiet | 5, 0),
      (
        "signalling second goes first, quietened", 0x0101_0000, [Bits.quiet | 5, Bits.signalling, 0], Bits.quiet | 1, 16
      ),
      ("number and quiet", 0x0105_0000, [Bits.one, Bits.sign | Bits.quiet | 3, 0], Bits.sign | Bits.quiet | 3, 0),
      ("infinity - infinity: the positive default", 0x0103_0000, [Bits.infinity, Bits.infinity, 0], Bits.quiet, 16),
      ("0 / 0", 0x0107_0000, [0, 0, 0], Bits.quiet, 16),
      (
        "fused: addend before factors", 0x0820_0000, [Bits.quiet | 1, Bits.quiet | 2, Bits.quiet | 3], Bits.quiet | 3, 0
      ),
      (
        "fused: infinity × 0 is invalid beside a NaN", 0x0820_0000, [Bits.infinity, 0, Bits.quiet | 3], Bits.quiet | 3,
        16
      ),
      ("fused negation leaves a NaN's sign", 0x08a0_0000, [Bits.one, Bits.one, Bits.quiet], Bits.quiet, 0),
      ("fmax: a quiet NaN gives way", 0x0109_0000, [Bits.quiet, Bits.one, 0], Bits.one, 0),
      ("fmax: a signalling one does not", 0x0109_0000, [Bits.signalling, Bits.one, 0], Bits.quiet | 1, 16),
      ("frsqrt of a negative number", 0x0114_6800, [Bits.sign | Bits.one, 0, 0], Bits.quiet, 16),
      ("fcvt.s.d keeps the upper payload", 0x0119_1800, [Bits.quiet | 5 << 29, 0, 0], 0xffff_ffff_7fc0_0005, 0),
    ] as [(String, UInt32, [UInt64], UInt64, UInt32)])
  func propagatesNaN(_ name: String, _ opcode: UInt32, _ operands: [UInt64], _ expected: UInt64, _ raised: UInt32) {
    let unit = FloatUnit.scalar(opcode, operands[0], operands[1], operands[2])
    #expect(unit.result == expected, "\(name)")
    #expect(unit.cause == raised, "\(name)")
  }

  @Test(
    "orders zeros and magnitudes",
    arguments: [
      (0x0109_0000, Bits.sign, 0, 0), (0x010b_0000, 0, Bits.sign, Bits.sign),
      (0x010d_0000, Bits.sign | Bits.maximum, Bits.one, Bits.sign | Bits.maximum),
      (0x010d_0000, Bits.sign | Bits.one, Bits.one, Bits.one),
      (0x010f_0000, Bits.sign | Bits.one, Bits.one, Bits.sign | Bits.one),
    ] as [(UInt32, UInt64, UInt64, UInt64)])
  func extrema(_ opcode: UInt32, _ a: UInt64, _ b: UInt64, _ expected: UInt64) {
    #expect(FloatUnit.scalar(opcode, a, b).result == expected)
  }

  @Test(
    "classifies every kind of value",
    arguments: [
      (Bits.signalling, 0), (Bits.quiet, 1), (Bits.sign | Bits.infinity, 2), (Bits.sign | Bits.one, 3),
      (Bits.sign | 1, 4), (Bits.sign, 5), (Bits.infinity, 6), (Bits.one, 7), (1, 8), (0, 9),
    ] as [(UInt64, UInt64)])
  func classifies(_ value: UInt64, _ bit: UInt64) {
    #expect(FloatUnit.scalar(0x0114_3800, value).result == 1 << bit)
  }

  @Test(
    "takes the exponent, of denormals too",
    arguments: [
      (Bits.one - 1, -1.0, 0), (1, -1074.0, 0), (Bits.maximum, 1023.0, 0), (Bits.infinity, .infinity, 0),
      (0, -.infinity, 8),
    ] as [(UInt64, Double, UInt32)])
  func logb(_ value: UInt64, _ expected: Double, _ raised: UInt32) {
    let unit = FloatUnit.scalar(0x0114_2800, value)
    #expect(unit.result == expected.bitPattern && unit.cause == raised)
  }

  @Test("boxes single results and ignores the upper half of operands")
  func boxesSingles() {
    let unit = FloatUnit.scalar(0x0100_8000, 0x1234_5678_3f80_0000, 0xdead_beef_4000_0000)
    #expect(unit.result == 0xffff_ffff_4040_0000)
  }

  @Test("leaves the upper half of the vector register alone")
  func keepsUpperHalf() {
    let unit = FloatUnit()
    unit[vector: 0] = [1, 0x55aa]
    unit.run(0x0101_0000 | FloatUnit.operands(0x0101_0000))
    #expect(unit[vector: 0] == [0, 0x55aa])
  }

  @Test(
    "refuses words that are no instruction of this CPU",
    arguments: [
      0x0114_7800, 0x0114_8800, 0x0114_e000, 0x0114_e400, 0x0115_0000, 0x0c2d_0000, 0x0c2e_0000, 0x0c29_0000,
      0x0100_0000, 0x0101_8000, 0x0800_0000, 0x0c30_0000, 0x0d04_0000, 0x0114_c004, 0x0114_c880, 0x011f_0000,
    ] as [UInt32])
  func refuses(_ word: UInt32) {
    #expect(FloatUnit().run(word) == .unimplemented)
  }
}
