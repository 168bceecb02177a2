// The IPI device: its registers in IOCSR space and its attributes (reference C.3). Linux 7.2.12 and 6.13, intc/ipi.c.

extension ModelMachine {
  private var swallows: Bool { kernel.behaviour.swallowsBadAccesses }

  /// An iocsrrd of IOCSR 0x1000 + `offset`; nil: it goes to user space.
  func readIPI(_ vcpu: ModelVCPU, _ offset: Int, _ size: Int) -> UInt64? {
    switch offset {
    case 0x00: UInt64(vcpu.ipi.status)
    case 0x04: UInt64(vcpu.ipi.enable)
    case 0x08, 0x0c: 0
    case 0x20..<0x40 where offset + size <= 0x40: readMailbox(vcpu, offset - 0x20, size)
    default: swallows ? 0 : nil
    }
  }

  /// An iocsrwr; false: it goes to user space.
  func writeIPI(_ vcpu: ModelVCPU, _ offset: Int, _ size: Int, _ value: UInt64) -> Bool {
    switch offset {
    case 0x00: return swallows
    case 0x04: vcpu.ipi.enable = UInt32(truncatingIfNeeded: value)
    case 0x08:
      // 6.13 has no such register.
      guard swallows else { return false }
      vcpu.raiseIPI(UInt32(truncatingIfNeeded: value))
    case 0x0c: vcpu.clearIPI(UInt32(truncatingIfNeeded: value))
    case 0x20..<0x40 where offset + size <= 0x40: writeMailbox(vcpu, offset - 0x20, size, value)
    case 0x40: vcpuByCPUID(target(value))?.raiseIPI(1 << UInt32(value & 0x1f))
    case 0x48: return sendMail(value)
    case 0x158: return sendAny(value)
    default: return swallows
    }
    return true
  }

  private func target(_ value: UInt64) -> Int { Int(value >> 16 & 0x3ff) }

  private func readMailbox(_ vcpu: ModelVCPU, _ offset: Int, _ size: Int) -> UInt64 {
    let word = vcpu.ipi.mailboxes[offset >> 3] >> UInt64(offset & 7 * 8)
    return size == 8 ? word : word & (1 << UInt64(size * 8) - 1)
  }

  private func writeMailbox(_ vcpu: ModelVCPU, _ offset: Int, _ size: Int, _ value: UInt64) {
    let shift = UInt64(offset & 7 * 8)
    let field = (size == 8 ? UInt64.max : 1 << UInt64(size * 8) - 1) << shift
    vcpu.ipi.mailboxes[offset >> 3] = vcpu.ipi.mailboxes[offset >> 3] & ~field | value << shift & field
  }

  /// The bytes that a send leaves as they were: bits 30 to 27.
  private func kept(_ value: UInt64) -> UInt64 {
    var mask: UInt64 = 0
    for byte in 0..<4 where value >> UInt64(27 + byte) & 1 == 1 { mask |= 0xff << UInt64(byte * 8) }
    return mask
  }

  private func sendMail(_ value: UInt64) -> Bool {
    guard let vcpu = vcpuByCPUID(target(value)) else { return swallows }
    let offset = Int(value >> 2 & 7) * 4
    let mask = kept(value)
    writeMailbox(vcpu, offset, 4, readMailbox(vcpu, offset, 4) & mask | value >> 32 & ~mask)
    return true
  }

  private func sendAny(_ value: UInt64) -> Bool {
    guard let vcpu = vcpuByCPUID(target(value)) else { return swallows }
    let mask = kept(value)
    var old: UInt64 = 0
    if mask != 0 {
      guard let read = readIOCSR(vcpu, value & 0xffff, 4) else { return swallows }
      old = read & mask
    }
    return writeIOCSR(vcpu, value & 0xffff, 4, old | value >> 32 & ~mask) || swallows
  }

  /// Group 0x40000001 of the device: a register of a vCPU.
  func ipiAttribute(_ attribute: UInt64, write: Bool, at address: UInt64) -> Int {
    guard let vcpu = vcpus[Int(attribute >> 16 & 0x3ff)] else { return Failure.invalid }
    switch attribute & 0xff {
    case 0x00: return transfer(&vcpu.ipi.status, write, address)
    case 0x04: return transfer(&vcpu.ipi.enable, write, address)
    case 0x08: return transfer(&vcpu.ipi.set, write, address)
    case 0x0c: return transfer(&vcpu.ipi.clear, write, address)
    case 0x20, 0x28, 0x30, 0x38:
      return transfer(&vcpu.ipi.mailboxes[Int(attribute & 0x18) >> 3], write, address)
    default: return Failure.invalid
    }
  }
}
