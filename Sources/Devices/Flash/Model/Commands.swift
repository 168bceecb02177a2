// Intel/Sharp extended command set (CFI algorithm 1; JEDEC JESD68.01, JEP137; Intel StrataFlash P30 datasheet, 9 to 11) for a
// bank of two 16-bit chips side by side, which are always given the same command: the bank then looks like one chip of 32 bits.

/// Commands: the low byte of what is written in the first cycle, or in the second where that confirms.
enum Command {
  static let readArray: UInt8 = 0xff
  static let readStatus: UInt8 = 0x70
  static let clearStatus: UInt8 = 0x50
  static let readIdentifier: UInt8 = 0x90
  static let readQuery: UInt8 = 0x98
  static let wordProgram: UInt8 = 0x40
  static let alternateWordProgram: UInt8 = 0x10
  static let bufferedProgram: UInt8 = 0xe8
  static let blockErase: UInt8 = 0x20
  static let lockSetup: UInt8 = 0x60
  static let confirm: UInt8 = 0xd0
}

/// Bits of the status register.
enum Status {
  static let ready: UInt8 = 0x80
  static let eraseError: UInt8 = 0x20
  static let programError: UInt8 = 0x10
  /// Both errors at once: the sequence of commands makes no sense.
  static let sequenceError: UInt8 = eraseError | programError
}

/// What the next write means.
enum Cycle: UInt8 {
  /// A command.
  case command = 0
  /// The word to be programmed.
  case wordData = 1
  /// The number of words that follow, less one.
  case bufferCount = 2
  /// A word for the buffer.
  case bufferData = 3
  /// The confirmation that the buffer is to be programmed.
  case bufferConfirm = 4
  /// The confirmation that a block is to be erased.
  case eraseConfirm = 5
  /// What to do with a block's lock; blocks are never locked.
  case lock = 6
}

/// What a read gives.
enum ReadMode: UInt8 {
  case array = 0
  case status = 1
  case identifier = 2
  case query = 3
}

/// The answers that are constants, by the chip's word address (byte offset / 4).
enum ChipFacts {
  static let manufacturer: UInt64 = 0x89
  static let device: UInt64 = 0x18

  /// Identifier codes; the third word of every block is its lock, which is open.
  static func identifier(_ word: UInt32) -> UInt64 {
    switch word & 0xff {
    case 0: manufacturer
    case 1: device
    default: 0
    }
  }

  /// The CFI query structure (JESD68.01, 4.3): two bytes of buffer shift, sizes and one region of equal blocks.
  static func query(_ word: UInt32, size: UInt32) -> UInt64 {
    let chip = size / 2
    let blocks = size / FlashGeometry.blockSize
    let table: [UInt8] = [
      0x51, 0x52, 0x59,  // 0x10: "QRY"
      0x01, 0x00, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00,  // primary command set, its table; no alternative
      0x45, 0x55, 0x00, 0x00,  // 0x1b: supply voltages
      0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00,  // 0x1f: time-outs
      UInt8(truncatingIfNeeded: chip.trailingZeroBitCount), 0x01, 0x00,  // 0x27: size, 16 bits wide
      0x06, 0x00,  // 0x2a: 64 bytes of buffer in each chip
      0x01,  // 0x2c: one region
      UInt8(truncatingIfNeeded: blocks &- 1), UInt8(truncatingIfNeeded: (blocks &- 1) >> 8),
      UInt8(truncatingIfNeeded: FlashGeometry.blockSize >> 9), UInt8(truncatingIfNeeded: FlashGeometry.blockSize >> 17),
      0x50, 0x52, 0x49, 0x31, 0x30,  // 0x31: "PRI", version 1.0, no options
    ]
    guard word >= 0x10, word < 0x10 + UInt32(table.count) else { return 0 }
    return UInt64(table[Int(word) - 0x10])
  }
}

/// Sizes of the bank.
public enum FlashGeometry {
  /// Bytes of the address window, and of the largest content.
  public static let window: UInt32 = 16 << 20
  /// Bytes that are erased at once, both chips together.
  public static let blockSize: UInt32 = 256 << 10
  /// Bytes that are programmed at once, both chips together.
  static let bufferSize: UInt32 = 128
}
