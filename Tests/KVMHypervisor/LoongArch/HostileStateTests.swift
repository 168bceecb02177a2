import Hypervisor
import KVMHypervisor
import KVMKernelModel
import StateComparison
import Testing

/// Numbers that are the same in every run (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  /// A bit, a small number, or anything.
  mutating func value() -> UInt64 {
    switch next() % 4 {
    case 0: 1 << (next() % 64)
    case 1: next() % 16
    case 2: next() % 0x1_0000 << 4
    default: next()
    }
  }
}

@Suite struct KVMHostileStateTests {
  /// Changes one thing of a state, whichever.
  private func damage(_ state: inout MachineState, _ random: inout SplitMix) {
    let vcpu = Int(random.next() % UInt64(state.vcpus.count))
    let value = random.value()
    switch random.next() % 16 {
    case 0: state.vcpus[vcpu].registers.pc = value
    case 1: state.vcpus[vcpu].configuration[Int(random.next() % 21)] ^= UInt32(truncatingIfNeeded: value)
    case 2: state.vcpus[vcpu].csrs[Int(random.next() & 31)].value = value
    case 3: state.vcpus[vcpu].csrs[Int(random.next() & 31)].number = UInt16(truncatingIfNeeded: value)
    case 4: state.vcpus[vcpu].conditions = value
    case 5: state.vcpus[vcpu].stealTime = value
    case 6: state.vcpus[vcpu].paravirtualFeatures ^= UInt32(truncatingIfNeeded: value)
    case 7: state.interrupts.extended.status = UInt32(truncatingIfNeeded: value)
    case 8: state.interrupts.extended.features ^= UInt32(truncatingIfNeeded: value)
    case 9: state.interrupts.extended.coreMap[Int(random.next() & 63)] = UInt32(truncatingIfNeeded: value)
    case 10: state.interrupts.extended.ipMap[Int(random.next() & 1)] = UInt32(truncatingIfNeeded: value)
    case 11: state.interrupts.extended.pending[vcpu][Int(random.next() & 7)] = UInt32(truncatingIfNeeded: value)
    case 12: state.interrupts.pic.inService = value
    case 13: state.interrupts.pic.vector[Int(random.next() & 63)] = UInt8(truncatingIfNeeded: value)
    case 14: state.vcpus[vcpu].csrs.removeAll { $0.number == UInt16(truncatingIfNeeded: value & 0xff) }
    default: state.counter = value
    }
  }

  @Test(arguments: usableVersions)
  func damagedStatesAreTakenWholeOrNotAtAll(version: KernelVersion) throws {
    let good = try FullState.of(try TestMachine(version, vcpus: 2))
    var target = try TestMachine(version, vcpus: 2)
    var words = try target.hypervisor.save().words
    for seed in UInt64(0)..<80 {
      var random = SplitMix(state: seed)
      var state = good
      for _ in 0...random.next() % 3 { damage(&state, &random) }

      let isTaken = try take(state, seed, target)

      #expect(target.model.kernelHazards.isEmpty, "seed \(seed)")
      if isTaken {
        target = try TestMachine(version, vcpus: 2)
      } else {
        #expect(try target.hypervisor.save().words == words, "seed \(seed)")
      }
      words = try target.hypervisor.save().words
    }
  }

  private func take(_ state: MachineState, _ seed: UInt64, _ target: TestMachine<KernelModel>) throws -> Bool {
    do {
      try target.hypervisor.restore(state)
      return true
    } catch HypervisorError.badState, HypervisorError.foreignState {
      return false
    } catch {
      Issue.record("seed \(seed): \(error)")
      return true
    }
  }
}
