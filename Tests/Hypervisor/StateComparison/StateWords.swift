// States as words, so that tests compare them: arrays of constant size are not Equatable.

import Hypervisor

extension VCPUState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] {
    var words = [registers.pc]
    for index in 0..<32 { words.append(registers.gpr[index]) }
    for index in 0..<128 { words.append(vectors[index]) }
    words += [conditions, UInt64(floatControl)]
    for index in 0..<6 { words.append(translation[index]) }
    for entry in csrs { words += [UInt64(entry.number), entry.value] }
    for index in 0..<21 { words.append(UInt64(configuration[index])) }
    return words + [UInt64(paravirtualFeatures), stealTime]
  }

  /// Sets CSR `number`, which must be in the state.
  public mutating func set(_ number: UInt16, _ value: UInt64) {
    for index in csrs.indices where csrs[index].number == number { csrs[index].value = value }
  }
}

extension InterruptControllerState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] {
    pic.words + extended.words + ipi.flatMap(\.words)
  }
}

extension PCHPICState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] {
    var words = [mask, messageEnable, edge, polarity, request, inService]
    for pin in 0..<64 { words.append(UInt64(route[pin]) << 8 | UInt64(vector[pin])) }
    return words
  }
}

extension EIOINTCState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] {
    var words = [UInt64(features), UInt64(status), UInt64(ipMap[0]), UInt64(ipMap[1])]
    for index in 0..<8 {
      for word in [nodeType[index], enable[index], bounce[index], request[index]] { words.append(UInt64(word)) }
    }
    for index in 0..<64 { words.append(UInt64(coreMap[index])) }
    for cpu in pending {
      for index in 0..<8 { words.append(UInt64(cpu[index])) }
    }
    return words
  }
}

extension IPIState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] {
    [UInt64(status), UInt64(enable)] + (0..<4).map { mailboxes[$0] }
  }
}

extension MachineState {
  /// Everything in it, in a fixed order.
  public var words: [UInt64] { vcpus.flatMap(\.words) + interrupts.words + [counter] }

  /// The same machine when the counter read `later` and no vCPU had run since: running timers have less left.
  public func aged(to later: UInt64) -> MachineState {
    var state = self
    state.counter = later
    for index in state.vcpus.indices {
      guard let configuration = state.vcpus[index].csr(0x41), let left = state.vcpus[index].csr(0x42) else { continue }
      let fired = configuration & 2 == 0 && left > configuration
      guard configuration & 1 != 0, !fired else { continue }
      let passed = later &- counter
      state.vcpus[index].set(0x42, left > passed ? left - passed : 0)
    }
    return state
  }
}
