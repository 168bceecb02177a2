/// The extended I/O interrupt controller: 256 vectors, each enabled or not, routed to one CPU and, in groups of 32, to one
/// of its hardware lines.
///
/// Registers as Linux's KVM has them (reference C.2), at IOCSR 0x1400. What holds after each call, for every CPU c and
/// vector v: COREISR[c] has v ⇒ ISR and ENABLE have v, and v is routed to c.
struct EIOINTC: ~Copyable {
  static let vectors = 256
  /// IOCSR address of offset 0, and the bytes behind it.
  static let base: UInt32 = 0x1400
  static let window: UInt32 = 0x900
  /// IOCSR address of FEATURES of the virtual extension; CONFIG is 4 bytes on.
  static let virtualBase: UInt32 = 0x4000_0000
  static let virtualWindow: UInt32 = 0x1000

  static let hasVirtualExtension: UInt32 = 1 << 0
  static let enableBit: UInt32 = 1 << 1
  static let encodesLine: UInt32 = 1 << 2
  static let encodesCPU: UInt32 = 1 << 3

  /// NODEMAP, BOUNCE: stored, without effect.
  var nodemap = InlineArray<4, UInt64>(repeating: 0)
  var bounce = InlineArray<4, UInt64>(repeating: 0)
  /// One byte for each 32 vectors.
  var ipmap: UInt64 = 0
  var enable = InlineArray<4, UInt64>(repeating: 0)
  /// Requests, whether enabled or not. Nobody lowers an MSI: its bit stays.
  var isr = InlineArray<4, UInt64>(repeating: 0)
  /// COREMAP as the guest wrote it.
  var coremap = InlineArray<32, UInt64>(repeating: 0)
  /// The CPU that each vector goes to.
  var targets = InlineArray<256, UInt8>(repeating: 0)
  /// Pending vectors, 4 words a CPU.
  let coreISR: UnsafeMutablePointer<UInt64>
  /// What the virtual extension offers: bit 0 that it exists, 2 INT_ENCODE, 3 CPU_ENCODE.
  let features: UInt32
  /// CONFIG.
  var status: UInt32
  let lines: CPULines

  init(features: UInt32, lines: CPULines) {
    self.features = features
    self.lines = lines
    status = features & Self.hasVirtualExtension == 0 ? Self.enableBit : 0
    coreISR = .allocate(capacity: CPULines.limit * 4)
    coreISR.initialize(repeating: 0, count: CPULines.limit * 4)
  }

  deinit { coreISR.deallocate() }

  /// A vector's request appears (again) or goes. No such vector: nothing.
  mutating func set(_ vector: Int, level: Bool) {
    guard vector >= 0, vector < Self.vectors else { return }
    if level {
      isr[vector >> 6] |= Self.bit(vector)
      deliver(vector)
    } else {
      isr[vector >> 6] &= ~Self.bit(vector)
      withdraw(vector)
    }
  }

  static func bit(_ vector: Int) -> UInt64 { 1 << UInt64(vector & 63) }

  /// Makes an enabled vector pending on its CPU. A CPU that does not exist loses it, as in KVM.
  func deliver(_ vector: Int) {
    let cpu = Int(targets[vector])
    guard enable[vector >> 6] & Self.bit(vector) != 0, lines.exists(cpu) else { return }
    coreISR[cpu * 4 + vector >> 6] |= Self.bit(vector)
    updateLines(cpu)
  }

  func withdraw(_ vector: Int) {
    let cpu = Int(targets[vector])
    coreISR[cpu * 4 + vector >> 6] &= ~Self.bit(vector)
    updateLines(cpu)
  }

  /// A CPU's hardware lines follow from what is pending there and from IPMAP, at any time. (KVM leaves pending vectors on
  /// their old line when IPMAP is written, and then never lowers it; no driver writes it with vectors pending.)
  func updateLines(_ cpu: Int) {
    var raised: UInt64 = 0
    for word in 0..<4 {
      let pending = coreISR[cpu * 4 + word]
      if pending & 0xffff_ffff != 0 { raised |= 1 << line(of: word * 2) }
      if pending >> 32 != 0 { raised |= 1 << line(of: word * 2 + 1) }
    }
    lines.set(cpu, raised << 2, mask: CPULines.hardwareMask)
  }

  /// The hardware line (0–7) of group `group` of 32 vectors: one-hot IP0–IP3, or a number with INT_ENCODE; else 0.
  func line(of group: Int) -> UInt64 {
    let byte = ipmap >> UInt64(group << 3) & 0xff
    if status & Self.encodesLine != 0 { return byte < 8 ? byte : 0 }
    let line = UInt64(byte.trailingZeroBitCount)
    return line < 4 ? line : 0
  }

  /// The CPU that a COREMAP byte names: one-hot 0–3, or a number with CPU_ENCODE; else 0.
  func cpu(named byte: UInt8) -> UInt8 {
    if status & Self.encodesCPU != 0 { return byte }
    let number = UInt8(truncatingIfNeeded: byte.trailingZeroBitCount)
    return number < 4 ? number : 0
  }

  /// A load of `size` bytes at `offset` from `base` by `cpu`. What is no register reads 0.
  func read(_ offset: UInt64, size: Int, cpu: Int) -> UInt64 {
    guard let lane = ByteLane(offset: offset, size: size) else { return 0 }
    return lane.extract(word(offset, cpu: cpu))
  }

  func word(_ offset: UInt64, cpu: Int) -> UInt64 {
    let index = Int(truncatingIfNeeded: offset >> 3)
    return switch offset {
    case 0x0a0..<0x0c0: nodemap[index - 0x0a0 >> 3]
    case 0x0c0..<0x0c8: ipmap
    case 0x200..<0x220: enable[index - 0x200 >> 3]
    case 0x280..<0x2a0: bounce[index - 0x280 >> 3]
    case 0x400..<0x420: coreISR[(cpu & 0xff) * 4 + (index - 0x400 >> 3)]
    case 0x800..<0x900: coremap[index - 0x800 >> 3]
    default: 0  // ISR (0x300) among them: KVM's guests cannot read it.
    }
  }
}
