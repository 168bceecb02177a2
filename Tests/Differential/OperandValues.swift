/// Reproducible random numbers (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  /// 0 ..< `bound`.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func element<T>(_ values: [T]) -> T { values[below(values.count)] }
}

/// What registers hold before a sequence: the values at which instructions go wrong, mixed with arbitrary ones.
enum OperandValues {
  private static let integerEdges: [UInt64] =
    [0, 1, 2, 3, 0x55, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
    + [0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_8000_0000, .max, .max - 1]
    + [31, 32, 33, 63, 64, 65, 127, 128]

  private static let doubles: [UInt64] =
    [0, 1, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000, 0x0010_0000_0000_0001, 0x3cb0_0000_0000_0000]
    + [0x3fe0_0000_0000_0000, 0x3fdf_ffff_ffff_ffff, 0x3ff0_0000_0000_0000, 0x3ff0_0000_0000_0001]
    + [0x3ff8_0000_0000_0000, 0x4000_0000_0000_0000, 0x4004_0000_0000_0000, 0x41df_ffff_ffc0_0000]
    + [0x41df_ffff_ffe0_0000, 0x41e0_0000_0000_0000, 0x41ef_ffff_ffe0_0000, 0x41f0_0000_0000_0000]
    + [0x4320_0000_0000_0001, 0x4330_0000_0000_0001, 0x43df_ffff_ffff_ffff, 0x43e0_0000_0000_0000]
    + [0x43f0_0000_0000_0000, 0x47ef_ffff_e000_0000, 0x47ef_ffff_f000_0000, 0x380f_ffff_ffff_ffff]
    + [0x36a0_0000_0000_0000, 0x3690_0000_0000_0000, 0x3690_0000_0000_0001, 0x7fef_ffff_ffff_ffff]
    + [0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0x7ff8_0000_dead_beef, 0x7ff0_0000_0000_0001]
    + [0x7ff4_0000_1234_5678, 0x7fff_ffff_ffff_ffff]

  private static let singles: [UInt32] =
    [0, 1, 0x007f_ffff, 0x0080_0000, 0x0080_0001, 0x3400_0000, 0x3f00_0000, 0x3eff_ffff, 0x3f80_0000, 0x3f80_0001]
    + [0x3fc0_0000, 0x4000_0000, 0x4020_0000, 0x4afe_ffff, 0x4b00_0001, 0x4eff_ffff, 0x4f00_0000, 0x4f7f_ffff]
    + [0x4f80_0000, 0x5eff_ffff, 0x5f00_0000, 0x5f80_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7fc0_0000, 0x7fc1_2345]
    + [0x7f80_0001, 0x7fa0_4321, 0x7fff_ffff, 0x477f_e000, 0x477f_f000, 0x3380_0000, 0x3300_0000, 0x387f_c000]

  static func integer(_ random: inout SplitMix) -> UInt64 {
    switch random.below(8) {
    case 0...3: random.element(integerEdges)
    case 4: UInt64(bitPattern: Int64(random.below(200)) - 100)
    case 5: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: random.next())))
    default: random.next()
    }
  }

  static func double(_ random: inout SplitMix) -> UInt64 {
    let sign = random.next() & 1 << 63
    switch random.below(6) {
    case 0...2: return sign | random.element(doubles)
    case 3: return sign | (0x3f0 + random.next() % 0x20) << 52 | random.next() >> 12
    case 4: return sign | random.element(doubles) &+ random.next() % 5 &- 2
    default: return random.next()
    }
  }

  static func single(_ random: inout SplitMix) -> UInt32 {
    let sign = UInt32(truncatingIfNeeded: random.next()) & 1 << 31
    let bits = UInt32(truncatingIfNeeded: random.next())
    switch random.below(6) {
    case 0...2: return sign | random.element(singles)
    case 3: return sign | (0x78 + bits % 0x10) << 23 | bits >> 9
    case 4: return sign | random.element(singles) &+ bits % 5 &- 2
    default: return bits
    }
  }

  /// Half of a vector register: doubles, singles, or lanes of edge integers.
  static func vectorHalf(_ random: inout SplitMix) -> UInt64 {
    switch random.below(5) {
    case 0: return double(&random)
    case 1: return UInt64(single(&random)) | UInt64(single(&random)) << 32
    case 2:
      let width = UInt64(8 << random.below(4))
      var word: UInt64 = 0
      for lane in 0..<64 / width {
        let mask = width == 64 ? UInt64.max : (1 << width) - 1
        let edge = [0, 1, mask, mask >> 1, (mask >> 1) + 1, mask - 1, UInt64(random.below(70)) & mask]
        word |= random.element(edge) << (lane * width)
      }
      return word
    case 3: return random.next()
    default: return integer(&random)
    }
  }
}
