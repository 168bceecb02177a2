// Random numbers that a test can repeat: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// A generator that yields the same numbers for the same seed.
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// Starts at `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// `count` random bytes.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// `input` with a few bytes changed, inserted, removed or doubled: what a fuzzer does, without its guidance.
  public mutating func mutate(_ input: [UInt8]) -> [UInt8] {
    var output = input
    for _ in 0..<Int.random(in: 1...8, using: &self) {
      let place = output.isEmpty ? 0 : Int.random(in: 0..<output.count, using: &self)
      switch Int.random(in: 0..<5, using: &self) {
      case 0 where !output.isEmpty: output[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
      case 1 where !output.isEmpty: output[place] = UInt8.random(in: 0...255, using: &self)
      case 2 where !output.isEmpty: output.remove(at: place)
      case 3: output.insert(UInt8.random(in: 0...255, using: &self), at: place)
      default: output.insert(contentsOf: output[place..<min(output.count, place + 16)], at: place)
      }
    }
    return output
  }
}
