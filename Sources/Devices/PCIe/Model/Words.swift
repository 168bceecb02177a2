// Registers are served as 32-bit words: an access of any size and alignment becomes one or more words with the bytes that
// it covers. So every access has a meaning, and each register is described once.

/// A word of a register file, and which of its bytes an access covers.
struct Word {
  /// Offset of the word, a multiple of 4.
  var offset: UInt32
  /// 0xff for each byte that the access covers.
  var mask: UInt32
  /// What a store puts there; only the bits of `mask` count.
  var value: UInt32 = 0

  /// `old` with the covered bytes replaced.
  func merged(into old: UInt32) -> UInt32 { old & ~mask | value & mask }

  /// The same for the 16-bit register in the lower half.
  func mergedLow(into old: UInt16) -> UInt16 { UInt16(truncatingIfNeeded: merged(into: UInt32(old))) }

  /// The same for the 16-bit register in the upper half.
  func mergedHigh(into old: UInt16) -> UInt16 { UInt16(truncatingIfNeeded: merged(into: UInt32(old) << 16) >> 16) }

  /// The store covers some of the bits of `bits`.
  func covers(_ bits: UInt32) -> Bool { mask & bits != 0 }

  /// The store covers some byte of the register's lower half.
  var coversLow: Bool { covers(0xffff) }
  /// … of its upper half.
  var coversHigh: Bool { covers(0xffff_0000) }

  /// The word's first byte as the access of `size` bytes at `start` covers it.
  init(offset: UInt32, start: UInt32, size: UInt8) {
    self.offset = offset
    mask = 0
    for byte in 0..<UInt32(4) where offset &+ byte >= start && offset &+ byte &- start < UInt32(size) {
      mask |= 0xff << (8 * byte)
    }
  }

  init(offset: UInt32, mask: UInt32, value: UInt32 = 0) {
    (self.offset, self.mask, self.value) = (offset, mask, value)
  }
}

/// How an access falls into words. The access must not pass the end of 32-bit offsets.
struct WordSplit {
  let start: UInt32
  let size: UInt8
  /// The first word's offset.
  var first: UInt32 { start & ~3 }
  /// How many words, 1 to 3.
  var count: Int { Int((start & 3) + UInt32(size) + 3) / 4 }

  /// Word number `index` as a load sees it.
  func word(_ index: Int) -> Word { Word(offset: first &+ UInt32(index) * 4, start: start, size: size) }

  /// Word number `index` with its part of a store's value.
  func word(_ index: Int, of value: UInt64) -> Word {
    var word = word(index)
    let shift = index * 32 - Int(start & 3) * 8
    word.value = UInt32(truncatingIfNeeded: shift < 0 ? value << UInt64(-shift) : value >> UInt64(shift))
    return word
  }

  /// What a load gives when word number `index` holds `value`.
  func part(_ index: Int, _ value: UInt32) -> UInt64 {
    let masked = UInt64(value & word(index).mask)
    let shift = index * 32 - Int(start & 3) * 8
    return shift < 0 ? masked >> UInt64(-shift) : masked << UInt64(shift)
  }
}
