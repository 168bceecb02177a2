/// A vector register's 128 bits: low half in `x`, high half in `y`.
typealias Bits128 = SIMD2<UInt64>

/// An integer that a vector register holds 128 / bitWidth of. Signedness is the type's, so one operation written for
/// `Lane` serves the signed and the unsigned instruction.
protocol Lane: FixedWidthInteger {
  associatedtype Vector: LaneVector where Vector.Scalar == Self
}

/// All lanes of a register. Lane 0 holds the least significant bits.
protocol LaneVector {
  associatedtype Scalar
  init()
  subscript(index: Int) -> Scalar { get set }
}

extension SIMD2: LaneVector where Scalar: Lane {}
extension SIMD4: LaneVector where Scalar: Lane {}
extension SIMD8: LaneVector where Scalar: Lane {}
extension SIMD16: LaneVector where Scalar: Lane {}

/// The register as one quadword; the index can only be 0.
struct OneLane<Scalar: FixedWidthInteger>: LaneVector {
  var scalar: Scalar = 0

  @inline(__always)
  init() {}

  @inline(__always)
  subscript(index: Int) -> Scalar {
    get { scalar }
    set { scalar = newValue }
  }
}

extension Int8: Lane { typealias Vector = SIMD16<Int8> }
extension Int16: Lane { typealias Vector = SIMD8<Int16> }
extension Int32: Lane { typealias Vector = SIMD4<Int32> }
extension Int64: Lane { typealias Vector = SIMD2<Int64> }
extension Int128: Lane { typealias Vector = OneLane<Int128> }
extension UInt8: Lane { typealias Vector = SIMD16<UInt8> }
extension UInt16: Lane { typealias Vector = SIMD8<UInt16> }
extension UInt32: Lane { typealias Vector = SIMD4<UInt32> }
extension UInt64: Lane { typealias Vector = SIMD2<UInt64> }
extension UInt128: Lane { typealias Vector = OneLane<UInt128> }

extension Lane {
  /// Lanes of this width in a register.
  @inline(__always)
  static var count: Int { 128 / bitWidth }

  /// The register cut into lanes of this type. Every `Vector` is 16 bytes of plain bits, so the cast holds.
  @inline(__always)
  static func lanes(_ bits: Bits128) -> Vector { unsafeBitCast(bits, to: Vector.self) }

  /// The inverse of `lanes`.
  @inline(__always)
  static func bits(_ lanes: Vector) -> Bits128 { unsafeBitCast(lanes, to: Bits128.self) }
}

extension Lane {
  /// Calls `body` for each lane number. In two loops, because the optimiser unrolls eight turns, and so makes vector
  /// instructions of the body, but not sixteen.
  @inline(__always)
  static func forEachIndex(_ body: (Int) -> Void) {
    for index in 0..<Swift.min(count, 8) { body(index) }
    guard count > 8 else { return }
    for index in 8..<count { body(index) }
  }
}

/// Lane width in an instruction: 0 byte, 1 halfword, 2 word, 3 doubleword, 4 quadword.
typealias LaneSize = UInt32

extension SIMD2<UInt64> {
  /// Every lane set to `value` (its low bits, if it is wider). A quadword's upper half is 0.
  @inline(__always)
  static func splat(_ value: UInt64, _ size: LaneSize) -> Bits128 {
    switch size {
    case 0: Bits128(repeating: (value & 0xff) &* 0x0101_0101_0101_0101)
    case 1: Bits128(repeating: (value & 0xffff) &* 0x0001_0001_0001_0001)
    case 2: Bits128(repeating: (value & 0xffff_ffff) &* 0x0000_0001_0000_0001)
    case 3: Bits128(repeating: value)
    default: Bits128(value, 0)
    }
  }

  /// Lane `index`, zero-extended. The index counts modulo the number of lanes. Not for quadwords.
  @inline(__always)
  func element(_ index: Int, _ size: LaneSize) -> UInt64 {
    let bit = UInt64(truncatingIfNeeded: index) &<< UInt64(size + 3)
    let half = bit & 64 == 0 ? x : y
    return (half &>> (bit & 63)) & Bits128.laneMask(size)
  }

  /// The same register with lane `index` replaced by the low bits of `value`.
  @inline(__always)
  func replacing(_ index: Int, _ size: LaneSize, with value: UInt64) -> Bits128 {
    let bit = UInt64(truncatingIfNeeded: index) &<< UInt64(size + 3)
    let mask = Bits128.laneMask(size) &<< (bit & 63)
    let placed = (value &<< (bit & 63)) & mask
    return bit & 64 == 0 ? Bits128((x & ~mask) | placed, y) : Bits128(x, (y & ~mask) | placed)
  }

  /// As many low ones as a lane of this size has bits. Not for quadwords.
  @inline(__always)
  private static func laneMask(_ size: LaneSize) -> UInt64 { ~0 &>> (64 &- (8 &<< UInt64(size))) }

  /// The register as one number.
  @inline(__always)
  var quadword: UInt128 { UInt128(y) &<< 64 | UInt128(x) }

  /// The register that holds `quadword`.
  @inline(__always)
  init(quadword: UInt128) {
    self.init(UInt64(truncatingIfNeeded: quadword), UInt64(truncatingIfNeeded: quadword &>> 64))
  }
}

extension RegisterFile {
  /// The value of vector register `index`, 0–31.
  @inline(__always)
  func vector(_ index: UInt32) -> Bits128 {
    let word = Int(index) &* 2
    return Bits128(vr[word], vr[word &+ 1])
  }

  /// Writes vector register `index`, 0–31.
  @inline(__always)
  func setVector(_ index: UInt32, _ value: Bits128) {
    let word = Int(index) &* 2
    vr[word] = value.x
    vr[word &+ 1] = value.y
  }

  /// Writes the vector register in the destination field, bits 4:0: the end of most instructions.
  @inline(__always)
  func finish(_ word: UInt32, _ value: Bits128) -> Outcome {
    setVector(word & 31, value)
    return .done
  }
}
