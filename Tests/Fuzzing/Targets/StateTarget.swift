// Saved states: damaged ones are refused and change nothing, or taken over and harmless.

import FuzzSupport
import Hypervisor
import SoftHypervisor
import StateComparison

/// Restores the state of a new machine with changes that the input makes, then runs the input's words as code on both vCPUs.
///
/// Promises: a refused state leaves the machine as it was; no state ends the process or makes a vCPU trap or hang; what a guest
/// makes of it can be saved and restored, for a hypervisor must take back whatever it gave.
enum StateTarget {
  private static let code: UInt64 = 0x1_0000
  private static let vcpus = 2

  static func run(_ input: [UInt8]) -> String? {
    guard let machine = GuestMachine(vcpus: vcpus) else { return nil }
    var source = ByteSource(input)
    guard var state = prepared(machine) else { return "a new machine cannot be saved" }
    let before = state
    for _ in 0..<source.byte() & 31 { change(&state, &source) }
    do {
      try machine.hypervisor.restore(state)
    } catch {
      guard let after = try? machine.hypervisor.save() else { return "after a refused state, nothing can be saved" }
      return after.words == before.aged(to: after.counter).words ? nil : "a refused state changed the machine"
    }
    return runBoth(machine, &source)
  }

  private static func prepared(_ machine: GuestMachine) -> MachineState? {
    machine.place(GuestMachine.leave, at: 0)
    for cpu in machine.cpus { cpu.registers.pc = code }
    return try? machine.hypervisor.save()
  }

  private static func runBoth(_ machine: GuestMachine, _ source: inout ByteSource) -> String? {
    var words: [UInt32] = []
    while !source.isEmpty, words.count < 1024 { words.append(source.integer(UInt32.self)) }
    machine.place(words + GuestMachine.leave, at: Int(code))
    for number in 0..<vcpus {
      if case .failed(.internalFault) = machine.run(number, exits: 64, &source) {
        return "the hypervisor could not carry out an instruction"
      }
      if machine.cpus[number].registers.gpr[0] != 0 { return "$zero is not 0" }
    }
    guard let after = try? machine.hypervisor.save() else { return "the machine cannot be saved any more" }
    guard let other = GuestMachine(vcpus: vcpus) else { return nil }
    guard (try? other.hypervisor.restore(after)) != nil else { return "a state of its own is refused" }
    guard let again = try? other.hypervisor.save() else { return "a restored machine cannot be saved" }
    return again.words == after.aged(to: again.counter).words ? nil : "a state of its own is not what was restored"
  }

  // MARK: damage

  private static func change(_ state: inout MachineState, _ source: inout ByteSource) {
    let (selector, index) = (source.byte(), Int(source.byte()))
    let value = number(&source)
    switch selector & 15 {
    case 0...6: changeCPU(&state.vcpus, selector, index, value)
    case 7...12: changeController(&state.interrupts, selector, index, value)
    case 13: state.counter = value
    case 14: changeCount(&state, index)
    default: changePresence(&state.vcpus, index, value)
    }
  }

  /// Few bits, an address of RAM, or anything.
  private static func number(_ source: inout ByteSource) -> UInt64 {
    let choice = source.byte()
    switch choice & 3 {
    case 0: return 1 << UInt64(choice >> 2)
    case 1: return UInt64(choice >> 2)
    case 2: return code + UInt64(choice)
    default: return source.integer(UInt64.self)
    }
  }

  private static func changeCPU(_ vcpus: inout [VCPUState], _ selector: UInt8, _ index: Int, _ value: UInt64) {
    let cpu = Int(selector >> 7)
    guard cpu < vcpus.count else { return }
    switch selector & 7 {
    case 0: vcpus[cpu].registers.gpr[index & 31] = value
    case 1: vcpus[cpu].registers.pc = value
    case 2: vcpus[cpu].vectors[index & 127] = value
    case 3:
      if index & 1 == 0 {
        vcpus[cpu].conditions = value
      } else {
        vcpus[cpu].floatControl = UInt32(truncatingIfNeeded: value)
      }
    case 4: vcpus[cpu].configuration[index % 21] ^= UInt32(truncatingIfNeeded: value)
    case 5:
      guard !vcpus[cpu].csrs.isEmpty else { return }
      vcpus[cpu].csrs[index % vcpus[cpu].csrs.count].value = value
    default:
      guard !vcpus[cpu].csrs.isEmpty else { return }
      vcpus[cpu].csrs[index % vcpus[cpu].csrs.count].value ^= value
    }
  }

  private static func changeController(
    _ chip: inout InterruptControllerState, _ selector: UInt8, _ index: Int, _ value: UInt64
  ) {
    let (word, cpu) = (UInt32(truncatingIfNeeded: value), Int(selector >> 7))
    switch selector & 15 {
    case 7:
      chip.pic.request |= value
      if index & 1 == 0 { chip.pic.inService |= value } else { chip.pic.mask = value }
    case 8: chip.pic.vector[index & 63] = UInt8(truncatingIfNeeded: value)
    case 9:
      chip.extended.enable[index & 7] |= word
      chip.extended.request[index & 7] |= word
      if cpu < chip.extended.pending.count { chip.extended.pending[cpu][index & 7] = word }
    case 10: chip.extended.coreMap[index & 63] = word
    case 11: index & 1 == 0 ? (chip.extended.ipMap[index >> 1 & 1] = word) : (chip.extended.status = word)
    default:
      guard cpu < chip.ipi.count else { return }
      index & 1 == 0 ? (chip.ipi[cpu].status = word) : (chip.ipi[cpu].mailboxes[index >> 1 & 3] = value)
    }
  }

  private static func changeCount(_ state: inout MachineState, _ index: Int) {
    switch index & 7 {
    case 0: _ = state.vcpus.popLast()
    case 1: _ = state.interrupts.ipi.popLast()
    case 2: _ = state.interrupts.extended.pending.popLast()
    case 3: state.interrupts.extended.features = UInt32(index)
    case 4: state.vcpus.append(VCPUState())
    default:
      if state.vcpus.count > 1 { state.vcpus.swapAt(0, 1) }
    }
  }

  private static func changePresence(_ vcpus: inout [VCPUState], _ index: Int, _ value: UInt64) {
    guard let last = vcpus.indices.last else { return }
    let new = CSRValue(number: UInt16(truncatingIfNeeded: value), value: value >> 16)
    if index & 1 == 0, !vcpus[last].csrs.isEmpty {
      vcpus[last].csrs.remove(at: index % vcpus[last].csrs.count)
    } else if let place = vcpus[last].csrs.firstIndex(where: { $0.number > new.number }) {
      vcpus[last].csrs.insert(new, at: place)
    } else {
      vcpus[last].csrs.append(new)
    }
  }

  /// No change and a program; paging on, an interrupt of each kind, a timer that is due; states of each kind of damage.
  static var seeds: [[UInt8]] {
    let programs = CPUTarget.seeds.map { [0] + $0.dropFirst(62) }
    func csr(_ position: UInt8, _ value: UInt64) -> [UInt8] {
      [5, position, 3] + (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    let changes: [[UInt8]] = [
      // CSRs by their place in the list: CRMD, EUEN, ECFG; TCFG and TVAL further on.
      csr(0, 0x14), csr(2, 3), csr(4, 0x1fff), [9, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0], [12, 0, 1 << 2 | 1],
      [7, 1, 1 << 2], [13, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255], [1, 0, 2 | 5 << 2],
    ]
    let valid = [UInt8(changes.count)] + changes.flatMap { $0 }
    let single = (0..<16).map { selector -> [UInt8] in [1, UInt8(selector), 1, 7 << 2] }
    return programs + single + programs.map { valid + $0.dropFirst() }
  }
}
