// Lane operations of the arithmetic and comparison groups: LoongArch Reference Manual Vol. 2.

enum Add: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a &+ b }
}

enum Subtract: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a &- b }
}

/// vsadd: an overflow gives the bound that it passed.
enum SaturatingAdd: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    let sum = a.addingReportingOverflow(b)
    guard sum.overflow else { return sum.partialValue }
    return a < 0 ? L.min : L.max
  }
}

/// vssub.
enum SaturatingSubtract: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    let difference = a.subtractingReportingOverflow(b)
    guard difference.overflow else { return difference.partialValue }
    return L.isSigned && a >= 0 ? L.max : L.min
  }
}

/// vadda: |a| + |b|, both and the sum modulo the lane width.
enum AddMagnitudes: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    L(truncatingIfNeeded: a.magnitude) &+ L(truncatingIfNeeded: b.magnitude)
  }
}

/// vabsd: |a - b|.
enum AbsoluteDifference: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a > b ? a &- b : b &- a }
}

/// vavg: (a + b) / 2 rounded down. The common bits and half of the differing ones, so that no carry is lost.
enum Average: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { (a & b) &+ ((a ^ b) &>> 1) }
}

/// vavgr: (a + b + 1) / 2 rounded down.
enum RoundedAverage: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { (a | b) &- ((a ^ b) &>> 1) }
}

enum Maximum: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a > b ? a : b }
}

enum Minimum: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a < b ? a : b }
}

enum Multiply: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a &* b }
}

/// vmuh: the upper half of the double-width product.
enum MultiplyHigh: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a.multipliedFullWidth(by: b).high }
}

enum MultiplyAdd: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { d &+ a &* b }
}

enum MultiplySubtract: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { d &- a &* b }
}

/// vdiv: rounds towards 0; MIN / -1 is MIN. The manual leaves a division by 0 open: it gives 0 here.
enum Divide: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
}

/// vmod: the sign of the dividend. The remainder of a division by 0, left open by the manual, is 0 here.
enum Remainder: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    b == 0 ? 0 : a.remainderReportingOverflow(dividingBy: b).partialValue
  }
}

enum Negate: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { 0 &- a }
}

/// vsigncov: b with the sign of a: negated, kept, or 0 where a is 0.
enum CopySign: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    if a == 0 { return 0 }
    return a < 0 ? 0 &- b : b
  }
}

/// vsat: limits a to b + 1 bits (signed lanes: sign bit included).
enum Saturate: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L {
    if L.isSigned {
      let high: L = ~(~0 &<< b)
      return min(max(a, ~high), high)
    }
    return min(a, ~(~1 &<< b))
  }
}

/// Comparisons set all bits of a lane where they hold.
enum Equal: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a == b ? ~0 : 0 }
}

enum LessOrEqual: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a <= b ? ~0 : 0 }
}

enum Less: IntegerLaneOperation {
  @inline(__always)
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L { a < b ? ~0 : 0 }
}
