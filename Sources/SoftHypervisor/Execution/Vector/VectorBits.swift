// Lane operations of the shift and bit groups: LoongArch Reference Manual Vol. 2. Shift amounts and bit numbers count
// modulo the lane width, which is what Swift's masking shifts do. A right shift is arithmetic in signed lanes.

enum ShiftLeft: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a &<< b }
}

enum ShiftRight: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a &>> b }
}

/// Rotates right; for unsigned lanes.
enum Rotate: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { (a &>> b) | (a &<< (0 &- b)) }
}

/// Shifts right and adds the last bit shifted out.
enum RoundedShiftRight: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    let amount = b & L(truncatingIfNeeded: L.bitWidth &- 1)
    return amount == 0 ? a : (a &>> amount) &+ ((a &>> (amount &- 1)) & 1)
  }
}

enum ClearBit: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a & ~(1 &<< b) }
}

enum SetBit: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a | (1 &<< b) }
}

/// vbitrev.
enum InvertBit: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a ^ (1 &<< b) }
}

enum CountLeadingOnes: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { L(truncatingIfNeeded: (~a).leadingZeroBitCount) }
}

enum CountLeadingZeros: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { L(truncatingIfNeeded: a.leadingZeroBitCount) }
}

/// vpcnt.
enum CountOnes: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { L(truncatingIfNeeded: a.nonzeroBitCount) }
}
