import Hypervisor
import System

extension KVMVCPU {
  /// Makes a new vCPU a la464 after reset: CPUCFG, which the kernel leaves empty, then the CSRs. CPUID is the first of
  /// them: every interrupt finds its target by it, and is dropped without a word if nobody has it (reference A.3).
  func reset() throws(HypervisorError) {
    for word in 0..<CPUProfile.words { try configure(word) }
    try set(KVMCSR.cpuid, UInt64(id))
    try set(KVMCSR.crmd, KVMCSR.direct)
    try set(KVMCSR.stlbps, 12)
    try set(KVMCSR.pwcl, 12)
    try set(KVMCSR.tid, UInt64(id))
    try set(KVMCSR.tval, 0)
    try set(KVMCSR.tcfg, 0)
    // Runnable, the only state that there is: a vCPU that shall not run yet waits in guest code.
    guard runner.machine.capability(KVMCapability.mpState) > 0 else { return }
    var runnable: UInt32 = 0
    try calls.request(descriptor, .setMPState, &runnable)
  }

  private func configure(_ word: Int) throws(HypervisorError) {
    let wanted = CPUProfile.word(word, frequency: calls.hostConfiguration(4), scale: calls.hostConfiguration(5))
    let value = wanted & allowedBits(word)
    let missing = CPUProfile.needed(word) & ~value
    guard missing == 0 else { throw .unavailable(.missingFeature(word: word, bits: missing)) }
    do throws(HypervisorError) {
      try calls.setRegister(descriptor, KVMRegisterID.configuration(word), UInt64(value))
    } catch {
      guard case .system(let why) = error, why.number == Errno.invalid else { throw error }
      throw .unavailable(.missingFeature(word: word, bits: value))
    }
  }

  /// The bits of a CPUCFG word that the host can give; all, where the kernel does not say and refuses what it cannot.
  func allowedBits(_ word: Int) -> UInt32 {
    var mask = UInt64.max
    do throws(HypervisorError) {
      try calls.getAttribute(descriptor, KVMVCPUAttribute.configurationGroup, UInt64(word), &mask)
    } catch {
      return .max
    }
    return UInt32(truncatingIfNeeded: mask)
  }

  /// Tells the guest what KVM does for it; false if this kernel refuses. Must be the same for all vCPUs.
  func offer(paravirtual features: UInt32) -> Bool {
    guard
      calls.hasAttribute(
        descriptor, KVMVCPUAttribute.configurationGroup, KVMVCPUAttribute.paravirtualFeatures)
    else { return false }
    do throws(HypervisorError) {
      try calls.setAttribute(
        descriptor, KVMVCPUAttribute.configurationGroup, KVMVCPUAttribute.paravirtualFeatures, UInt64(features))
      return true
    } catch {
      return false
    }
  }

  func set(_ csr: UInt16, _ value: UInt64) throws(HypervisorError) {
    try calls.setRegister(descriptor, KVMRegisterID.csr(csr), value)
  }
}
