// Requests of a vCPU. Linux 7.2.12, virt/kvm/kvm_main.c, arch/loongarch/kvm/vcpu.c; 6.13 where `behaviour` says so.

extension KernelModel {
  func vcpuRequest(_ vcpu: ModelVCPU, _ request: UInt32, _ argument: UInt64) -> Int? {
    guard request >> 8 & 0xff == 0xae else { return Failure.invalid }
    switch request {
    case Request.run: return argument == 0 ? run(vcpu) : Failure.invalid
    case Request.interrupt: return interrupt(vcpu, argument)
    case Request.getRegisters: return getRegisters(vcpu, argument)
    case Request.setRegisters: return setRegisters(vcpu, argument)
    case Request.getFPU: return getFPU(vcpu, argument)
    case Request.setFPU: return setFPU(vcpu, argument)
    case Request.getMPState: return User.write(argument, 0, UInt32(0)) ? 0 : Failure.fault
    case Request.setMPState:
      guard let state: UInt32 = User.read(argument) else { return Failure.fault }
      return state == 0 ? 0 : Failure.invalid
    case Request.setSignalMask: return setSignalMask(vcpu, argument)
    case Request.setGuestDebug:
      guard let control: UInt32 = User.read(argument) else { return Failure.fault }
      guard control & ~0x1_0003 == 0 else { return Failure.invalid }
      vcpu.debugControl = control & 1 != 0 ? control : 0
      return 0
    case Request.enableCapability: return Failure.invalid
    case Request.getOneRegister, Request.setOneRegister:
      return oneRegister(vcpu, argument, write: request == Request.setOneRegister)
    case Request.hasAttribute, Request.getAttribute, Request.setAttribute:
      return behaviour.isVendor ? nil : attribute(vcpu, request, argument)
    default: return nil
    }
  }

  /// struct kvm_interrupt: a signed line.
  private func interrupt(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    guard let line: Int32 = User.read(argument) else { return Failure.fault }
    if behaviour.refusesInterruptWithIRQChip, vcpu.machine.hasIRQChip { return Failure.invalid }
    guard line != 0 else { return Failure.invalid }
    let number = Int(line.magnitude)
    if behaviour.hasNewFeatures {
      guard number < 15, number != 14 || vcpu.configuration[1] >> 26 & 1 == 1 else { return Failure.invalid }
    } else if number >= 64 {
      hazards.append("KVM_INTERRUPT \(line)")
      return 0
    }
    vcpu.drive(line: number, level: line > 0)
    vcpu.wake.signal()
    return 0
  }

  /// struct kvm_signal_mask: length @0, set @4.
  private func setSignalMask(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    guard argument != 0 else {
      vcpu.signalMask = nil
      return 0
    }
    guard let length: UInt32 = User.read(argument) else { return Failure.fault }
    guard length == 8 else { return Failure.invalid }
    vcpu.signalMask = User.read(argument, 4)
    return 0
  }

  // MARK: general and float registers

  private func getRegisters(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    for index in 0..<32 where !User.write(argument, index * 8, vcpu.gpr[index]) { return Failure.fault }
    return User.write(argument, 0x100, vcpu.pc) ? 0 : Failure.fault
  }

  private func setRegisters(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    for index in 1..<32 {
      guard let value: UInt64 = User.read(argument, index * 8) else { return Failure.fault }
      vcpu.gpr[index] = value
    }
    vcpu.pc = User.read(argument, 0x100) ?? 0
    return 0
  }

  /// struct kvm_fpu: fcsr @0, fcc @8, 32 registers of 32 bytes @16.
  private func getFPU(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    guard User.write(argument, 0, vcpu.fcsr), User.write(argument, 8, vcpu.fcc) else { return Failure.fault }
    for index in 0..<128 {
      if behaviour.copiesWholeFPURegisters {
        _ = User.write(argument, 16 + index * 8, vcpu.fpr[index])
      } else {
        // From a zeroed structure, the low 4 bytes of each register.
        let low = index % 4 == 0 ? vcpu.fpr[index] & 0xffff_ffff : 0
        _ = User.write(argument, 16 + index * 8, low)
      }
    }
    return 0
  }

  private func setFPU(_ vcpu: ModelVCPU, _ argument: UInt64) -> Int {
    guard let fcsr: UInt32 = User.read(argument, 0), let fcc: UInt64 = User.read(argument, 8) else {
      return Failure.fault
    }
    (vcpu.fcsr, vcpu.fcc) = (fcsr, fcc)
    for index in 0..<128 {
      let value: UInt64 = User.read(argument, 16 + index * 8) ?? 0
      if behaviour.copiesWholeFPURegisters {
        vcpu.fpr[index] = value
      } else if index % 4 == 0 {
        vcpu.fpr[index] = vcpu.fpr[index] & ~0xffff_ffff | value & 0xffff_ffff
      }
    }
    return 0
  }

  // MARK: one register

  /// struct kvm_one_reg: id @0, address @8.
  private func oneRegister(_ vcpu: ModelVCPU, _ argument: UInt64, write: Bool) -> Int {
    guard let id: UInt64 = User.read(argument, 0), let address: UInt64 = User.read(argument, 8) else {
      return Failure.fault
    }
    // Only 64-bit registers (KVM_REG_SIZE_U64).
    guard id & 0x00f0_0000_0000_0000 == 0x0030_0000_0000_0000 else { return Failure.invalid }
    if write {
      guard let value: UInt64 = User.read(address) else { return Failure.fault }
      return set(vcpu, id, value)
    }
    var value: UInt64 = 0
    let result = get(vcpu, id, &value)
    guard result == 0 else { return result }
    return User.write(address, 0, value) ? 0 : Failure.fault
  }

  /// The set of a register by KVM_REG_LOONGARCH_MASK: bits that the mask does not have are not looked at.
  private func set(of id: UInt64) -> UInt64? {
    guard id & 0x9000_0000_0000_0000 == 0x9000_0000_0000_0000 else { return nil }
    return id & 0x7_0000
  }
  private func index(_ id: UInt64) -> Int { Int(id & 0x7fff) >> 3 }

  private func get(_ vcpu: ModelVCPU, _ id: UInt64, _ value: inout UInt64) -> Int {
    let index = index(id)
    switch set(of: id) {
    case 0x1_0000:
      guard index < 0x800 else { return Failure.invalid }
      if index == CSR.estat {
        vcpu.load()
        vcpu.deliver()
        vcpu.put()
        value = vcpu.estat
      } else {
        value = vcpu.csr[index]
      }
    case 0x4_0000:
      guard index < 21 else { return Failure.invalid }
      value = UInt64(vcpu.configuration[index])
    case 0x5_0000:
      guard hasTranslation(vcpu) else { return Failure.noDeviceOrAddress }
      guard let which = translationRegister(id) else { return Failure.invalid }
      value = vcpu.translation[which]
    case 0x2_0000:
      switch id & 0xffff {
      case 1: value = ticks &+ vcpu.machine.timeOffset
      case 3: value = 0x002b_8000 | 0x101
      default: return Failure.invalid
      }
    default: return Failure.invalid
    }
    return 0
  }

  private func set(_ vcpu: ModelVCPU, _ id: UInt64, _ value: UInt64) -> Int {
    let index = index(id)
    switch set(of: id) {
    case 0x1_0000:
      guard index < 0x800 else { return Failure.invalid }
      return setCSR(vcpu, index, value)
    case 0x4_0000:
      guard index < 21 else { return Failure.invalid }
      guard accepts(index, value) else { return Failure.invalid }
      vcpu.configuration[index] = UInt32(truncatingIfNeeded: value)
    case 0x5_0000:
      guard hasTranslation(vcpu) else { return Failure.noDeviceOrAddress }
      guard let which = translationRegister(id) else { return Failure.invalid }
      vcpu.translation[which] = value
    case 0x2_0000:
      switch id & 0xffff {
      case 1: if vcpu.id == 0 { vcpu.machine.timeOffset = value &- ticks }
      case 2:
        vcpu.stealTime = 0
        (vcpu.raising, vcpu.lowering) = (0, 0)
        if behaviour.replacesESTAT { (vcpu.csr[CSR.estat], vcpu.csr[CSR.gintc]) = (0, 0) }
      default: return Failure.invalid
      }
    default: return Failure.invalid
    }
    return 0
  }

  private func hasTranslation(_ vcpu: ModelVCPU) -> Bool { vcpu.configuration[2] & 0x1c_0000 != 0 }
  private func translationRegister(_ id: UInt64) -> Int? {
    let number = Int(id & 0xffff)
    return 1...6 ~= number ? number - 1 : nil
  }

  private func setCSR(_ vcpu: ModelVCPU, _ number: Int, _ value: UInt64) -> Int {
    switch number {
    case CSR.cpuid: return setCPUID(vcpu, value)
    case CSR.estat:
      let lines = value >> 2 & 0xff
      var rest = value & ~ModelVCPU.externalLines
      if behaviour.replacesESTAT {
        rest &= 0x7fff_7fff
        if vcpu.configuration[1] >> 26 & 1 == 0 { rest &= ~(1 << 14) }
        vcpu.csr[CSR.gintc] = vcpu.csr[CSR.gintc] & ~0xff | lines
        vcpu.csr[CSR.estat] = rest
      } else {
        vcpu.csr[CSR.gintc] |= lines
        vcpu.csr[CSR.estat] |= rest
      }
    // The host's own registers of a guest (0x50–0x53, 0x15, 0x16): stored, and loaded into the CPU at the next entry.
    case 0x15, 0x16, 0x50...0x53:
      hazards.append("CSR 0x\(String(number, radix: 16)) is the host's, and was set by KVM_SET_ONE_REG")
      vcpu.csr[number] = value
    default: vcpu.csr[number] = value
    }
    return 0
  }

  private func setCPUID(_ vcpu: ModelVCPU, _ value: UInt64) -> Int {
    guard value < 256 else { return Failure.invalid }
    let old = vcpu.csr[CSR.cpuid]
    if old < 256 { return old == value ? 0 : Failure.invalid }
    guard vcpu.machine.cpuids[Int(value)] == nil else { return Failure.invalid }
    vcpu.csr[CSR.cpuid] = value
    vcpu.machine.cpuids[Int(value)] = vcpu
    return 0
  }
}
