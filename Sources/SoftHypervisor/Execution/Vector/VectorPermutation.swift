// Instructions that move lanes: LoongArch Reference Manual Vol. 2. Their source is vj above vk, seen as one row of
// twice as many lanes: numbers below `count` name lanes of vk, the others lanes of vj.

/// Where each lane of the result comes from.
protocol Permutation {
  /// The source of lane `index`, given `count` lanes a register.
  static func source(_ index: Int, _ count: Int) -> Int
}

/// vpackev: even lanes of vk and vj in turn.
enum PackEven: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int { index & 1 == 0 ? index : count &+ index &- 1 }
}

/// vpackod: odd lanes of vk and vj in turn.
enum PackOdd: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int { index & 1 == 0 ? index &+ 1 : count &+ index }
}

/// vilvl: lanes of the low halves in turn.
enum InterleaveLow: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int { index &>> 1 &+ (index & 1) &* count }
}

/// vilvh: lanes of the high halves in turn.
enum InterleaveHigh: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int {
    InterleaveLow.source(index, count) &+ count / 2
  }
}

/// vpickev: all even lanes.
enum PickEven: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int { index &* 2 }
}

/// vpickod: all odd lanes.
enum PickOdd: Permutation {
  @inline(__always)
  static func source(_ index: Int, _ count: Int) -> Int { index &* 2 &+ 1 }
}

@inline(__always)
private func move<Order: Permutation, L: Lane>(
  _ order: Order.Type, _ lane: L.Type, _ upper: Bits128, _ lower: Bits128
) -> Bits128 {
  let upper = L.lanes(upper)
  let lower = L.lanes(lower)
  var result = L.Vector()
  L.forEachIndex { index in
    let source = Order.source(index, L.count)
    result[index] = source < L.count ? lower[source] : upper[source &- L.count]
  }
  return L.bits(result)
}

/// Moves lanes of `size` 0–3 in a fixed order.
@inline(never)
func permuteLanes<Order: Permutation>(
  _ order: Order.Type, _ size: LaneSize, _ upper: Bits128, _ lower: Bits128
) -> Bits128 {
  switch size {
  case 0: move(order, UInt8.self, upper, lower)
  case 1: move(order, UInt16.self, upper, lower)
  case 2: move(order, UInt32.self, upper, lower)
  default: move(order, UInt64.self, upper, lower)
  }
}

/// vshuf: each lane of the result is the one that the same lane of `numbers` names, modulo 2 × count.
@inline(__always)
private func choose<L: Lane>(_ lane: L.Type, _ numbers: Bits128, _ upper: Bits128, _ lower: Bits128) -> Bits128 {
  let numbers = L.lanes(numbers)
  let upper = L.lanes(upper)
  let lower = L.lanes(lower)
  var result = L.Vector()
  L.forEachIndex { index in
    let number = Int(truncatingIfNeeded: numbers[index])
    let source = number & (L.count &- 1)
    result[index] = number & L.count == 0 ? lower[source] : upper[source]
  }
  return L.bits(result)
}

/// vshuf.b, .h, .w, .d: `size` 0–3.
@inline(never)
func shuffleLanes(_ size: LaneSize, numbers: Bits128, upper: Bits128, lower: Bits128) -> Bits128 {
  switch size {
  case 0: choose(UInt8.self, numbers, upper, lower)
  case 1: choose(UInt16.self, numbers, upper, lower)
  case 2: choose(UInt32.self, numbers, upper, lower)
  default: choose(UInt64.self, numbers, upper, lower)
  }
}

/// vshuf4i.b, .h, .w: in each group of four lanes, lane i is the one that bits 2 i + 1 : 2 i of `order` name.
@inline(__always)
private func shuffleGroups<L: Lane>(_ lane: L.Type, _ a: Bits128, _ order: UInt32) -> Bits128 {
  let a = L.lanes(a)
  var result = L.Vector()
  L.forEachIndex { index in
    let choice = Int(order &>> UInt32((index & 3) &* 2)) & 3
    result[index] = a[index & ~3 | choice]
  }
  return L.bits(result)
}

/// vshuf4i; `size` 3 is another instruction in truth: two bits choose each half from the old vd (0, 1) or vj (2, 3).
func shuffleWithinFours(_ size: LaneSize, _ a: Bits128, onto d: Bits128, order: UInt32) -> Bits128 {
  switch size {
  case 0: shuffleGroups(UInt8.self, a, order)
  case 1: shuffleGroups(UInt16.self, a, order)
  case 2: shuffleGroups(UInt32.self, a, order)
  default: shuffleLanes(3, numbers: Bits128(UInt64(order), UInt64(order &>> 2)), upper: a, lower: d)
  }
}

/// vpermi.w: two words of `a`, then two of the old destination.
func permuteWords(_ a: Bits128, onto d: Bits128, order: UInt32) -> Bits128 {
  let low = shuffleGroups(UInt32.self, a, order)
  let high = shuffleGroups(UInt32.self, d, order)
  return Bits128(low.x, high.y)
}
