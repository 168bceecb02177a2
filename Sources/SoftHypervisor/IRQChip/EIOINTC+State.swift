import Hypervisor

// The CPU that a vector goes to is not part of a state, as it is none of KVM's: it follows from COREMAP. It differs from what
// COREMAP says only after a route to a CPU that does not exist, or where CPU_ENCODE was switched after COREMAP was written;
// a vector that is pending stays with the CPU it is pending on even then.
extension EIOINTC {
  /// The registers, and what is pending on CPUs 0 ..< `cpus`.
  func save(cpus: Int) -> EIOINTCState {
    var state = EIOINTCState()
    for index in 0..<8 {
      state.nodeType[index] = Self.half(nodemap[index >> 1], index)
      state.bounce[index] = Self.half(bounce[index >> 1], index)
      state.enable[index] = Self.half(enable[index >> 1], index)
      state.request[index] = Self.half(isr[index >> 1], index)
    }
    for index in 0..<2 { state.ipMap[index] = Self.half(ipmap, index) }
    for index in 0..<64 { state.coreMap[index] = Self.half(coremap[index >> 1], index) }
    for cpu in 0..<cpus { state.pending.append(pending(on: cpu)) }
    state.features = features
    state.status = status
    return state
  }

  private func pending(on cpu: Int) -> InlineArray<8, UInt32> {
    var words = InlineArray<8, UInt32>(repeating: 0)
    for index in 0..<8 { words[index] = Self.half(coreISR[cpu * 4 + index >> 1], index) }
    return words
  }

  /// Half `index & 1` of a register word.
  private static func half(_ word: UInt64, _ index: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: word >> UInt64((index & 1) << 5))
  }

  private static func word(_ low: UInt32, _ high: UInt32) -> UInt64 { UInt64(low) | UInt64(high) << 32 }

  /// Whether this controller, or KVM's, can have come to `state` with as many CPUs: the same features, a status that they
  /// allow, and the invariant of this type.
  func isPossible(_ state: EIOINTCState, cpus: Int) -> Bool {
    guard state.pending.count == cpus, state.features == features else { return false }
    let mayEnable = features & Self.hasVirtualExtension == 0 && state.status == Self.enableBit
    guard mayEnable || state.status & ~features == 0 else { return false }
    for index in 0..<8 {
      let possible = state.enable[index] & state.request[index]
      var seen: UInt32 = 0
      for cpu in 0..<cpus {
        let pending = state.pending[cpu][index]
        guard pending & ~possible == 0, pending & seen == 0 else { return false }
        seen |= pending
      }
    }
    return true
  }

  /// Takes over a state that `isPossible`.
  mutating func restore(_ state: EIOINTCState) {
    status = state.status
    ipmap = Self.word(state.ipMap[0], state.ipMap[1])
    for index in 0..<4 {
      let (low, high) = (index * 2, index * 2 + 1)
      nodemap[index] = Self.word(state.nodeType[low], state.nodeType[high])
      bounce[index] = Self.word(state.bounce[low], state.bounce[high])
      enable[index] = Self.word(state.enable[low], state.enable[high])
      isr[index] = Self.word(state.request[low], state.request[high])
    }
    for index in 0..<32 { coremap[index] = Self.word(state.coreMap[index * 2], state.coreMap[index * 2 + 1]) }
    restoreTargets()
    restorePending(state)
    updateAllLines()
  }

  private mutating func restoreTargets() {
    for vector in 0..<Self.vectors {
      let byte = UInt8(truncatingIfNeeded: coremap[vector >> 3] >> UInt64((vector & 7) << 3))
      let cpu = cpu(named: byte)
      targets[vector] = lines.exists(Int(cpu)) ? cpu : 0
    }
  }

  private mutating func restorePending(_ state: EIOINTCState) {
    for cpu in 0..<state.pending.count {
      for word in 0..<4 {
        let pending = Self.word(state.pending[cpu][word * 2], state.pending[cpu][word * 2 + 1])
        coreISR[cpu * 4 + word] = pending
        for bit in BitPositions(pending) { targets[word << 6 + bit] = UInt8(truncatingIfNeeded: cpu) }
      }
    }
  }
}
