/// One entry of an MSI-X table (PCIe 7.7.2.6).
struct Vector: Equatable, Sendable {
  var address: UInt64 = 0
  var data: UInt32 = 0
  /// All entries are masked after a reset.
  var masked = true

  func word(_ index: UInt32) -> UInt32 {
    switch index {
    case 0: UInt32(truncatingIfNeeded: address)
    case 1: UInt32(truncatingIfNeeded: address >> 32)
    case 2: data
    default: masked ? 1 : 0
    }
  }

  mutating func write(_ index: UInt32, _ word: Word) {
    switch index {
    case 0:
      // Bits 1 and 0 are always 0: the address is a multiple of 4.
      address = address & ~0xffff_ffff | UInt64(word.merged(into: self.word(0)) & ~3)
    case 1: address = address & 0xffff_ffff | UInt64(word.merged(into: self.word(1))) << 32
    case 2: data = word.merged(into: data)
    default: masked = word.merged(into: self.word(3)) & 1 != 0
    }
  }
}

/// A function's MSI-X: table, pending bits, and the two switches for all of it.
public struct VectorTable: Equatable, Sendable {
  var vectors: [Vector]
  /// Bit v: vector v fired while it could not be sent.
  public internal(set) var pending: UInt64 = 0
  var enabled = false
  var functionMasked = false
  /// The command register's bus master bit: without it a function may not write to memory, and a message is such a write.
  var busMaster = false
  /// Vectors whose message must be sent now; not part of the state.
  var fired: UInt64 = 0

  /// Entries of the table, 1 to 33.
  public var count: Int { vectors.count }

  init(count: Int) { vectors = [Vector](repeating: Vector(), count: count) }

  /// The value of vector `index`'s message if a message may be sent and goes to the interrupt controller, else nil.
  public func message(_ index: Int) -> UInt32? {
    guard enabled, !functionMasked, busMaster, index < vectors.count else { return nil }
    guard !vectors[index].masked, vectors[index].address == PCIWindow.messageAddress else { return nil }
    return vectors[index].data
  }

  /// Vector `index` fires: at once, or once it is unmasked.
  mutating func fire(_ index: Int) {
    guard index < vectors.count else { return }
    if message(index) != nil { fired |= 1 << UInt64(index) } else { pending |= 1 << UInt64(index) }
  }

  /// After every change of a switch or an entry: what waited and may be sent now is sent.
  mutating func release() {
    guard pending != 0 else { return }
    for index in 0..<vectors.count where pending & 1 << UInt64(index) != 0 && message(index) != nil {
      pending &= ~(1 << UInt64(index))
      fired |= 1 << UInt64(index)
    }
  }

  /// Message Control (PCIe 7.7.2.2): table size, function mask, enable.
  var control: UInt16 { UInt16(vectors.count - 1) | (functionMasked ? 1 << 14 : 0) | (enabled ? 1 << 15 : 0) }

  mutating func write(control: UInt16) {
    functionMasked = control & 1 << 14 != 0
    enabled = control & 1 << 15 != 0
    release()
  }

  func read(table offset: UInt32) -> UInt32 {
    let index = Int(offset / 16)
    return index < vectors.count ? vectors[index].word(offset / 4 & 3) : 0
  }

  mutating func write(table word: Word) {
    let index = Int(word.offset / 16)
    guard index < vectors.count else { return }
    vectors[index].write(word.offset / 4 & 3, word)
    release()
  }

  /// The pending bits are read-only.
  func read(pendingBits offset: UInt32) -> UInt32 {
    offset < 8 ? UInt32(truncatingIfNeeded: pending >> (UInt64(offset) * 8)) : 0
  }
}
