import Hypervisor

extension SoftHypervisor {
  /// Never: the guest is not told of a hypervisor, as QEMU's TCG does not either.
  public var isParavirtual: Bool { false }

  /// Also throws `badState` if a vCPU is missing, or waits for `completeRead`.
  public func save() throws(HypervisorError) -> MachineState {
    let vcpus = try allVCPUs()
    for vcpu in vcpus where vcpu.awaitsRead { throw .badState }
    // An eventfd that was signalled before counts as an interrupt that came before, as in KVM.
    irqfds.settle()
    let (interrupts, lines) = chip.save()
    let now = shared.ticks
    var state = MachineState()
    for (id, vcpu) in vcpus.enumerated() { state.vcpus.append(vcpu.cpu.save(at: now, lines: lines[id])) }
    state.interrupts = interrupts
    state.counter = now &+ shared.counterBase
    return state
  }

  /// Takes over states of its own, and those of KVM whose guest was told of nothing that this CPU has not (reference A.4, D.2).
  /// Interrupts that came before are forgotten: eventfds are bound afterwards.
  public func restore(_ state: MachineState) throws(HypervisorError) {
    let vcpus = try allVCPUs()
    guard state.vcpus.count == vcpus.count else { throw .badState }
    for (id, vcpu) in vcpus.enumerated() { try vcpu.cpu.check(state.vcpus[id]) }
    if state.interrupts.extended.features != 0 {
      throw .foreignState(word: CPUIdentity.paravirtualWord, bits: CPUIdentity.virtualInterrupts)
    }
    try chip.restore(state.interrupts)
    let now = shared.ticks
    shared.counterBase = state.counter &- now
    for (id, vcpu) in vcpus.enumerated() { vcpu.cpu.restore(state.vcpus[id], at: now) }
  }

  private func allVCPUs() throws(HypervisorError) -> [SoftVCPU] {
    var all: [SoftVCPU] = []
    for vcpu in vcpus {
      guard let vcpu else { throw .badState }
      all.append(vcpu)
    }
    return all
  }
}
