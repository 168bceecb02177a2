/// The 128 bits of a vector register, and its lanes by width. Lane 0 is the lowest.
struct Lanes {
  var low: UInt64
  var high: UInt64

  static var zero: Lanes { Lanes(low: 0, high: 0) }

  @inline(__always)
  subscript(half index: Int) -> UInt64 {
    get { index == 0 ? low : high }
    set { if index == 0 { low = newValue } else { high = newValue } }
  }

  /// Lane `index` of `width` bits (16, 32 or 64), zero-extended.
  @inline(__always)
  subscript(index: Int, width width: Int) -> UInt64 {
    get {
      let bit = index * width
      return self[half: bit >> 6] >> UInt64(bit & 63) & (UInt64.max >> UInt64(64 - width))
    }
    set {
      let bit = index * width
      let mask = UInt64.max >> UInt64(64 - width)
      let shift = UInt64(bit & 63)
      self[half: bit >> 6] = self[half: bit >> 6] & ~(mask << shift) | (newValue & mask) << shift
    }
  }

  /// Lane `index` of 32 bits, sign-extended.
  @inline(__always)
  func word(_ index: Int) -> Int { Int(Int32(truncatingIfNeeded: self[index, width: 32])) }
}

/// The operands vj, vk, va of a vector instruction.
struct VectorOperands {
  var a: Lanes
  var b: Lanes
  var c: Lanes
}

extension VectorOperands {
  /// Those of the pending record.
  init(recordedIn state: UnsafeMutablePointer<FloatState>) {
    a = Lanes(low: state.pointee.a, high: state.pointee.aHigh)
    b = Lanes(low: state.pointee.b, high: state.pointee.bHigh)
    c = Lanes(low: state.pointee.c, high: state.pointee.cHigh)
  }
}
