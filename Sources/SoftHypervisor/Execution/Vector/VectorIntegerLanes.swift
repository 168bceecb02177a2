/// What an instruction does to each lane on its own. A type, not a closure, so that one definition is compiled for
/// every lane width and signedness.
protocol IntegerLaneOperation {
  /// The new lane of the destination from the first and second operand and the destination's old lane. An operation
  /// leaves aside what it does not need; one-operand operations use `a`.
  static func apply<L: Lane>(_ a: L, _ b: L, _ d: L) -> L
}

/// `operation` on every lane of one type.
@inline(__always)
private func each<Operation: IntegerLaneOperation, L: Lane>(
  _ operation: Operation.Type, _ lane: L.Type, _ a: Bits128, _ b: Bits128, _ d: Bits128
) -> Bits128 {
  let a = L.lanes(a)
  let b = L.lanes(b)
  let d = L.lanes(d)
  var result = L.Vector()
  L.forEachIndex { index in
    result[index] = Operation.apply(a[index], b[index], d[index])
  }
  return L.bits(result)
}

/// `operation` on signed lanes of `size` 0–3.
@inline(never)
func signedLanes<Operation: IntegerLaneOperation>(
  _ operation: Operation.Type, _ size: LaneSize, _ a: Bits128, _ b: Bits128, onto d: Bits128 = .zero
) -> Bits128 {
  switch size {
  case 0: each(operation, Int8.self, a, b, d)
  case 1: each(operation, Int16.self, a, b, d)
  case 2: each(operation, Int32.self, a, b, d)
  default: each(operation, Int64.self, a, b, d)
  }
}

/// `operation` on unsigned lanes of `size` 0–3; also for operations that do not tell the two apart.
@inline(never)
func unsignedLanes<Operation: IntegerLaneOperation>(
  _ operation: Operation.Type, _ size: LaneSize, _ a: Bits128, _ b: Bits128, onto d: Bits128 = .zero
) -> Bits128 {
  switch size {
  case 0: each(operation, UInt8.self, a, b, d)
  case 1: each(operation, UInt16.self, a, b, d)
  case 2: each(operation, UInt32.self, a, b, d)
  default: each(operation, UInt64.self, a, b, d)
  }
}

/// Which of the two narrow lanes inside each wide one an operand of a widening operation is.
enum LaneParity {
  case even
  case odd
}

/// One narrow half of a wide lane, extended as the narrow type says.
@inline(__always)
private func half<Narrow: Lane, Wide: Lane>(_ wide: Wide, _ parity: LaneParity, _ narrow: Narrow.Type) -> Wide {
  let placed: Wide = parity == .odd ? wide &>> Wide(truncatingIfNeeded: Narrow.bitWidth) : wide
  return Wide(truncatingIfNeeded: Narrow(truncatingIfNeeded: placed))
}

/// `operation` on wide lanes, whose operands are narrow lanes. The wide type's signedness does not matter: the
/// operations that widen (add, subtract, multiply) keep only as many bits as a wide lane has.
@inline(__always)
private func eachWide<Operation: IntegerLaneOperation, A: Lane, B: Lane, Wide: Lane>(
  _ operation: Operation.Type, _ first: A.Type, _ second: B.Type, _ wide: Wide.Type, _ operands: WideningOperands
) -> Bits128 {
  let a = Wide.lanes(operands.a)
  let b = Wide.lanes(operands.b)
  let d = Wide.lanes(operands.d)
  var result = Wide.Vector()
  Wide.forEachIndex { index in
    let first: Wide = half(a[index], operands.parityOfA, A.self)
    let second: Wide = half(b[index], operands.parityOfB, B.self)
    result[index] = Operation.apply(first, second, d[index])
  }
  return Wide.bits(result)
}

/// The operands of a widening operation.
struct WideningOperands {
  var a: Bits128
  var b: Bits128
  /// The destination's old value, for the multiply-accumulate forms.
  var d: Bits128
  var parityOfA: LaneParity
  var parityOfB: LaneParity

  /// The same operands, both taken from the odd lanes (or one of them, for the horizontal forms).
  @inline(__always)
  func taking(_ first: LaneParity, _ second: LaneParity) -> WideningOperands {
    WideningOperands(a: a, b: b, d: d, parityOfA: first, parityOfB: second)
  }
}

/// Signed narrow lanes of `size` 0–3, results twice as wide.
@inline(never)
func signedWide<Operation: IntegerLaneOperation>(
  _ operation: Operation.Type, _ size: LaneSize, _ operands: WideningOperands
) -> Bits128 {
  switch size {
  case 0: eachWide(operation, Int8.self, Int8.self, Int16.self, operands)
  case 1: eachWide(operation, Int16.self, Int16.self, Int32.self, operands)
  case 2: eachWide(operation, Int32.self, Int32.self, Int64.self, operands)
  default: eachWide(operation, Int64.self, Int64.self, Int128.self, operands)
  }
}

/// Unsigned narrow lanes of `size` 0–3, results twice as wide.
@inline(never)
func unsignedWide<Operation: IntegerLaneOperation>(
  _ operation: Operation.Type, _ size: LaneSize, _ operands: WideningOperands
) -> Bits128 {
  switch size {
  case 0: eachWide(operation, UInt8.self, UInt8.self, UInt16.self, operands)
  case 1: eachWide(operation, UInt16.self, UInt16.self, UInt32.self, operands)
  case 2: eachWide(operation, UInt32.self, UInt32.self, UInt64.self, operands)
  default: eachWide(operation, UInt64.self, UInt64.self, UInt128.self, operands)
  }
}

/// First operand unsigned, second signed; results twice as wide.
@inline(never)
func mixedWide<Operation: IntegerLaneOperation>(
  _ operation: Operation.Type, _ size: LaneSize, _ operands: WideningOperands
) -> Bits128 {
  switch size {
  case 0: eachWide(operation, UInt8.self, Int8.self, Int16.self, operands)
  case 1: eachWide(operation, UInt16.self, Int16.self, Int32.self, operands)
  case 2: eachWide(operation, UInt32.self, Int32.self, Int64.self, operands)
  default: eachWide(operation, UInt64.self, Int64.self, Int128.self, operands)
  }
}
