/// What the runtime-free modules do with fixed inputs, as lines of a name and a digest. The same program must print the same
/// transcript on every machine that it is compiled for; where a line differs, that section's module does.
public struct Transcript: Sendable {
  /// The lines so far.
  public private(set) var lines: [(name: String, digest: UInt64)] = []

  /// All sections, in order.
  public init() {
    modelSections()
    machineSections()
    messageSections()
    ringSections()
    atomicSections()
  }

  mutating func add(_ name: String, _ digest: Digest) { lines.append((name, digest.value)) }

  /// The lines as text.
  public var text: String {
    var text = ""
    for line in lines { text += "\(line.name) \(String(line.digest, radix: 16))\n" }
    return text
  }
}

/// FNV-1a, 64 bits: good enough to tell transcripts apart, and short.
struct Digest {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  mutating func add(_ number: UInt64) {
    for shift in 0..<8 as Range<UInt64> { add(UInt8(truncatingIfNeeded: number >> (shift * 8))) }
  }
  mutating func add(_ flag: Bool) { add(flag ? 1 as UInt8 : 0) }
  mutating func add(_ bytes: [UInt8]) { for byte in bytes { add(byte) } }
  mutating func add(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { add(text.utf8Start[index]) }
  }
  mutating func add(_ text: String) { for byte in text.utf8 { add(byte) } }
}

/// xorshift64*.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 2 &+ 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }
  mutating func below(_ limit: Int) -> Int { Int(next() >> 33) % limit }
}
