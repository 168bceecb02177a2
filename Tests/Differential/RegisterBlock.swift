/// The registers before or after a sequence, as they lie in guest memory: 1 KiB.
///
/// Word 0 is the address of the sequence's code; 1–30 are r1–r30; 31 is FCSR0, 32 the eight condition flags as bytes,
/// 34–97 the vector registers, 100–127 scratch memory.
struct RegisterBlock: Sendable, Equatable {
  static let size = 1024
  static let fcsrOffset: Int32 = 31 * 8
  static let flagsOffset: Int32 = 32 * 8
  static let vectorOffset: Int32 = 34 * 8
  private static let scratchStart = 100
  static let scratchWords = 28
  /// From the block's start to the address that r30 holds: offsets from -96 to 111 are scratch memory.
  static let scratchMiddle: UInt64 = 800 + 96

  var words = [UInt64](repeating: 0, count: size / 8)
  /// What r29 holds, and how far r28 lies from the middle.
  var indexOffset = 0
  var alignedOffset = 0

  subscript(gpr register: Int) -> UInt64 {
    get { register == 0 ? 0 : words[register] }
    set { words[register] = newValue }
  }

  var fcsr: UInt32 {
    get { UInt32(truncatingIfNeeded: words[31]) }
    set { words[31] = UInt64(newValue) }
  }

  func flag(_ number: Int) -> Bool { words[32] >> UInt64(number * 8) & 0xff != 0 }
  mutating func setFlag(_ number: Int, _ value: Bool) { if value { words[32] |= 1 << UInt64(number * 8) } }

  func vectorHalf(_ half: Int) -> UInt64 { words[34 + half] }
  mutating func setVectorHalf(_ half: Int, _ value: UInt64) { words[34 + half] = value }
  mutating func setScratch(_ word: Int, _ value: UInt64) { words[Self.scratchStart + word] = value }

  /// Puts in what depends on where the block and its code lie.
  func placed(at address: UInt64, code: UInt64) -> RegisterBlock {
    var block = self
    let middle = address + Self.scratchMiddle
    block.words[0] = code
    block[gpr: Int(Reserved.scratchBase)] = middle
    block[gpr: Int(Reserved.index)] = UInt64(bitPattern: Int64(indexOffset))
    block[gpr: Int(Reserved.alignedAddress)] = middle &+ UInt64(bitPattern: Int64(alignedOffset))
    block[gpr: Int(Reserved.lowBound)] = address
    block[gpr: Int(Reserved.highBound)] = address + UInt64(Self.size)
    return block
  }

  /// "r3", "fcsr", "vr7.high" …: what word `index` of a block is.
  static func name(ofWord index: Int) -> String {
    switch index {
    case 1...30: "r\(index)"
    case 31: "fcsr0"
    case 32: "fcc0–7"
    case 34..<98: "vr\((index - 34) / 2).\(index % 2 == 0 ? "low" : "high")"
    case scratchStart...: "scratch+\((index - scratchStart) * 8)"
    default: "word \(index)"
    }
  }
}
