import Hypervisor

/// What the hot loop calls when the software TLB does not have the page: translation, page crossings, devices.
///
/// All of these return a `Step`. On `reload` an exception has been entered; on `leave` the VMM must serve the access,
/// and `pc` is already the next instruction.
extension UnsafeMutablePointer where Pointee == CPU {
  /// Loads `size` bytes (1, 2, 4, 8) into general register `register` (32 = r0's sink).
  @inline(never)
  func slowLoad(_ address: UInt64, _ size: UInt64, signed: Bool, _ register: UInt8, _ pc: UInt64) -> UInt8 {
    let (value, step) = readMemory(
      address, size, pc, PendingLoad(register: register, size: UInt8(size), signed: signed))
    if step == Step.next { pointee.registers.gpr[Int(register)] = Self.extend(value, size, signed: signed) }
    return step
  }

  /// Stores the low `size` bytes of `value`.
  @inline(never)
  func slowStore(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ pc: UInt64) -> UInt8 {
    writeMemory(address, size, value, pc, device: true)
  }

  /// Loads 4 or 8 bytes into the low half of vector register `register`; the upper 32 bits of a 4-byte load are ones,
  /// as QEMU has them (Vol. 1, 3.1.1 leaves them open).
  @inline(never)
  func slowLoadFloat(_ address: UInt64, _ size: UInt64, _ register: UInt8, _ pc: UInt64) -> UInt8 {
    let (value, step) = readMemory(address, size, pc, nil)
    if step == Step.next {
      pointee.registers.vr[Int(register) * 2] = size == 4 ? value | 0xffff_ffff_0000_0000 : value
    }
    return step
  }

  @inline(never)
  func slowStoreFloat(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ pc: UInt64) -> UInt8 {
    writeMemory(address, size, value, pc, device: false)
  }

  /// Loads 16 bytes into vector register `register`.
  @inline(never)
  func slowLoadVector(_ address: UInt64, _ register: UInt8, _ pc: UInt64) -> UInt8 {
    let (low, first) = readMemory(address, 8, pc, nil)
    if first != Step.next { return first }
    let (high, second) = readMemory(address &+ 8, 8, pc, nil)
    if second != Step.next { return second }
    pointee.registers.vr[Int(register) * 2] = low
    pointee.registers.vr[Int(register) * 2 + 1] = high
    return Step.next
  }

  /// Stores 16 bytes; both halves are checked before either is written.
  @inline(never)
  func slowStoreVector(_ address: UInt64, _ register: UInt8, _ pc: UInt64) -> UInt8 {
    let vr = pointee.registers.vr + Int(register) * 2
    if address & 0xfff > 0xff0 {
      let last = translateAndFill(address &+ 15, .store)
      if last.fault != 0 { return fault(last.fault, pc, (address &+ 15) & SoftTLB.pageMask) }
    }
    let step = writeMemory(address, 8, vr[0], pc, device: false)
    return step == Step.next ? writeMemory(address &+ 8, 8, vr[1], pc, device: false) : step
  }

  /// Sign- or zero-extends the low `size` bytes.
  static func extend(_ value: UInt64, _ size: UInt64, signed: Bool) -> UInt64 {
    let shift = 64 - size * 8
    if signed { return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift)) }
    return (value << shift) >> shift
  }

  /// Enters the exception of a failed access.
  func fault(_ code: Int, _ pc: UInt64, _ address: UInt64) -> UInt8 {
    raise(code, at: pc, address: address)
    return Step.reload
  }

  /// Reads memory or, if `pending` says where the value goes, a device. Devices without `pending` are an ADE: like KVM,
  /// only integer loads and stores reach devices (reference A.5).
  func readMemory(_ address: UInt64, _ size: UInt64, _ pc: UInt64, _ pending: PendingLoad?) -> (UInt64, UInt8) {
    if (address ^ (address &+ (size - 1))) & SoftTLB.pageMask != 0 { return readAcross(address, size, pc) }
    let found = translateAndFill(address, .load)
    if found.fault != 0 { return (0, fault(found.fault, pc, address)) }
    if let host = pointee.memory.host(found.physical, size: size) { return (Self.load(host, size), Step.next) }
    guard let pending else { return (0, fault(Ecode.addressMemory, pc, address)) }
    return readDevice(found.physical, size, pc, pending)
  }

  /// Writes memory or a device.
  func writeMemory(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ pc: UInt64, device: Bool) -> UInt8 {
    if (address ^ (address &+ (size - 1))) & SoftTLB.pageMask != 0 { return writeAcross(address, size, value, pc) }
    let found = translateAndFill(address, .store)
    if found.fault != 0 { return fault(found.fault, pc, address) }
    if let host = pointee.memory.writableHost(found.physical, size: size) {
      Self.store(host, size, value)
      return Step.next
    }
    return device ? writeDevice(found.physical, size, value, pc) : fault(Ecode.addressMemory, pc, address)
  }

  /// A load over a page boundary, byte by byte; both pages must be memory.
  private func readAcross(_ address: UInt64, _ size: UInt64, _ pc: UInt64) -> (UInt64, UInt8) {
    var value: UInt64 = 0
    for i in 0..<size {
      let (byte, step) = readMemory(address &+ i, 1, pc, nil)
      if step != Step.next { return (0, step) }
      value |= byte << (8 * i)
    }
    return (value, Step.next)
  }

  private func writeAcross(_ address: UInt64, _ size: UInt64, _ value: UInt64, _ pc: UInt64) -> UInt8 {
    let last = address &+ (size - 1)
    let found = translateAndFill(last, .store)
    if found.fault != 0 { return fault(found.fault, pc, last & SoftTLB.pageMask) }
    for i in 0..<size {
      let step = writeMemory(address &+ i, 1, value >> (8 * i), pc, device: false)
      if step != Step.next { return step }
    }
    return Step.next
  }

  @inline(__always)
  static func load(_ host: UnsafeMutableRawPointer, _ size: UInt64) -> UInt64 {
    switch size {
    case 1: UInt64(host.load(as: UInt8.self))
    case 2: UInt64(host.loadUnaligned(as: UInt16.self))
    case 4: UInt64(host.loadUnaligned(as: UInt32.self))
    default: host.loadUnaligned(as: UInt64.self)
    }
  }

  @inline(__always)
  static func store(_ host: UnsafeMutableRawPointer, _ size: UInt64, _ value: UInt64) {
    switch size {
    case 1: host.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
    case 2: host.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
    case 4: host.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    default: host.storeBytes(of: value, as: UInt64.self)
    }
  }

  // MARK: devices

  private func readDevice(
    _ physical: UInt64, _ size: UInt64, _ pc: UInt64, _ pending: PendingLoad
  ) -> (UInt64, UInt8) {
    let chip = pointee.chip
    if let value = chip._withUnsafeGuaranteedRef({ $0.read(mmio: physical, size: Int(size)) }) {
      return (value, Step.next)
    }
    pointee.pendingLoad = pending
    pointee.exit = .mmioRead(address: physical, size: UInt8(size))
    pointee.pc = pc &+ 4
    return (0, Step.leave)
  }

  private func writeDevice(_ physical: UInt64, _ size: UInt64, _ value: UInt64, _ pc: UInt64) -> UInt8 {
    let shared = pointee.shared
    let masked = Self.extend(value, size, signed: false)
    if pointee.chip._withUnsafeGuaranteedRef({ $0.write(mmio: physical, size: Int(size), value: masked) }) {
      return interruptsMayHaveChanged(pc)
    }
    if shared._withUnsafeGuaranteedRef({ $0.doorbells.ring(physical, size: Int(size), value: masked) }) {
      return Step.next
    }
    pointee.exit = .mmioWrite(address: physical, size: UInt8(size), value: masked)
    pointee.pc = pc &+ 4
    return Step.leave
  }

  /// After a write to the irqchip: look at the interrupt lines before the next instruction.
  func interruptsMayHaveChanged(_ pc: UInt64) -> UInt8 {
    pointee.pc = pc &+ 4
    return Step.reload
  }
}
