extension VectorFloatInstruction {
  /// The result of all lanes. Exceptions of all lanes go to the host's flags and to `raised`.
  func evaluate(_ operands: VectorOperands, _ state: UnsafeMutablePointer<FloatState>) -> Lanes {
    let a = operands.a
    switch self {
    case .singleLanes(let operation): return operation.inLanes(SinglePrecision.self, operands, state)
    case .doubleLanes(let operation): return operation.inLanes(DoublePrecision.self, operands, state)
    case .compareSingle(let condition): return condition.inLanes(SinglePrecision.self, operands)
    case .compareDouble(let condition): return condition.inLanes(DoublePrecision.self, operands)
    case .halvesFromSingles: return operands.joined(from: 32) { HalfPrecision.narrowed($0, state) }
    case .singlesFromDoubles: return operands.joined(from: 64) { narrowed($0) }
    case .singlesFromHalves(let upper): return a.spread(to: 32, upper) { HalfPrecision.widened($0, state) }
    case .doublesFromSingles(let upper): return a.spread(to: 64, upper) { widened($0) }
    case .singlesFromWords(let signed): return a.singles(signed: signed)
    case .doublesFromLongs(let signed):
      return Lanes(low: doubleFromLong(a.low, signed), high: doubleFromLong(a.high, signed))
    case .doublesFromWords(let upper):
      return a.spread(to: 64, upper) { DoublePrecision.fromInteger(Int(Int32(truncatingIfNeeded: $0))) }
    case .singlesFromLongs:
      return operands.joined(from: 64) { SinglePrecision.fromInteger(Int(bitPattern: UInt($0))) }
    case .wordsFromDoubles(let rounding):
      return operands.joined(from: 64) { DoublePrecision.toInteger($0, rounding, bits: 32, signed: true, state) }
    case .longsFromSingles(let rounding, let upper):
      return a.spread(to: 64, upper) { SinglePrecision.toInteger($0, rounding, bits: 64, signed: true, state) }
    }
  }
}

extension LaneOperation {
  @inline(__always)
  func inLanes<F: FloatFormat>(
    _ format: F.Type, _ operands: VectorOperands, _ state: UnsafeMutablePointer<FloatState>
  ) -> Lanes {
    operands.mapped(format) { evaluate(format, $0, $1, $2, state) }
  }
}

extension FloatCondition {
  @inline(__always)
  func inLanes<F: FloatFormat>(_ format: F.Type, _ operands: VectorOperands) -> Lanes {
    operands.mapped(format) { a, b, _ in holds(F.compare(a, b, quiet: quiet)) ? F.valueMask : 0 }
  }
}

extension VectorOperands {
  /// The same for each lane of a format; bits above the format matter neither in operands nor in results.
  @inline(__always)
  func mapped<F: FloatFormat>(_ format: F.Type, _ body: (UInt64, UInt64, UInt64) -> UInt64) -> Lanes {
    if F.width == 64 { return Lanes(low: body(a.low, b.low, c.low), high: body(a.high, b.high, c.high)) }
    let low = body(a.low, b.low, c.low) & 0xffff_ffff | body(a.low >> 32, b.low >> 32, c.low >> 32) << 32
    let high = body(a.high, b.high, c.high) & 0xffff_ffff | body(a.high >> 32, b.high >> 32, c.high >> 32) << 32
    return Lanes(low: low, high: high)
  }
}

extension VectorOperands {
  /// Lanes of half the width: those of vk in the lower half, those of vj in the upper.
  @inline(__always)
  fileprivate func joined(from width: Int, _ convert: (UInt64) -> UInt64) -> Lanes {
    let count = 128 / width
    var result = Lanes.zero
    for lane in 0..<count {
      result[lane, width: width / 2] = convert(b[lane, width: width])
      result[lane + count, width: width / 2] = convert(a[lane, width: width])
    }
    return result
  }
}

extension Lanes {
  /// Lanes of twice the width, from the lower or upper half.
  @inline(__always)
  fileprivate func spread(to width: Int, _ upper: Bool, _ convert: (UInt64) -> UInt64) -> Lanes {
    let count = 128 / width
    var result = Lanes.zero
    for lane in 0..<count {
      result[lane, width: width] = convert(self[lane + (upper ? count : 0), width: width / 2])
    }
    return result
  }

  /// vffint.s.w and vffint.s.wu.
  fileprivate func singles(signed: Bool) -> Lanes {
    var result = Lanes.zero
    for lane in 0..<4 {
      result[lane, width: 32] = SinglePrecision.fromInteger(signed ? word(lane) : Int(self[lane, width: 32]))
    }
    return result
  }
}

/// vffint.d.l and vffint.d.lu. An unsigned value beyond the host's signed range is halved first, its lowest bit kept
/// as a sticky one, so that it is rounded once.
private func doubleFromLong(_ a: UInt64, _ signed: Bool) -> UInt64 {
  let value = Int64(bitPattern: a)
  if signed || value >= 0 { return DoublePrecision.fromInteger(Int(value)) }
  let half = DoublePrecision.fromInteger(Int(a >> 1 | a & 1))
  return DoublePrecision.add(half, half)
}
