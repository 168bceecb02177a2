import Testing

@testable import SoftHypervisor

/// Scalar opcode and the vector opcode that does the same in each lane of 64 bits.
private let pairs: [(UInt32, UInt32)] = [
  (0x0101_0000, 0x7131_0000), (0x0103_0000, 0x7133_0000), (0x0105_0000, 0x7139_0000), (0x0107_0000, 0x713b_0000),
  (0x0109_0000, 0x713d_0000), (0x010b_0000, 0x713f_0000), (0x010d_0000, 0x7141_0000), (0x010f_0000, 0x7143_0000),
  (0x0820_0000, 0x0920_0000), (0x0860_0000, 0x0960_0000), (0x08a0_0000, 0x09a0_0000), (0x08e0_0000, 0x09e0_0000),
  (0x0114_2800, 0x729c_c800), (0x0114_3800, 0x729c_d800), (0x0114_4800, 0x729c_e800), (0x0114_5800, 0x729c_f800),
  (0x0114_6800, 0x729d_0800), (0x011e_4800, 0x729d_3800), (0x011a_2800, 0x729e_3c00), (0x011a_6800, 0x729e_4400),
  (0x011a_a800, 0x729e_4c00), (0x011a_e800, 0x729e_5400), (0x011b_2800, 0x729e_3400), (0x011d_2800, 0x729e_0800),
]

private let values: [UInt64] = [
  0, Bits.sign, 1, Bits.minimumNormal, 0x3fe0_0000_0000_0000, Bits.one, Bits.one + 1, 0xc004_0000_0000_0000,
  Bits.maximum, Bits.infinity, Bits.sign | Bits.infinity, Bits.quiet | 7, Bits.signalling,
]

@Suite struct FloatVectorTests {
  @Test("a vector instruction is the scalar one in each lane, Cause the union", arguments: 0..<4)
  func lanesMatchScalars(_ mode: Int) {
    for (scalar, vector) in pairs {
      for (index, a) in values.enumerated() {
        let b = values[(index + 5) % values.count]
        for c in scalar >> 24 == 0x08 ? values : [Bits.one] {
          let low = FloatUnit.scalar(scalar, a, b, c, fcsr: rounding(mode))
          let high = FloatUnit.scalar(scalar, b, c, a, fcsr: rounding(mode))
          let both = FloatUnit.vector(vector, [a, b], [b, c], [c, a], fcsr: rounding(mode))
          #expect(both[vector: 0] == [low.result, high.result])
          #expect(both.fcsr == low.fcsr | high.fcsr)
        }
      }
    }
  }

  @Test("the 22 conditions hold for their relations, and signalling ones raise V for a quiet NaN")
  func conditions() {
    for code in 0..<32 as Range<UInt32> {
      guard code >> 1 <= 8 || code >> 1 == 10 || code >> 1 == 12 else { continue }
      let holds = [code & 2 != 0 || code & 16 != 0, code & 4 != 0, code & 16 != 0, code & 8 != 0]
      let operands = [(1.0, 2.0), (2.0, 2.0), (3.0, 2.0), (Double.nan, 2.0)]
      for (expected, (a, b)) in zip(holds, operands) {
        let vector = FloatUnit.vector(0x0c60_0000 | code << 15, [a.bitPattern, 0], [b.bitPattern, Bits.quiet])
        let scalar = FloatUnit.scalar(0x0c20_0000 | code << 15, a.bitPattern, b.bitPattern)
        #expect(vector.result == (expected ? UInt64.max : 0))
        #expect(scalar.registers.fcc[0] == (expected ? 1 : 0))
        #expect(scalar.cause == (a.isNaN && code & 1 != 0 ? Raised.invalid : 0))
        #expect(vector.cause == (code & 1 != 0 ? Raised.invalid : 0))
      }
    }
  }

  @Test("single lanes are independent and a NaN lane does not disturb the others")
  func singleLanes() {
    let a: [UInt64] = [0x7f80_0001_3f80_0000, 0x7f80_0000_4040_0000]
    let b: [UInt64] = [0x3f80_0000_4000_0000, 0xff80_0000_3f80_0000]
    let unit = FloatUnit.vector(0x7130_8000, a, b)
    #expect(unit[vector: 0] == [0x7fc0_0001_4040_0000, 0x7fc0_0000_4080_0000])
    #expect(unit.cause == Raised.invalid)
  }

  @Test("two-source conversions put vj above vk")
  func joinsSources() {
    let one = Double(1).bitPattern
    let two = Double(2).bitPattern
    #expect(
      FloatUnit.vector(0x7146_8000, [one, one], [two, two])[vector: 0] == [
        0x4000_0000_4000_0000, 0x3f80_0000_3f80_0000,
      ])
    #expect(FloatUnit.vector(0x7149_8000, [one, two], [two, one])[vector: 0] == [0x1_0000_0002, 0x2_0000_0001])
    #expect(
      FloatUnit.vector(0x7148_0000, [1, 1], [2, 2])[vector: 0] == [
        0x4000_0000_4000_0000, 0x3f80_0000_3f80_0000,
      ])
  }

  @Test("widening conversions take the half that they name")
  func widens() {
    let source: [UInt64] = [0x4000_0000_3f80_0000, 0x4080_0000_4040_0000]
    #expect(FloatUnit.vector(0x729d_f000, source)[vector: 0] == [1.0, 2.0].map(\.bitPattern))
    #expect(FloatUnit.vector(0x729d_f400, source)[vector: 0] == [3.0, 4.0].map(\.bitPattern))
    #expect(FloatUnit.vector(0x729e_8000, source)[vector: 0] == [1, 2])
    #expect(FloatUnit.vector(0x729e_8400, source)[vector: 0] == [3, 4])
    let words: [UInt64] = [0xffff_ffff_0000_0001, 0xffff_fffe_0000_0002]
    #expect(FloatUnit.vector(0x729e_1000, words)[vector: 0] == [1.0, -1.0].map(\.bitPattern))
    #expect(FloatUnit.vector(0x729e_1400, words)[vector: 0] == [2.0, -2.0].map(\.bitPattern))
  }

  @Test("unsigned 64-bit integers are rounded once")
  func unsignedLong() {
    let unit = FloatUnit.vector(0x729e_0c00, [UInt64.max - 1024, 1 << 63 + 1024])
    #expect(unit[vector: 0] == [0x43ef_ffff_ffff_ffff, 0x43e0_0000_0000_0000].map { $0 as UInt64 })
    #expect(unit.cause == Raised.inexact)
  }

  @Test("an enabled exception in the upper lane leaves the whole destination")
  func traps() {
    let unit = FloatUnit(fcsr: Raised.divisionByZero)
    unit[vector: 0] = [5, 6]
    unit.load([Bits.one, Bits.one], [Bits.one, 0], [])
    #expect(unit.run(0x713b_0000 | FloatUnit.operands(0x713b_0000)) == .vectorFloatingPointException)
    #expect(unit[vector: 0] == [5, 6])
    #expect(unit.fcsr == 0x0800_0000 | Raised.divisionByZero)
  }

  @Test("a destination that is also a source is read before it is written")
  func aliases() {
    let unit = FloatUnit()
    unit.load([Bits.one, Bits.quiet | 3], [Bits.one, Bits.signalling], [])
    unit.run(0x7131_0000 | 1 << 5 | 2 << 10 | 2)
    #expect(unit[vector: 2] == [0x4000_0000_0000_0000, Bits.quiet | 1])
    #expect(unit.cause == Raised.invalid)
  }

  @Test(
    "refuses words that are not vector floating point",
    arguments: [
      0x729d_1800, 0x729d_2800, 0x7132_0000, 0x7144_0000, 0x729c_c400 ^ 0x0400, 0x0930_0000, 0x0c6e_0000,
      0x7000_0000, 0x729e_6000,
    ] as [UInt32])
  func refuses(_ word: UInt32) {
    #expect(FloatUnit().run(word) == .unimplemented)
  }
}
