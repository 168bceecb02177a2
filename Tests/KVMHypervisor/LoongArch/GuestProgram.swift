/// General registers by their names in the LoongArch ELF psABI.
enum R {
  static let zero: UInt32 = 0, ra: UInt32 = 1, a0: UInt32 = 4, a1: UInt32 = 5, a2: UInt32 = 6
  static let t0: UInt32 = 12, t1: UInt32 = 13, t2: UInt32 = 14, t3: UInt32 = 15, t4: UInt32 = 16
  static let s0: UInt32 = 23, s1: UInt32 = 24, s2: UInt32 = 25
}

/// Sizes of accesses, as iocsrrd and ld encode them.
enum Width: UInt32 {
  case byte = 0
  case half, word, double
}

/// A short guest, by its assembler names (LoongArch Reference Manual Vol. 1, appendix B).
struct GuestProgram {
  private(set) var words: [UInt32] = []

  init(_ body: (inout GuestProgram) -> Void) { body(&self) }

  /// The index of the next instruction, for branches back.
  var here: Int { words.count }

  mutating func put(_ word: UInt32) { words.append(word) }
  private mutating func two(_ match: UInt32, _ d: UInt32, _ j: UInt32, _ value: Int32) {
    put(match | (UInt32(bitPattern: value) & 0xfff) << 10 | j << 5 | d)
  }
  private mutating func three(_ match: UInt32, _ d: UInt32, _ j: UInt32, _ k: UInt32) {
    put(match | k << 10 | j << 5 | d)
  }

  // MARK: arithmetic

  mutating func addi(_ d: UInt32, _ j: UInt32, _ value: Int32) { two(0x02c0_0000, d, j, value) }
  mutating func addiW(_ d: UInt32, _ j: UInt32, _ value: Int32) { two(0x0280_0000, d, j, value) }
  mutating func andi(_ d: UInt32, _ j: UInt32, _ value: Int32) { two(0x0340_0000, d, j, value) }
  mutating func ori(_ d: UInt32, _ j: UInt32, _ value: Int32) { two(0x0380_0000, d, j, value) }
  mutating func add(_ d: UInt32, _ j: UInt32, _ k: UInt32) { three(0x0010_8000, d, j, k) }
  mutating func sub(_ d: UInt32, _ j: UInt32, _ k: UInt32) { three(0x0011_8000, d, j, k) }
  mutating func and(_ d: UInt32, _ j: UInt32, _ k: UInt32) { three(0x0014_8000, d, j, k) }
  mutating func or(_ d: UInt32, _ j: UInt32, _ k: UInt32) { three(0x0015_0000, d, j, k) }
  mutating func slli(_ d: UInt32, _ j: UInt32, _ bits: UInt32) { put(0x0041_0000 | bits << 10 | j << 5 | d) }
  mutating func srli(_ d: UInt32, _ j: UInt32, _ bits: UInt32) { put(0x0045_0000 | bits << 10 | j << 5 | d) }
  /// Any value, in four instructions.
  mutating func li(_ d: UInt32, _ value: UInt64) {
    put(0x1400_0000 | UInt32(value >> 12 & 0xf_ffff) << 5 | d)
    put(0x0380_0000 | UInt32(value & 0xfff) << 10 | d << 5 | d)
    put(0x1600_0000 | UInt32(value >> 32 & 0xf_ffff) << 5 | d)
    put(0x0300_0000 | UInt32(value >> 52) << 10 | d << 5 | d)
  }

  // MARK: memory

  mutating func load(_ d: UInt32, _ j: UInt32, _ offset: Int32, _ width: Width, unsigned: Bool = false) {
    two((unsigned ? 0x2a00_0000 : 0x2800_0000) | width.rawValue << 22, d, j, offset)
  }
  mutating func store(_ d: UInt32, _ j: UInt32, _ offset: Int32, _ width: Width) {
    two(0x2900_0000 | width.rawValue << 22, d, j, offset)
  }

  // MARK: branches, to an instruction's index

  mutating func branch(to index: Int) {
    let offset = UInt32(bitPattern: Int32(index - here))
    put(0x5000_0000 | (offset & 0xffff) << 10 | offset >> 16 & 0x3ff)
  }
  mutating func call(to index: Int) {
    let offset = UInt32(bitPattern: Int32(index - here))
    put(0x5400_0000 | (offset & 0xffff) << 10 | offset >> 16 & 0x3ff)
  }
  mutating func branch(ifNotZero j: UInt32, to index: Int) { zero(0x4400_0000, j, index) }
  mutating func branch(ifZero j: UInt32, to index: Int) { zero(0x4000_0000, j, index) }
  private mutating func zero(_ match: UInt32, _ j: UInt32, _ index: Int) {
    let offset = UInt32(bitPattern: Int32(index - here))
    put(match | (offset & 0xffff) << 10 | j << 5 | offset >> 16 & 0x1f)
  }
  mutating func branch(ifEqual j: UInt32, _ d: UInt32, to index: Int) { compare(0x5800_0000, j, d, index) }
  mutating func branch(ifUnequal j: UInt32, _ d: UInt32, to index: Int) { compare(0x5c00_0000, j, d, index) }
  private mutating func compare(_ match: UInt32, _ j: UInt32, _ d: UInt32, _ index: Int) {
    put(match | (UInt32(bitPattern: Int32(index - here)) & 0xffff) << 10 | j << 5 | d)
  }
  mutating func jump(_ j: UInt32, link d: UInt32 = R.zero) { put(0x4c00_0000 | j << 5 | d) }

  // MARK: system

  mutating func csrRead(_ d: UInt32, _ number: UInt32) { put(0x0400_0000 | number << 10 | d) }
  mutating func csrWrite(_ d: UInt32, _ number: UInt32) { put(0x0400_0020 | number << 10 | d) }
  mutating func csrExchange(_ d: UInt32, mask j: UInt32, _ number: UInt32) {
    put(0x0400_0000 | number << 10 | j << 5 | d)
  }
  mutating func iocsrRead(_ d: UInt32, _ j: UInt32, _ width: Width) {
    put(0x0648_0000 | width.rawValue << 10 | j << 5 | d)
  }
  mutating func iocsrWrite(_ d: UInt32, _ j: UInt32, _ width: Width) {
    put(0x0648_1000 | width.rawValue << 10 | j << 5 | d)
  }
  mutating func ertn() { put(0x0648_3800) }
  mutating func idle() { put(0x0648_8000) }
  mutating func readTime(_ d: UInt32, id j: UInt32) { put(0x0000_6800 | j << 5 | d) }
  mutating func cpucfg(_ d: UInt32, _ j: UInt32) { put(0x0000_6c00 | j << 5 | d) }
  mutating func nop() { put(0x0340_0000) }
  mutating func barrier() { put(0x3872_0000) }
  mutating func instructionBarrier() { put(0x3872_8000) }

  // MARK: what guests do

  /// iocsrwr.w of a constant; t3 and t4 are used.
  mutating func setIOCSR(_ address: UInt64, _ value: UInt64, _ width: Width = .word) {
    li(R.t3, address)
    li(R.t4, value)
    iocsrWrite(R.t4, R.t3, width)
  }

  /// A store of a constant; t3 and t4 are used.
  mutating func setMemory(_ address: UInt64, _ value: UInt64, _ width: Width = .word) {
    li(R.t3, address)
    li(R.t4, value)
    store(R.t4, R.t3, 0, width)
  }

  /// A CSR gets a constant; t4 is used.
  mutating func setCSR(_ number: UInt32, _ value: UInt64) {
    li(R.t4, value)
    csrWrite(R.t4, number)
  }
}
