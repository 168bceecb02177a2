import Hypervisor

// What a vCPU is made of between two instructions. Not part of it, beside decoded text and software TLBs:
//
// The architectural TLB. A guest finds it empty after `restore` and refills it by its refill handler, as it must on KVM, which
// drops a vCPU's entries whenever it comes to run on another host CPU (Linux, arch/loongarch/kvm/main.c: a new VPID). A
// TLBSRCH in the middle of a handler then finds nothing, a TLBWR after it writes an entry that does not exist, and the access
// refills: Linux's handlers do just that. Only a guest that wrote entries once and has no refill handler is lost; it would be
// under KVM too.
//
// The reservation of LL: the SC fails, and software tries again.
extension UnsafeMutablePointer where Pointee == CPU {
  /// The state at time `now` (in ticks). `lines` are what the irqchip raises.
  func save(at now: UInt64, lines: UInt64) -> VCPUState {
    var state = VCPUState()
    state.registers.pc = pointee.pc
    for index in 0..<32 {
      state.registers.gpr[index] = pointee.registers.gpr[index]
      state.vectors[index * 4] = pointee.registers.vr[index * 2]
      state.vectors[index * 4 + 1] = pointee.registers.vr[index * 2 + 1]
    }
    for flag in 0..<8 { state.conditions |= UInt64(pointee.registers.fcc[flag]) << UInt64(flag * 8) }
    state.floatControl = pointee.registers.float.pointee.fcsr
    for number in 0..<CSR.count where CSR.isSaved(number) {
      state.csrs.append(CSRValue(number: UInt16(number), value: savedCSR(number, now, lines)))
    }
    for word in 0..<CPUIdentity.words { state.configuration[word] = pointee.configuration[word] }
    return state
  }

  private func savedCSR(_ number: Int, _ now: UInt64, _ lines: UInt64) -> UInt64 {
    switch number {
    case CSR.estat: pointee.csr[CSR.estat] | lines | (pointee.timerPending ? CSR.estatTimer : 0)
    case CSR.tval: timerValue(at: now)
    case CSR.llbctl: pointee.csr[CSR.llbctl] & CSR.llbctlKLO
    default: readCSR(number)
    }
  }

  /// Takes over a state that `check` lets pass, at time `now`.
  func restore(_ state: VCPUState, at now: UInt64) {
    for index in 1..<32 { pointee.registers.gpr[index] = state.registers.gpr[index] }
    for index in 0..<32 {
      pointee.registers.vr[index * 2] = state.vectors[index * 4]
      pointee.registers.vr[index * 2 + 1] = state.vectors[index * 4 + 1]
    }
    for flag in 0..<8 { pointee.registers.fcc[flag] = UInt8(state.conditions >> UInt64(flag * 8) & 1) }
    pointee.registers.float.pointee.fcsr = state.floatControl
    pointee.registers.float.pointee.pending = 0
    pointee.registers.float.pointee.raised = 0
    for word in 0..<CPUIdentity.words { pointee.configuration[word] = state.configuration[word] }
    restoreCSRs(state)
    restoreTimer(state, at: now)
    forgetEverything()
    // Need not be a multiple of 4: the next fetch raises ADEF.
    pointee.pc = state.registers.pc
    refreshMode()
  }

  private func restoreCSRs(_ state: VCPUState) {
    pointee.csr.update(repeating: 0, count: CSR.count)
    for entry in state.csrs {
      guard case .store(.some(let value)) = CSR.judge(Int(entry.number), entry.value, id: pointee.id) else { continue }
      pointee.csr[Int(entry.number)] = value
    }
  }

  /// The timer goes on from TVAL. A one-shot timer with more left than it started from has fired and stands (Vol. 1, 7.6.2):
  /// hardware leaves TCFG.En set then, this CPU clears it.
  private func restoreTimer(_ state: VCPUState, at now: UInt64) {
    let configuration = pointee.csr[CSR.tcfg]
    let left = pointee.csr[CSR.tval]
    let fired = configuration & CSR.tcfgPeriodic == 0 && left > configuration
    let runs = configuration & CSR.tcfgEnable != 0 && !fired
    pointee.timerDeadline = runs ? now &+ left : .max
    pointee.timerPending = (state.csr(UInt16(CSR.estat)) ?? 0) & CSR.estatTimer != 0
  }

  /// What was derived from earlier registers, and what only they led to.
  private func forgetEverything() {
    pointee.tlb.empty()
    pointee.softTLBs.update(repeating: SoftTLBEntry(), count: SoftTLB.entries * SoftTLB.arrays)
    flushJumpCache()
    pointee.blocks.empty()
    pointee.userPrivilege = 3
    pointee.kernelTextHasASID = false
    pointee.llHost = nil
    pointee.pendingLoad = PendingLoad()
    pointee.exit = .interrupted
  }

  // MARK: hostile states

  /// Throws unless this vCPU can take `state` over.
  func check(_ state: VCPUState) throws(HypervisorError) {
    try checkConfiguration(state)
    try checkRegisters(state)
    try checkCSRs(state)
  }

  private func checkConfiguration(_ state: VCPUState) throws(HypervisorError) {
    for word in 0..<CPUIdentity.words {
      let excess = CPUIdentity.excess(word: word, state.configuration[word])
      if excess != 0 { throw .foreignState(word: word, bits: excess) }
    }
    // Bits that no cache description has.
    if state.configuration[16] & 0xfffe_0000 != 0 { throw .badState }
    for word in 17...20 where state.configuration[word] >> 31 != 0 { throw .badState }
    if state.paravirtualFeatures != 0 {
      throw .foreignState(word: CPUIdentity.paravirtualWord, bits: state.paravirtualFeatures)
    }
    if state.stealTime != 0 { throw .badState }
  }

  private func checkRegisters(_ state: VCPUState) throws(HypervisorError) {
    guard state.registers.gpr[0] == 0, state.conditions & ~0x0101_0101_0101_0101 == 0,
      state.floatControl & ~(FCSR.view(0) ?? 0) == 0
    else { throw .badState }
    for index in 0..<32 where state.vectors[index * 4 + 2] | state.vectors[index * 4 + 3] != 0 {
      throw .foreignState(word: 2, bits: CPUIdentity.lasx)
    }
    for index in 0..<6 where state.translation[index] != 0 {
      throw .foreignState(word: 2, bits: CPUIdentity.binaryTranslation)
    }
  }

  /// Every number once and in order, none that matters missing, values that this CPU can hold.
  private func checkCSRs(_ state: VCPUState) throws(HypervisorError) {
    var least = 0
    for entry in state.csrs {
      let number = Int(entry.number)
      guard number >= least, number <= CSR.last else { throw .badState }
      least = number + 1
      switch CSR.judge(number, entry.value, id: pointee.id) {
      case .store: break
      case .foreign(let word, let bits): throw .foreignState(word: word, bits: bits)
      case .otherProcessor: throw .foreignState(word: 0, bits: state.configuration[0])
      case .bad: throw .badState
      }
    }
    for number in 0..<CSR.count where CSR.isRequired(number) {
      if state.csr(UInt16(number)) == nil { throw .badState }
    }
  }
}
