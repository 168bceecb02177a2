// The LS7A interrupt controller as the kernel keeps it (reference B.2, B.3): Linux 7.2.12 and 6.13, intc/pch_pic.c.

/// State and rules; `eiointc` is where its outputs go.
final class PCHPIC {
  static let windowSize: UInt64 = 0x3e8
  var base: UInt64?
  var mask: UInt64 = 0
  var messageEnable: UInt64 = 0
  var edge: UInt64 = 0
  var autoControl: [UInt64] = [0, 0]
  var request: UInt64 = 0
  var inService: UInt64 = 0
  var polarity: UInt64 = 0
  var route = [UInt8](repeating: 0, count: 64)
  var vector = [UInt8](repeating: 0, count: 64)
  private let isWide: Bool
  /// Sets an EIOINTC vector's level.
  var output: (Int, Bool) -> Void = { _, _ in }

  init(isWide: Bool) {
    self.isWide = isWide
    guard isWide else { return }
    mask = .max
    for pin in 0..<32 { (route[pin], vector[pin]) = (1, UInt8(pin)) }
  }

  /// An input changes, or is set again: there is no edge detector.
  func set(pin: Int, level: Bool) {
    let bit = UInt64(1) << UInt64(pin)
    if level {
      request |= bit
    } else {
      // An edge pin is not cleared by its input.
      if edge & bit != 0 { return }
      request &= ~bit
    }
    update(pin, level)
  }

  private func update(_ pin: Int, _ level: Bool) {
    let bit = UInt64(1) << UInt64(pin)
    if level, bit & request & ~mask != 0 {
      inService |= bit
      output(Int(vector[pin]), true)
    } else if !level, bit & inService & ~request != 0 {
      inService &= ~bit
      output(Int(vector[pin]), false)
    }
  }

  private func update(all pins: UInt64, _ level: Bool) {
    for pin in 0..<64 where pins >> UInt64(pin) & 1 == 1 { update(pin, level) }
  }

  // MARK: the guest's accesses

  /// What a load of `size` bytes at `offset` gives; nil: the device does not answer, and the access goes to user space.
  func read(_ offset: Int, _ size: Int) -> UInt64? { isWide ? readWide(offset, size) : readNarrow(offset) }

  /// A store; false: it goes to user space.
  func write(_ offset: Int, _ size: Int, _ value: UInt64) -> Bool {
    guard isWide else { return writeNarrow(offset, value) }
    if offset & (size - 1) == 0 { writeWide(offset, size, value) }
    return true
  }

  private func readWide(_ offset: Int, _ size: Int) -> UInt64 {
    // A misaligned access is swallowed, and what was in kvm_run stays: nothing to rely on.
    guard offset & (size - 1) == 0 else { return 0 }
    let data: UInt64
    switch offset & ~7 {
    case 0x00: data = 0x001f_0001_0700_0000
    case 0x20: data = mask
    case 0x40: data = messageEnable
    case 0x60: data = edge
    case 0x100..<0x140: data = bytes(route, offset & ~7 - 0x100)
    case 0x200..<0x240: data = bytes(vector, offset & ~7 - 0x200)
    case 0x380: data = request
    case 0x3a0: data = inService
    case 0x3e0: data = polarity
    default: data = 0
    }
    return data >> UInt64(offset & 7 * 8)
  }

  private func bytes(_ table: [UInt8], _ start: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(table[start + index]) << UInt64(index * 8) }
    return value
  }

  private func writeWide(_ offset: Int, _ size: Int, _ value: UInt64) {
    let shift = UInt64(offset & 7) * 8
    let field = (size == 8 ? UInt64.max : (1 << UInt64(size * 8)) - 1) << shift
    let data = value << shift & field
    func merge(_ register: inout UInt64) { register = register & ~field | data }
    switch offset & ~7 {
    case 0x20:
      let old = mask
      merge(&mask)
      update(all: old & ~data, true)
      update(all: ~old & data, false)
    case 0x40: merge(&messageEnable)
    case 0x60: merge(&edge)
    case 0x80:
      let cleared = request & edge & data
      request &= ~cleared
      update(all: cleared, false)
    case 0x200..<0x240:
      for index in 0..<size { vector[offset - 0x200 + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
    case 0x3e0: merge(&polarity)
    default: break
    }
  }

  // MARK: 6.13: halves of 32 bits, whatever the size of the access

  private func readNarrow(_ offset: Int) -> UInt64? {
    func half(_ register: UInt64) -> UInt64 { offset & 7 >= 4 ? register >> 32 : register & 0xffff_ffff }
    switch offset {
    // All of it at each of its addresses: a load of 4 bytes at 4 gives the id, not the number of pins.
    case 0x00..<0x08: return 0x001f_0001_0000_0007
    case 0x20..<0x28: return half(mask)
    case 0x40..<0x48: return half(messageEnable)
    case 0x60..<0x68: return half(edge)
    case 0xc0..<0xc8, 0xe0..<0xe8, 0x3e0..<0x3e8: return 0
    case 0x100..<0x140: return 1
    case 0x200..<0x240: return UInt64(vector[offset - 0x200])
    default: return nil
    }
  }

  private func writeNarrow(_ offset: Int, _ value: UInt64) -> Bool {
    let isHigh = offset & 7 >= 4
    let data = value & 0xffff_ffff
    func half(_ register: UInt64) -> UInt64 { isHigh ? register >> 32 : register & 0xffff_ffff }
    func replace(_ register: inout UInt64, _ with: UInt64) {
      register = isHigh ? register & 0xffff_ffff | with << 32 : register & ~0xffff_ffff | with
    }
    switch offset {
    case 0x20..<0x28:
      let old = half(mask)
      replace(&mask, data)
      // The kernel shifts 32-bit numbers by 32 for the high half, which says nothing: pins from 32 on do not work.
      guard !isHigh else { return true }
      update(all: old & ~data, true)
      update(all: ~old & data & 0xffff_ffff, false)
    case 0x40..<0x48: replace(&messageEnable, data)
    case 0x60..<0x68: replace(&edge, data)
    case 0x80..<0x88:
      let cleared = half(request) & half(edge) & data
      replace(&request, half(request) & ~cleared)
      // Of the high half too as if they were pins 0 to 31.
      update(all: cleared, false)
    case 0xc0..<0xc8, 0xe0..<0xe8, 0x3e0..<0x3e8: break
    case 0x100..<0x140: route[offset - 0x100] = 1
    case 0x200..<0x240: vector[offset - 0x200] = UInt8(truncatingIfNeeded: value)
    default: return false
    }
    return true
  }

  // MARK: user space's accesses

  /// Group 0x40000005: a register by its offset, 8 bytes, or 1 byte of a table.
  func attribute(_ attribute: UInt64, write: Bool, at address: UInt64) -> Int {
    // The kernel takes it as an int.
    let offset = attribute & 0xffff_ffff
    return switch offset {
    case 0x20: word(&mask, write, address)
    case 0x40: word(&messageEnable, write, address)
    case 0x60: word(&edge, write, address)
    case 0xc0: word(&autoControl[0], write, address)
    case 0xe0: word(&autoControl[1], write, address)
    case 0x100..<0x140: byte(&route[Int(offset) - 0x100], write, address)
    case 0x200..<0x240: byte(&vector[Int(offset) - 0x200], write, address)
    case 0x380: word(&request, write, address)
    case 0x3a0: word(&inService, write, address)
    case 0x3e0: word(&polarity, write, address)
    default: Failure.invalid
    }
  }

  private func word(_ register: inout UInt64, _ write: Bool, _ address: UInt64) -> Int {
    transfer(&register, write, address)
  }
  private func byte(_ register: inout UInt8, _ write: Bool, _ address: UInt64) -> Int {
    transfer(&register, write, address)
  }
}

/// copy_from_user or copy_to_user of one register: 0, or -EFAULT.
func transfer<T: FixedWidthInteger>(_ register: inout T, _ write: Bool, _ address: UInt64) -> Int {
  if write {
    guard let value = User.read(address, as: T.self) else { return Failure.fault }
    register = value
    return 0
  }
  return User.write(address, 0, register) ? 0 : Failure.fault
}
