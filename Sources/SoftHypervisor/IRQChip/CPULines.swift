import Synchronization

/// The interrupt lines from the irqchip to each vCPU, as bits of ESTAT.IS: HWI0–HWI7 are bits 2–9, IPI is bit 12
/// (LoongArch Reference Manual Vol. 1, 7.4.5).
///
/// A view of memory that `IRQChip` owns. Changed only with the irqchip's lock held; each word is read without it by the
/// vCPU it belongs to. Wake-ups are collected here and done by `IRQChip` after the lock is released.
struct CPULines {
  /// The most vCPUs there can be: COREMAP has 8 bits for one (reference C.2).
  static let limit = 256
  /// ESTAT.IS bits that EIOINTC drives.
  static let hardwareMask: UInt64 = 0xff << 2
  /// ESTAT.IS bit that IPI drives.
  static let ipiMask: UInt64 = 1 << 12
  /// Words from one vCPU's line word to the next: a cache line, so that one vCPU's poll does not meet another's changes.
  private static let stride = 8

  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let wakers: UnsafeMutablePointer<Unmanaged<VCPUWaker>?>
  /// One bit per vCPU to be poked; 4 words.
  private let raised: UnsafeMutablePointer<UInt64>

  init() {
    words = .allocate(capacity: Self.limit * Self.stride)
    for i in 0..<Self.limit * Self.stride { (words + i).initialize(to: Atomic(0)) }
    wakers = .allocate(capacity: Self.limit)
    wakers.initialize(repeating: nil, count: Self.limit)
    raised = .allocate(capacity: 4)
    raised.initialize(repeating: 0, count: 4)
  }

  /// Frees the memory; nobody may use any copy of this value afterwards.
  func destroy() {
    for cpu in 0..<Self.limit { wakers[cpu]?.release() }
    words.deinitialize(count: Self.limit * Self.stride)
    words.deallocate()
    wakers.deallocate()
    raised.deallocate()
  }

  /// Where the lines of `cpu` (0–255) stand.
  func word(_ cpu: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { words + (cpu & 0xff) * Self.stride }

  /// Whether there is such a vCPU.
  func exists(_ cpu: Int) -> Bool { cpu >= 0 && cpu < Self.limit && wakers[cpu] != nil }

  /// How many vCPUs there are; they come in the order of their numbers.
  var count: Int {
    var count = 0
    while exists(count) { count += 1 }
    return count
  }

  /// Gives `cpu` its waker, for good; false if there is no such number or it has one.
  func attach(_ cpu: Int, _ waker: VCPUWaker) -> Bool {
    guard cpu >= 0, cpu < Self.limit, wakers[cpu] == nil else { return false }
    wakers[cpu] = .passRetained(waker)
    if word(cpu).pointee.load(ordering: .relaxed) != 0 { raised[cpu >> 6] |= 1 << UInt64(cpu & 63) }
    return true
  }

  /// Makes the lines of `mask` be those of `bits`. A raised one makes the vCPU be poked; a lowered one it finds out itself.
  func set(_ cpu: Int, _ bits: UInt64, mask: UInt64) {
    let line = word(cpu)
    let old = line.pointee.load(ordering: .relaxed)
    let new = old & ~mask | bits & mask
    guard new != old else { return }
    line.pointee.store(new, ordering: .releasing)
    if new & ~old != 0 { raised[(cpu & 0xff) >> 6] |= 1 << UInt64(cpu & 63) }
  }

  /// Takes the set of vCPUs to poke.
  func takeRaised() -> RaisedSet {
    let set = RaisedSet(words: (raised[0], raised[1], raised[2], raised[3]))
    if !set.isEmpty { raised.update(repeating: 0, count: 4) }
    return set
  }

  /// Pokes the vCPUs of `set`. Without the lock: a wake-up is a system call.
  func wake(_ set: RaisedSet) {
    guard !set.isEmpty else { return }
    wake(set.words.0, from: 0)
    wake(set.words.1, from: 64)
    wake(set.words.2, from: 128)
    wake(set.words.3, from: 192)
  }

  private func wake(_ set: UInt64, from first: Int) {
    for bit in BitPositions(set) { wakers[first + bit]?._withUnsafeGuaranteedRef { $0.poke() } }
  }
}

/// A set of vCPUs.
struct RaisedSet {
  let words: (UInt64, UInt64, UInt64, UInt64)
  var isEmpty: Bool { words.0 | words.1 | words.2 | words.3 == 0 }
}

/// The positions of the set bits of a word, lowest first.
struct BitPositions: Sequence, IteratorProtocol {
  private var rest: UInt64

  init(_ word: UInt64) { rest = word }

  mutating func next() -> Int? {
    guard rest != 0 else { return nil }
    let position = rest.trailingZeroBitCount
    rest &= rest &- 1
    return position
  }
}
