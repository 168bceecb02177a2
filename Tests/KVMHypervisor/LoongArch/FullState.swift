import Hypervisor
import KVMHypervisor
import KVMKernelModel
import StateComparison

/// States with something everywhere, as a running machine may have them.
enum FullState {
  static func of(_ machine: TestMachine<KernelModel>) throws -> MachineState {
    var state = try machine.hypervisor.save()
    for index in state.vcpus.indices { fill(&state.vcpus[index], UInt64(index) + 1) }
    for index in state.interrupts.ipi.indices { fill(&state.interrupts.ipi[index], UInt64(index) + 1) }
    fill(&state.interrupts.extended)
    state.interrupts.pic.edge = 0x8000_0004
    state.interrupts.pic.mask = ~0x8000_0004
    state.interrupts.pic.messageEnable = 0xffff
    state.interrupts.pic.polarity = 0x10
    state.interrupts.pic.request = 0x8000_0000
    state.interrupts.pic.vector[31] = 200
    state.counter = 0x1234_5678_9abc
    return state
  }

  private static func fill(_ vcpu: inout VCPUState, _ seed: UInt64) {
    vcpu.registers.pc = 0x9000_0000_0020_0000 + seed * 4
    for index in 1..<32 { vcpu.registers.gpr[index] = seed << 56 | UInt64(index) << 8 }
    for index in 0..<128 { vcpu.vectors[index] = (seed << 32 | UInt64(index)) &* 0x9e37_79b9_7f4a_7c15 }
    vcpu.conditions = 0x0001_0001_0100_0001
    vcpu.floatControl = 0x1f
    for number in [UInt16(0x0c), 0x19, 0x1a, 0x30, 0x37, 0x88, 0x180, 0x183, 0x01, 0x06] {
      vcpu.set(number, seed << 48 | UInt64(number) << 12)
    }
    vcpu.set(0x00, 0xb0)
    vcpu.set(0x04, 0x7_1ffc)
    // A timer that stands: a running one does not stay as it was.
    vcpu.set(0x41, 0x1000_0000 | 2)
    vcpu.set(0x42, 0x123_4567)
    vcpu.stealTime = 0x8000 + seed << 6 | 1
  }

  private static func fill(_ ipi: inout IPIState, _ seed: UInt64) {
    ipi.status = UInt32(seed) << 4
    ipi.enable = .max
    for box in 0..<4 { ipi.mailboxes[box] = 0x9000_0000_0000_0000 | seed << 32 | UInt64(box) }
  }

  private static func fill(_ extended: inout EIOINTCState) {
    for index in 0..<8 {
      extended.nodeType[index] = 0x0100_0000 + UInt32(index)
      extended.enable[index] = 0xffff_fff0 + UInt32(index)
      extended.bounce[index] = .max
    }
    extended.request[1] = 1 << 8
    extended.ipMap[0] = 0x0202_0101
    extended.ipMap[1] = 0x0808_0404
    extended.coreMap[10] = 0x0100_0100
    extended.pending[1][1] = 1 << 8
    // ENABLE, CPU_ENCODE
    extended.status = 0xa
  }
}
