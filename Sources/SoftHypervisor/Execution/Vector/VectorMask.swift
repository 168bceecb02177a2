// Instructions that turn lanes into bits: vmskltz, vmskgez, vmsknz, vfrstp, and the vset group, which sets a
// condition flag. LoongArch Reference Manual Vol. 2.

/// Bit i of the result is the top bit of byte i.
@inline(__always)
private func topBits(_ bytes: UInt64) -> UInt64 {
  // The product moves bit 8 i to bit 56 + i, and no two partial products meet on the way.
  (((bytes &>> 7) & 0x0101_0101_0101_0101) &* 0x0102_0408_1020_4080) &>> 56
}

/// The top bits of 16 bytes, as vmskltz.b and vmskgez.b want them.
@inline(__always)
func byteSignMask(_ a: Bits128) -> UInt64 { topBits(a.x) | topBits(a.y) &<< 8 }

/// vmsknz.b: one bit for each byte that is not 0.
@inline(__always)
func nonzeroByteMask(_ a: Bits128) -> UInt64 {
  let sevens = Bits128(repeating: 0x7f7f_7f7f_7f7f_7f7f)
  // No byte's low seven bits carry into its neighbour.
  return byteSignMask(((a & sevens) &+ sevens) | a)
}

@inline(__always)
private func signMask<L: Lane>(_ lane: L.Type, _ a: Bits128) -> UInt64 {
  let a = L.lanes(a)
  var mask: UInt64 = 0
  L.forEachIndex { index in
    mask |= (a[index] < 0 ? 1 : 0) &<< UInt64(index)
  }
  return mask
}

/// vmskltz: one bit for each negative lane of `size` 0–3.
func signMask(_ size: LaneSize, _ a: Bits128) -> UInt64 {
  switch size {
  case 0: byteSignMask(a)
  case 1: signMask(Int16.self, a)
  case 2: signMask(Int32.self, a)
  default: signMask(Int64.self, a)
  }
}

/// vfrstp.b (`size` 0) and .h (1): puts the number of the first negative lane of `a`, or the number of lanes if there
/// is none, into lane `position` of the destination, modulo the number of lanes.
func placeFirstNegative(_ size: LaneSize, _ a: Bits128, position: UInt64, onto d: Bits128) -> Bits128 {
  let count = 16 &>> Int(size)
  let number = min(signMask(size, a).trailingZeroBitCount, count)
  return d.replacing(Int(truncatingIfNeeded: position) & (count &- 1), size, with: UInt64(number))
}

/// Whether any lane of `size` 0–3 is 0.
func hasZeroLane(_ size: LaneSize, _ a: Bits128) -> Bool {
  unsignedLanes(Equal.self, size, a, .zero) != .zero
}
