// What a vCPU may be told that it is, and its attributes. Linux 7.2.12, arch/loongarch/kvm/vcpu.c.

extension KernelModel {
  // MARK: CPUCFG

  /// Bits of a CPUCFG word that a guest may have (_kvm_get_cpucfg_mask).
  func configurationMask(_ word: Int) -> UInt64 {
    if let forced = forcedMasks[word] { return forced }
    let isNew = behaviour.hasNewFeatures
    switch word {
    case 0, 4, 5: return 0xffff_ffff
    case 1: return isNew ? 0x07ff_ffff : 0x03ff_ffff
    case 2:
      // FP, FPSP, FPDP, FPVERS, LLFTP, LLFTPREV, LSPW, LAM
      var mask: UInt64 = 0x0063_c03f
      mask |= UInt64(host.configuration[2] & (0xc0 | 0x1c_0000))
      // PTW, FRECIPE, DIV32, LAM_BH, LAMCAS, LLACQ_SCREL, SCQ
      if isNew { mask |= UInt64(host.configuration[2] & 0x7f00_0000) }
      return mask
    case 3:
      // Without SFB and the order capabilities.
      return isNew ? 0xff_ffff & UInt64(host.configuration[3]) & ~0x4c_0002 : 0x1_ffff
    case 6: return host.configuration[6] & 1 != 0 ? 0x7fff : 0
    case 16: return 0x1_ffff
    case 17...20: return 0x7fff_ffff
    default: return 0
    }
  }

  func accepts(_ word: Int, _ value: UInt64) -> Bool {
    guard value & ~configurationMask(word) == 0 else { return false }
    let wanted = UInt32(truncatingIfNeeded: value)
    let own = host.configuration[word]
    switch word {
    case 1: return wanted >> 26 & 1 == 0 || host.hasMessageInterrupts
    case 2:
      let hasFloat = wanted & 1 != 0
      guard wanted >> 14 & 1 == 1, !hasFloat || wanted & 6 == 6 else { return false }
      return (wanted & 0x40 == 0 || hasFloat) && (wanted & 0x80 == 0 || wanted & 0x40 != 0)
    case 3 where behaviour.hasNewFeatures:
      return wanted & 0x1_e000 <= own & 0x1_e000 && wanted & 0x700 <= own & 0x700
    case 6 where wanted & 1 != 0:
      return wanted & 0x3f00 == own & 0x3f00 && wanted & 0xf0 <= own & 0xf0 && wanted & ~own & 0x4000 == 0
    default: return true
    }
  }

  // MARK: attributes

  /// struct kvm_device_attr: group @4, attribute @8, address @16.
  func attribute(_ vcpu: ModelVCPU, _ request: UInt32, _ argument: UInt64) -> Int {
    guard let group: UInt32 = User.read(argument, 4), let attribute: UInt64 = User.read(argument, 8),
      let address: UInt64 = User.read(argument, 16)
    else { return Failure.fault }
    switch group {
    case 0: return configurationAttribute(vcpu, request, attribute, address)
    case 1: return stealTimeAttribute(vcpu, request, attribute, address)
    default: return Failure.noDeviceOrAddress
    }
  }

  private func configurationAttribute(
    _ vcpu: ModelVCPU, _ request: UInt32, _ attribute: UInt64, _ address: UInt64
  ) -> Int {
    let machine = vcpu.machine
    switch (request, attribute) {
    case (Request.hasAttribute, 2), (Request.hasAttribute, 6), (Request.hasAttribute, 0x4000_0004): return 0
    case (Request.getAttribute, 0...20):
      return User.write(address, 0, configurationMask(Int(attribute))) ? 0 : Failure.fault
    case (Request.getAttribute, 0x4000_0004):
      return User.write(address, 0, machine.paravirtual & behaviour.paravirtualMask) ? 0 : Failure.fault
    case (Request.setAttribute, 0x4000_0004):
      guard let value: UInt64 = User.read(address) else { return Failure.fault }
      guard value & ~behaviour.paravirtualMask == 0 else { return Failure.invalid }
      if machine.paravirtualIsSet, machine.paravirtual != value { return Failure.invalid }
      (machine.paravirtual, machine.paravirtualIsSet) = (value, true)
      return 0
    default: return Failure.noDeviceOrAddress
    }
  }

  private func stealTimeAttribute(
    _ vcpu: ModelVCPU, _ request: UInt32, _ attribute: UInt64, _ address: UInt64
  ) -> Int {
    guard vcpu.machine.paravirtual >> 2 & 1 == 1, attribute == 0 else { return Failure.noDeviceOrAddress }
    switch request {
    case Request.hasAttribute: return 0
    case Request.getAttribute: return User.write(address, 0, vcpu.stealTime) ? 0 : Failure.fault
    default:
      guard let value: UInt64 = User.read(address) else { return Failure.fault }
      // 64-byte aligned, bit 0 valid.
      guard value & 0x3e == 0 else { return Failure.invalid }
      if value & 1 != 0, !isWritable(vcpu.machine, value & ~0x3f) { return Failure.invalid }
      vcpu.stealTime = value
      return 0
    }
  }

  /// gfn_to_hva: an error for a slot that the guest cannot store to.
  private func isWritable(_ machine: ModelMachine, _ address: UInt64) -> Bool {
    guard let number = machine.slot(at: address, 1) else { return false }
    return machine.slots[number]?.isReadOnly == false
  }
}
