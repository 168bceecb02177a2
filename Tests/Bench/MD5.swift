import Foundation

/// MD5 (RFC 1321), to be compared with the guest's md5sum. Not for security.
enum MD5 {
  private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  private static let table = (0..<64).map { UInt32(abs(sin(Double($0 + 1))) * 4_294_967_296) }

  /// The digest as 32 hexadecimal digits.
  static func hexadecimal(_ message: [UInt8]) -> String {
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let bits = UInt64(message.count) * 8
    padded += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (UInt64($0) * 8)) }
    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
    for start in stride(from: 0, to: padded.count, by: 64) { add(padded[start..<start + 64], to: &state) }
    return state.flatMap { word in (0..<4).map { String(format: "%02x", word >> (UInt32($0) * 8) & 255) } }.joined()
  }

  private static func add(_ block: ArraySlice<UInt8>, to state: inout [UInt32]) {
    let words = (0..<16).map { index in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[block.startIndex + index * 4 + $1]) << (UInt32($1) * 8) }
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    for i in 0..<64 {
      let (mix, word): (UInt32, Int)
      switch i / 16 {
      case 0: (mix, word) = (b & c | ~b & d, i)
      case 1: (mix, word) = (d & b | ~d & c, (5 * i + 1) % 16)
      case 2: (mix, word) = (b ^ c ^ d, (3 * i + 5) % 16)
      default: (mix, word) = (c ^ (b | ~d), 7 * i % 16)
      }
      let sum = a &+ mix &+ table[i] &+ words[word]
      let shift = shifts[i / 16 * 4 + i % 4]
      (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
    }
    state = zip(state, [a, b, c, d]).map { $0 &+ $1 }
  }
}
