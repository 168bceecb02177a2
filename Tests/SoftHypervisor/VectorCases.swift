/// Reproducible pseudo-random numbers: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// One instruction and the registers that it finds. It only names registers 4–7, vector and general, so these and the
/// condition flags are all that it can read or write.
struct VectorCase {
  var word: UInt32
  /// vr4–vr7, low half first.
  var vectors: [UInt64]
  /// r4–r7.
  var generals: [UInt64]

  /// Halves of vectors in which some lane width meets its bounds.
  private static let edges: [UInt64] = [
    0, ~0, 1 << 63, (1 << 63) - 1, 0x8080_8080_8080_8080, 0x7f7f_7f7f_7f7f_7f7f, 0x0001_0001_0001_0001,
    0x8000_7fff_0001_ffff, 0x8000_0000_7fff_ffff, 0x0000_0001_ffff_ffff, 0x0102_0304_0506_0708, 0xff80_7f01_0080_ff00,
  ]

  /// A case for `form` with random registers, immediates and contents.
  init(_ form: OpcodeForm, _ random: inout SplitMix64) {
    word = Self.word(form, random.next())
    vectors = []
    for _ in 0..<8 {
      let choice = random.next()
      vectors.append(choice & 1 == 0 ? random.next() : Self.edges[Int((choice >> 1) % 12)])
    }
    generals = (0..<4).map { _ in random.next() }
  }

  private static func word(_ form: OpcodeForm, _ bits: UInt64) -> UInt32 {
    var operands = UInt32(truncatingIfNeeded: bits) & form.format.operandBits
    for field in 0..<form.format.registerFields {
      let shift = UInt32(field * 5)
      operands = operands & ~(0x1c << shift) | 4 << shift
    }
    return form.match | operands
  }
}

extension OperandFormat {
  /// How many of the fields at bits 0, 5, 10 and 15 are vector or general registers. A cd is masked alike, to fcc4–7.
  var registerFields: Int {
    switch self {
    case .vv, .vvi, .vr, .vri, .rvi, .cv: 2
    case .vvv, .vvr: 3
    case .vvvv: 4
    case .vi13: 1
    }
  }
}

/// A digest of 64-bit words, sensitive to their order: FNV-1a, a word at a time.
struct StateDigest {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x0000_0100_0000_01b3
    value ^= value >> 29
  }
}
