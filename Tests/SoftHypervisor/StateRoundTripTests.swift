import Hypervisor
import StateComparison
import System
import Testing

@testable import SoftHypervisor

/// What is saved, restored and saved again is the same.
@Suite struct StateRoundTripTests {
  /// Machines that random guests have run on, with random registers and interrupt controllers.
  @Test(arguments: 0..<32 as Range<UInt64>)
  func reachableState_savedAndRestored_isTheSame(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let machine = try CPUMachine(vcpus: 2)
    for id in 0..<2 { try scramble(machine, id, &random) }
    scramble(machine.hypervisor.chip, &random)
    let saved = try machine.hypervisor.save()
    let other = try CPUMachine(vcpus: 2)
    try other.hypervisor.restore(saved)
    let again = try other.hypervisor.save()
    #expect(again.words == saved.aged(to: again.counter).words)
    for id in 0..<2 {
      for number in CPUFuzzTests.numbers where number != CSR.tval && number != CSR.llbctl {
        #expect(other.csr(number, cpu: id) == machine.csr(number, cpu: id), "CSR \(number)")
      }
      #expect(other.hypervisor.chip.lines(id) == machine.hypervisor.chip.lines(id))
      let (old, new) = (machine.vcpus[id].cpu.pointee, other.vcpus[id].cpu.pointee)
      #expect(new.modeKey == old.modeKey)
      #expect(new.dataTLB - new.softTLBs == old.dataTLB - old.softTLBs)
    }
  }

  private func scramble(_ machine: CPUMachine, _ id: Int, _ random: inout SplitMix64) throws {
    let vcpu = machine.vcpus[id]
    let kicker = try Kicker(vcpu)
    defer { kicker.end() }
    CPUFuzzTests().randomise(machine, &random, cpu: id)
    for index in 0..<64 { vcpu.cpu.pointee.registers.vr[index] = random.next() }
    for flag in 0..<8 { vcpu.cpu.pointee.registers.fcc[flag] = UInt8(random.next() & 1) }
    vcpu.cpu.pointee.registers.float.pointee.fcsr = UInt32(truncatingIfNeeded: random.next()) & 0x1f1f_031f
    for _ in 0..<random.next() % 20 {
      switch vcpu.run() {
      case .mmioRead, .iocsrRead: vcpu.completeRead(random.next())
      default: break
      }
    }
    // Far from firing, and periodic, fired or off.
    if random.next() % 2 == 0 { machine.set(CSR.tcfg, random.next() & 3 | 1 << 40, cpu: id) }
  }

  private func scramble(_ chip: IRQChip, _ random: inout SplitMix64) {
    for _ in 0..<2000 {
      let cpu = Int(random.next() % 2)
      let value = random.next() & random.next()
      switch random.next() % 4 {
      case 0: chip.setPin(Int(random.next() % 64), level: value & 1 != 0)
      case 1: chip.signalMSI(UInt32(random.next() % 256))
      case 2: _ = chip.write(mmio: 0x1000_0000 + random.next() % 0x400, size: 8, value: value)
      default: _ = chip.writeIOCSR(cpu: cpu, address: 0x1000 + UInt32(random.next() % 0xd00), size: 8, value: value)
      }
    }
  }

  @Test func newMachine_savedAndRestored_isTheSame() throws {
    let machine = try hypervisor()
    let saved = try machine.save()
    let other = try hypervisor()
    try other.restore(saved)
    let again = try other.save()
    #expect(again.words == saved.aged(to: again.counter).words)
    #expect(!machine.isParavirtual)
  }

  @Test func everyStoredCSR_isInTheState() throws {
    let state = try hypervisor().save().vcpus[0]
    let absent = [CSR.pgd, CSR.ticlr] + Array(0x14...0x17) + [0x96, 0x97, 0x3fff]
    for number in CPUFuzzTests.numbers where !absent.contains(number) {
      #expect(state.csr(UInt16(number)) != nil, "CSR \(number)")
    }
    #expect(state.csrs.map(\.number) == state.csrs.map(\.number).sorted())
    #expect(state.configuration[0] == 0x14c010)
  }

  @Test func counter_goesOnFromTheState_howeverLarge() throws {
    let machine = try CPUMachine()
    machine.set(CSR.tcfg, 1 << 30 | CSR.tcfgEnable)
    for counter in [0, 1 << 50, .max - 5] as [UInt64] {
      var state = try machine.hypervisor.save()
      state.counter = counter
      try machine.hypervisor.restore(state)
      machine.setPC(CPUMachine.code)
      _ = machine.stopped([I.rdtime(4)])
      #expect(machine.gpr(4) &- counter < 1 << 30)
      #expect(machine.csr(CSR.tval) <= 1 << 30)
    }
  }

  @Test func pulseJustBefore_isInTheState() throws {
    let pulse = try EventCounter()
    let machine = try hypervisor()
    try machine.bindInterrupt(pulse.descriptor.raw, pin: 9)
    _ = machine.chip.write(mmio: 0x1000_0060, size: 8, value: 1 << 9)
    for _ in 0..<200 {
      pulse.signal()
      #expect(try machine.save().interrupts.pic.request == 1 << 9)
      _ = machine.chip.write(mmio: 0x1000_0080, size: 8, value: 1 << 9)
    }
  }

  /// More eventfds than one look at the epoll takes.
  @Test func manyPulsesJustBefore_areAllInTheState() throws {
    let machine = try hypervisor()
    let pulses = Counters(try (0..<200).map { _ in Counter(try EventCounter()) })
    for (vector, pulse) in pulses.all.enumerated() {
      try machine.bindMSI(pulse.event.descriptor.raw, vector: UInt32(vector))
    }
    for pulse in pulses.all { pulse.event.signal() }
    let request = try machine.save().interrupts.extended.request
    #expect((0..<200).allSatisfy { request[$0 / 32] >> UInt32($0 % 32) & 1 == 1 })
  }

  private final class Counter {
    let event: EventCounter
    init(_ event: consuming EventCounter) { self.event = event }
  }
  private struct Counters {
    let all: [Counter]
    init(_ all: [Counter]) { self.all = all }
  }

  // MARK: what a state cannot be taken from

  @Test func unansweredRead_isNotSaved() throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x5000_0000)
    guard case .mmioRead = machine.run([I.ldW(4, 5)]) else {
      Issue.record("the load did not leave")
      return
    }
    #expect(throws: HypervisorError.badState) { try machine.hypervisor.save() }
    machine.vcpus[0].completeRead(7)
    #expect(try machine.hypervisor.save().vcpus[0].registers.gpr[4] == 7)
  }

  @Test func missingVCPU_neitherSavesNorRestores() throws {
    let state = try hypervisor(vcpus: 2).save()
    let machine = try SoftHypervisor(vcpus: 2)
    _ = try machine.createVCPU(id: 0)
    #expect(throws: HypervisorError.badState) { try machine.save() }
    #expect(throws: HypervisorError.badState) { try machine.restore(state) }
  }

  // MARK: what a state leaves out

  @Test func reservation_isLost_andSCFails() throws {
    let machine = try CPUMachine()
    machine.set(5, to: 0x4_0000)
    _ = machine.stopped([I.llD(4, 5)])
    #expect(machine.csr(CSR.llbctl) & 1 == 1)
    try machine.hypervisor.restore(try machine.hypervisor.save())
    #expect(machine.csr(CSR.llbctl) & 1 == 0)
    machine.setPC(CPUMachine.code)
    _ = machine.stopped([I.scD(4, 5)])
    #expect(machine.gpr(4) == 0)
  }

  @Test func translations_areForgotten() throws {
    let machine = try CPUMachine()
    machine.map(0x4_0000, 0x4_0000 | Page.all | Page.global, 0x4_4000 | Page.all | Page.global, index: 2050)
    machine.set(5, to: 0x4_0000)
    machine.page()
    #expect(machine.stopped([I.ldD(4, 5)]) == CPUMachine.window | CPUMachine.end(of: [0]))
    try machine.hypervisor.restore(try machine.hypervisor.save())
    machine.page()
    #expect(machine.stopped() == CPUMachine.refillEntry)
  }

  @Test func changedText_isSeenAfterRestore() throws {
    let machine = try CPUMachine()
    _ = machine.stopped([I.addi(4, 0, 1)])
    var state = try machine.hypervisor.save()
    machine.patch(I.addi(4, 0, 2), at: CPUMachine.code)
    state.vcpus[0].registers.pc = CPUMachine.code
    try machine.hypervisor.restore(state)
    _ = machine.stopped()
    #expect(machine.gpr(4) == 2)
  }
}

/// A machine with no memory.
func hypervisor(vcpus: Int = 1) throws -> SoftHypervisor {
  let machine = try SoftHypervisor(vcpus: vcpus)
  for id in 0..<vcpus { _ = try machine.createVCPU(id: id) }
  return machine
}
