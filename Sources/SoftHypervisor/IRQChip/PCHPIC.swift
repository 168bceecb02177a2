import Hypervisor

/// LS7A IOAPIC, the "PCH-PIC": 64 pins, each with a mask, an edge bit and the EIOINTC vector it raises.
///
/// Follows Linux's KVM 7.2 (reference B.1, B.2), not the chip: there is no edge detector, because an eventfd pulse has no
/// falling edge; each `set(pin, level: true)` raises again. Registers are 64 bits wide, one bit a pin. ISR ⊆ IRR always.
struct PCHPIC: ~Copyable {
  /// Where the registers stand.
  static let base: UInt64 = 0x1000_0000
  /// Bytes the guest's tables describe; those behind the registers read 0.
  static let window: UInt64 = 0x1000
  /// Id 7, version 1, 32 pins (as 31).
  static let identification: UInt64 = 0x001f_0001_0700_0000
  static let pins = 64

  private(set) var mask = UInt64.max
  private(set) var htmsiEnable: UInt64 = 0
  private(set) var edge: UInt64 = 0
  private(set) var polarity: UInt64 = 0
  /// Raw requests.
  private(set) var irr: UInt64 = 0
  /// Requests handed to EIOINTC.
  private(set) var isr: UInt64 = 0
  /// HTMSI_VECTOR: one byte a pin, pin 0 lowest. The driver programs it; vector = pin holds only after reset.
  private(set) var vectors = InlineArray<8, UInt64>(repeating: 0)

  init() {
    for word in 0..<4 { vectors[word] = 0x0706_0504_0302_0100 &+ 0x0808_0808_0808_0808 &* UInt64(word) }
  }

  /// The EIOINTC vector of a pin.
  func vector(of pin: Int) -> Int { Int(truncatingIfNeeded: vectors[pin >> 3 & 7] >> UInt64((pin & 7) << 3) & 0xff) }

  /// The pin's input changed, or a pulse came.
  mutating func set(_ pin: Int, level: Bool, _ eiointc: inout EIOINTC) {
    guard pin >= 0, pin < Self.pins else { return }
    let bit: UInt64 = 1 << UInt64(pin)
    if level {
      irr |= bit
      raise(bit, &eiointc)
    } else if edge & bit == 0 {
      irr &= ~bit
      lower(bit, &eiointc)
    }
  }

  /// Hands requests of `pins` on that stand and are not masked.
  private mutating func raise(_ pins: UInt64, _ eiointc: inout EIOINTC) {
    let raised = pins & irr & ~mask
    isr |= raised
    for pin in BitPositions(raised) { eiointc.set(vector(of: pin), level: true) }
  }

  /// Takes requests of `pins` back that were handed on and stand no longer.
  private mutating func lower(_ pins: UInt64, _ eiointc: inout EIOINTC) {
    let lowered = pins & isr & ~irr
    isr &= ~lowered
    for pin in BitPositions(lowered) { eiointc.set(vector(of: pin), level: false) }
  }

  /// A guest load, `offset` from `base`. What is no register, and what is not aligned, reads 0.
  func read(_ offset: UInt64, size: Int) -> UInt64 {
    guard let lane = ByteLane(offset: offset, size: size) else { return 0 }
    return lane.extract(word(offset & ~7))
  }

  private func word(_ offset: UInt64) -> UInt64 {
    switch offset {
    case 0x000: Self.identification
    case 0x020: mask
    case 0x040: htmsiEnable
    case 0x060: edge
    case 0x100..<0x140: 0x0101_0101_0101_0101  // ROUTE_ENTRY: every pin goes to INT0.
    case 0x200..<0x240: vectors[Int(offset - 0x200) >> 3]
    case 0x380: irr
    case 0x3a0: isr
    case 0x3e0: polarity
    default: 0  // AUTO_CTRL0 and 1 (0xc0, 0xe0) among them; INT_CLEAR is write-only.
    }
  }

  /// A guest store. Read-only registers, ROUTE_ENTRY, AUTO_CTRL and what is no register ignore it: the Linux driver's
  /// stray byte at 0x2ff is one of these (reference B.5).
  mutating func write(_ offset: UInt64, size: Int, value: UInt64, _ eiointc: inout EIOINTC) {
    guard let lane = ByteLane(offset: offset, size: size) else { return }
    switch offset & ~7 {
    case 0x020: setMask(lane.merge(value, into: mask), &eiointc)
    case 0x040: htmsiEnable = lane.merge(value, into: htmsiEnable)
    case 0x060: edge = lane.merge(value, into: edge)
    case 0x080: clear(lane.place(value), &eiointc)
    case 0x200..<0x240:
      let index = Int(offset - 0x200) >> 3
      vectors[index] = lane.merge(value, into: vectors[index])
    case 0x3e0: polarity = lane.merge(value, into: polarity)
    default: break
    }
  }

  private mutating func setMask(_ new: UInt64, _ eiointc: inout EIOINTC) {
    let old = mask
    mask = new
    raise(old & ~new, &eiointc)
    lower(~old & new, &eiointc)
  }

  /// INT_CLEAR: for edge pins only. A level pin's request ends when its input falls.
  private mutating func clear(_ pins: UInt64, _ eiointc: inout EIOINTC) {
    let cleared = pins & irr & edge
    irr &= ~cleared
    lower(cleared, &eiointc)
  }

  /// The registers.
  func save() -> PCHPICState {
    var state = PCHPICState()
    state.mask = mask
    state.messageEnable = htmsiEnable
    state.edge = edge
    state.polarity = polarity
    state.request = irr
    state.inService = isr
    for pin in 0..<Self.pins { state.vector[pin] = UInt8(truncatingIfNeeded: vector(of: pin)) }
    return state
  }

  /// Whether a PCH-PIC can have come to `state`: ISR ⊆ IRR. (ROUTE_ENTRY is storage in Linux 6.13 and has no effect there
  /// either, so that it may hold anything; here it reads 1 as in 7.2.)
  static func isPossible(_ state: PCHPICState) -> Bool { state.inService & ~state.request == 0 }

  /// Takes over a state that `isPossible`.
  mutating func restore(_ state: PCHPICState) {
    mask = state.mask
    htmsiEnable = state.messageEnable
    edge = state.edge
    polarity = state.polarity
    irr = state.request
    isr = state.inService
    for word in 0..<8 {
      vectors[word] = 0
      for byte in 0..<8 { vectors[word] |= UInt64(state.vector[word << 3 + byte]) << UInt64(byte << 3) }
    }
  }
}
