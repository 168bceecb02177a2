import Testing

@testable import SoftHypervisor

/// Values near every edge of the integer formats.
private let edges: [Double] = [
  0, -0.0, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 3.5, 0x1p31 - 1, 0x1p31 - 0.5, 0x1p31, 0x1p31 + 0.5, 0x1p32 - 0.5,
  0x1p52 + 0.5,
  0x1p53, 0x1p63, 0x1.fffffffffffffp62, 0x1.fffffffffffffp63, 0x1p64, 1e300, .infinity, .leastNonzeroMagnitude,
]

/// Rounding of an instruction: its name, Swift's rule, and the offset of its ftint opcode from ftintrm's.
struct Direction: Sendable, CustomStringConvertible {
  let description: String
  let rule: FloatingPointRoundingRule
  let opcode: UInt32
  let mode: Int
}

private let directions = [
  Direction(description: "ftintrm", rule: .down, opcode: 0x011a_0000, mode: 0),
  Direction(description: "ftintrp", rule: .up, opcode: 0x011a_4000, mode: 1),
  Direction(description: "ftintrz", rule: .towardZero, opcode: 0x011a_8000, mode: 2),
  Direction(description: "ftintrne", rule: .toNearestOrEven, opcode: 0x011a_c000, mode: 3),
  Direction(description: "ftint, nearest", rule: .toNearestOrEven, opcode: 0x011b_0000, mode: 0),
  Direction(description: "ftint, zero", rule: .towardZero, opcode: 0x011b_0000, mode: 1),
  Direction(description: "ftint, up", rule: .up, opcode: 0x011b_0000, mode: 2),
  Direction(description: "ftint, down", rule: .down, opcode: 0x011b_0000, mode: 3),
]

/// What the manual says, by Swift's own rounding: saturated, V alone if it does not fit.
private func expected<Integer: FixedWidthInteger>(
  _ value: Double, _ rule: FloatingPointRoundingRule, _ type: Integer.Type
) -> (Integer, UInt32) {
  guard !value.isNaN else { return (0, Raised.invalid) }
  let rounded = value.rounded(rule)
  if let exact = Integer(exactly: rounded) { return (exact, rounded == value ? 0 : Raised.inexact) }
  return (value < 0 ? Integer.min : Integer.max, Raised.invalid)
}

@Suite struct FloatConversionTests {
  @Test("converts to 64 bits, saturating", arguments: directions)
  func toLong(_ direction: Direction) {
    for value in edges.flatMap({ [$0, -$0] }) + [.nan] {
      let (result, raised) = expected(value, direction.rule, Int64.self)
      let unit = FloatUnit.scalar(direction.opcode | 0x2800, value.bitPattern, fcsr: rounding(direction.mode))
      #expect(Int64(bitPattern: unit.result) == result, "\(value)")
      #expect(unit.cause == raised, "\(value)")
    }
  }

  @Test("converts to 32 bits, saturating", arguments: directions)
  func toWord(_ direction: Direction) {
    for value in edges.flatMap({ [$0, -$0] }) + [.nan] {
      let (result, raised) = expected(value, direction.rule, Int32.self)
      let unit = FloatUnit.scalar(direction.opcode | 0x0800, value.bitPattern, fcsr: rounding(direction.mode))
      #expect(Int32(truncatingIfNeeded: unit.result) == result, "\(value)")
      #expect(unit.cause == raised, "\(value)")
    }
  }

  @Test("converts singles to 64 bits", arguments: directions)
  func singleToLong(_ direction: Direction) {
    for value in edges.flatMap({ [Float($0), -Float($0)] }) + [.nan] {
      let (result, raised) = expected(Double(value), direction.rule, Int64.self)
      let unit = FloatUnit.scalar(
        direction.opcode | 0x2400, UInt64(value.bitPattern), fcsr: rounding(direction.mode))
      #expect(Int64(bitPattern: unit.result) == result, "\(value)")
      #expect(unit.cause == raised, "\(value)")
    }
  }

  @Test("vftint.lu.d and vftintrz.lu.d: negative values that do not round to zero are invalid")
  func unsigned() {
    for value in edges.flatMap({ [$0, -$0] }) + [.nan] {
      for (opcode, rule) in [(0x729e_5c00, .toNearestOrEven), (0x729e_7400, .towardZero)]
        as [(UInt32, FloatingPointRoundingRule)]
      {
        let (result, raised) = expected(value, rule, UInt64.self)
        let unit = FloatUnit.vector(opcode, [value.bitPattern, 0])
        #expect(unit.result == result, "\(value)")
        #expect(unit.cause == raised, "\(value)")
      }
    }
  }

  @Test("frint agrees with Swift's rounding in every mode and keeps the sign of zero")
  func roundsToIntegral() {
    let rules: [FloatingPointRoundingRule] = [.toNearestOrEven, .towardZero, .up, .down]
    for value in edges.flatMap({ [$0, -$0] }) {
      for (mode, rule) in rules.enumerated() {
        let unit = FloatUnit.scalar(0x011e_4800, value.bitPattern, fcsr: rounding(mode))
        #expect(unit.result == value.rounded(rule).bitPattern, "\(value), mode \(mode)")
      }
    }
  }

  @Test(
    "every half-precision value survives the way to single and back",
    arguments: [0, 1, 2, 3])
  func halfRoundTrip(_ mode: Int) {
    for half in stride(from: UInt64(0), through: 0xffff, by: 4) {
      let isNaN = half & 0x7fff > 0x7c00
      let packed = half | (half + 1) << 16 | (half + 2) << 32 | (half + 3) << 48
      guard !isNaN else { continue }
      let unit = FloatUnit(fcsr: rounding(mode))
      unit.load([packed, 0], [0, 0], [0, 0])
      unit.run(0x729d_e800 | 1 << 5 | 4, 0x7146_0000 | 4 << 10 | 4 << 5)
      let expected = half & 0x7fff == 0x7c00 ? half : packed
      #expect(unit.result & (expected == packed ? UInt64.max : 0xffff) == expected)
    }
  }

  @Test(
    "vfcvt.h.s rounds, overflows and underflows",
    arguments: [
      (0x477f_f000, [0x7c00, 0x7bff, 0x7c00, 0x7bff], -1), (0x4780_0000, [0x7c00, 0x7bff, 0x7c00, 0x7bff], 5),
      (0x477f_e000, [0x7bff, 0x7bff, 0x7bff, 0x7bff], 0),
      (0x477f_efff, [0x7bff, 0x7bff, 0x7c00, 0x7bff], -1), (0x3300_0000, [0, 0, 1, 0], 3),
      (0x387f_e000, [0x400, 0x3ff, 0x400, 0x3ff], -1), (0x3f80_1000, [0x3c00, 0x3c00, 0x3c01, 0x3c00], 1),
      (0x7f80_0001, [0x7e00, 0x7e00, 0x7e00, 0x7e00], 16),
    ] as [(UInt64, [UInt64], Int)])
  func toHalf(_ single: UInt64, _ results: [UInt64], _ raised: Int) {
    for mode in 0..<4 {
      let unit = FloatUnit.vector(0x7146_0000, [0, 0], [single, 0], fcsr: rounding(mode))
      #expect(unit.result == results[mode], "mode \(mode)")
      // −1: the flags differ between modes, which the differential test looks at.
      if raised >= 0 { #expect(unit.cause == UInt32(raised), "mode \(mode)") }
    }
  }
}
