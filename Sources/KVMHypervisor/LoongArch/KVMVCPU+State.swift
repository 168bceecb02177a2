import Hypervisor
import System

extension KVMVCPU {
  /// The whole vCPU, which must stand still with every read completed.
  func save(paravirtual features: UInt32) throws(HypervisorError) -> VCPUState {
    runner.finishAccess()
    var state = VCPUState()
    state.registers = registers
    try saveFloat(&state)
    for index in KVMCSR.saved.indices {
      let number = KVMCSR.saved[index]
      let value = try calls.register(descriptor, KVMRegisterID.csr(number))
      state.csrs.append(CSRValue(number: number, value: value))
    }
    for word in 0..<CPUProfile.words {
      let value = try calls.register(descriptor, KVMRegisterID.configuration(word))
      state.configuration[word] = UInt32(truncatingIfNeeded: value)
    }
    state.paravirtualFeatures = features
    guard features & ParavirtualFeature.stealTime != 0 else { return state }
    try calls.getAttribute(
      descriptor, KVMVCPUAttribute.stealTimeGroup, KVMVCPUAttribute.stealTimeAddress, &state.stealTime)
    return state
  }

  /// Takes over what `check` has found sound.
  func restore(_ state: VCPUState) throws(HypervisorError) {
    runner.finishAccess()
    for word in 0..<CPUProfile.words {
      try calls.setRegister(descriptor, KVMRegisterID.configuration(word), UInt64(state.configuration[word]))
    }
    for entry in state.csrs where KVMCSR.isSaved(entry.number) && !KVMCSR.isFixed(entry.number) {
      guard entry.number != KVMCSR.tval && entry.number != KVMCSR.tcfg else { continue }
      try set(entry.number, entry.value)
    }
    // Last, and in this order: writing TCFG starts the timer with what is in TVAL.
    try set(KVMCSR.tval, state.csr(KVMCSR.tval) ?? 0)
    try set(KVMCSR.tcfg, state.csr(KVMCSR.tcfg) ?? 0)
    try restoreFloat(state)
    registers = state.registers
    guard state.paravirtualFeatures & ParavirtualFeature.stealTime != 0 else { return }
    try calls.setAttribute(
      descriptor, KVMVCPUAttribute.stealTimeGroup, KVMVCPUAttribute.stealTimeAddress, state.stealTime)
  }

  /// Throws unless the state is one that this vCPU can take over.
  func check(_ state: VCPUState, paravirtual features: UInt32) throws(HypervisorError) {
    guard state.csr(KVMCSR.cpuid) == UInt64(id), Self.conditionsAreBits(state.conditions),
      isInMemory(state.stealTime)
    else { throw .badState }
    try checkConfiguration(state, paravirtual: features)
    var previous: Int = -1
    for entry in state.csrs {
      guard Int(entry.number) > previous else { throw .badState }
      previous = Int(entry.number)
      guard KVMCSR.isSaved(entry.number) || entry.value == 0 else { throw .badState }
    }
    guard state.configuration[2] & CPUProfile.lasx == 0 else { return }
    for index in state.vectors.indices where index % 4 > 1 && state.vectors[index] != 0 { throw .badState }
  }

  private func checkConfiguration(_ state: VCPUState, paravirtual features: UInt32) throws(HypervisorError) {
    for word in 0..<CPUProfile.words {
      let foreign = state.configuration[word] & ~allowedBits(word)
      guard foreign == 0 else { throw .foreignState(word: word, bits: foreign) }
    }
    guard CPUProfile.isConsistent(state.configuration[2]) else { throw .badState }
    // The guest's clock runs as this host's does, and it has been told how fast that is.
    for word in 4...5 {
      let ours = CPUProfile.word(word, frequency: calls.hostConfiguration(4), scale: calls.hostConfiguration(5))
      guard state.configuration[word] == ours else {
        throw .foreignState(word: word, bits: state.configuration[word] ^ ours)
      }
    }
    // What this kernel offers beyond them, a guest that was told of less does not ask for.
    let unknown = state.paravirtualFeatures & ~features
    guard unknown == 0 else {
      throw .foreignState(word: Int(KVMVCPUAttribute.paravirtualFeatures), bits: unknown)
    }
    for index in state.translation.indices where state.translation[index] != 0 { throw .badState }
  }

  /// A steal-time record that is off, or in memory that the kernel can store to: it refuses others, and too late for us.
  private func isInMemory(_ stealTime: UInt64) -> Bool {
    guard stealTime & 0x3e == 0 else { return false }
    return stealTime & 1 == 0 || runner.machine.hasWritableMemory(at: stealTime & ~0x3f)
  }

  private static func conditionsAreBits(_ conditions: UInt64) -> Bool { conditions & ~0x0101_0101_0101_0101 == 0 }

  // MARK: floating point

  private func saveFloat(_ state: inout VCPUState) throws(HypervisorError) {
    var raw = KVMFloatRegisters()
    try calls.request(descriptor, .getFPU, &raw)
    state.floatControl = raw.control
    state.conditions = raw.conditions
    state.vectors = raw.vectors
  }

  private func restoreFloat(_ state: VCPUState) throws(HypervisorError) {
    var raw = KVMFloatRegisters()
    raw.control = state.floatControl
    raw.conditions = state.conditions
    raw.vectors = state.vectors
    try calls.request(descriptor, .setFPU, &raw)
  }

  /// Linux 6.13's KVM copies 4 of the 32 bytes of each register in KVM_GET_FPU and KVM_SET_FPU (arch/loongarch/kvm/vcpu.c
  /// divides the width in bits by 64 where it wants bytes); 7.2's copies all. A guest restored through the former would go on
  /// with wrong numbers, so that it is tried first: either way the vCPU has the registers that it had.
  func requireWholeFloatRegisters() throws(HypervisorError) {
    var before = KVMFloatRegisters()
    try calls.request(descriptor, .getFPU, &before)
    var trial = before
    for index in trial.vectors.indices { trial.vectors[index] = 0x0123_4567_89ab_cdef &* UInt64(index + 1) }
    try calls.request(descriptor, .setFPU, &trial)
    var seen = KVMFloatRegisters()
    try calls.request(descriptor, .getFPU, &seen)
    try calls.request(descriptor, .setFPU, &before)
    // The upper half of an FP register is what every vCPU has.
    for index in stride(from: 0, to: 128, by: 4) where seen.vectors[index] != trial.vectors[index] {
      throw .unavailable(.partialFloatRegisters)
    }
  }
}
