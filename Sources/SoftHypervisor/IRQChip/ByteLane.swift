/// The part of an aligned 64-bit register word that an access of 1, 2, 4 or 8 bytes touches.
struct ByteLane {
  /// Position of the access's lowest bit in the word.
  let shift: UInt64
  /// As many ones as the access has bits, not shifted.
  let mask: UInt64

  /// Nil for a size that no access has, or an address that is not a multiple of it.
  init?(offset: UInt64, size: Int) {
    switch size {
    case 1: mask = 0xff
    case 2: mask = 0xffff
    case 4: mask = 0xffff_ffff
    case 8: mask = .max
    default: return nil
    }
    guard offset & UInt64(size - 1) == 0 else { return nil }
    shift = (offset & 7) << 3
  }

  /// What the access reads if the word is `word`.
  func extract(_ word: UInt64) -> UInt64 { word >> shift & mask }

  /// `value` where the access puts it, zeros around it.
  func place(_ value: UInt64) -> UInt64 { (value & mask) << shift }

  /// `word` after the access wrote `value`.
  func merge(_ value: UInt64, into word: UInt64) -> UInt64 { word & ~(mask << shift) | place(value) }
}
