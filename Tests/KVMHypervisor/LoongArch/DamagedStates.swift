import Hypervisor
import StateComparison
import Testing

/// Something wrong with a state.
struct Damage: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let apply: @Sendable (inout MachineState) -> Void

  init(_ name: String, _ apply: @escaping @Sendable (inout MachineState) -> Void) {
    testDescription = name
    self.apply = apply
  }

  static let all: [Damage] = [
    Damage("a vCPU too few") { _ = $0.vcpus.popLast() },
    Damage("a vCPU too many") { $0.vcpus.append($0.vcpus[0]) },
    Damage("CPUIDs exchanged") {
      $0.vcpus[0].set(0x20, 1)
      $0.vcpus[1].set(0x20, 0)
    },
    Damage("no CPUID") { $0.vcpus[1].csrs.removeAll { $0.number == 0x20 } },
    Damage("conditions that are no bits") { $0.vcpus[0].conditions = 2 },
    Damage("CSRs out of order") { $0.vcpus[0].csrs.swapAt(3, 4) },
    Damage("a CSR twice") { $0.vcpus[0].csrs.insert($0.vcpus[0].csrs[5], at: 5) },
    Damage("the host's GSTAT") { insert(&$0, 0x50, 0x80) },
    Damage("the host's GINTC") { insert(&$0, 0x52, 0xff) },
    Damage("a CSR that no CPU has") { insert(&$0, 0x7ff, 1) },
    Damage("a CSR beyond all numbers") { insert(&$0, 0xffff, 1) },
    Damage("steal time misaligned") { $0.vcpus[0].stealTime = 0x8003 },
    Damage("steal time outside of memory") { $0.vcpus[1].stealTime = 0x7f00_0000_0001 },
    Damage("no constant timer") { $0.vcpus[1].configuration[2] &= ~0x4000 },
    Damage("LSX without FP") { $0.vcpus[1].configuration[2] = 0x4040 },
    Damage("LASX without LSX") { $0.vcpus[1].configuration[2] &= ~0x40 },
    Damage("single without double precision") { $0.vcpus[1].configuration[2] &= ~0xc4 },
    Damage("binary translation's registers") { $0.vcpus[0].translation[5] = 1 },
    Damage("an IPI set too few") { _ = $0.interrupts.ipi.popLast() },
    Damage("pending vectors of a vCPU too few") { _ = $0.interrupts.extended.pending.popLast() },
    Damage("another extension") { $0.interrupts.extended.features = 0xf },
    Damage("a configuration beyond the features") { $0.interrupts.extended.status = 0x1a },
    Damage("lines by number, which is not offered") {
      $0.interrupts.extended.status = 0xe
      $0.interrupts.extended.ipMap[0] = 0xff
    },
    Damage("a route to a vCPU that is not there") { $0.interrupts.extended.coreMap[0] = 2 },
    Damage("in service without a request") { $0.interrupts.pic.inService = 1 },
  ]

  private static func insert(_ state: inout MachineState, _ number: UInt16, _ value: UInt64) {
    let place = state.vcpus[0].csrs.firstIndex { $0.number > number } ?? state.vcpus[0].csrs.endIndex
    state.vcpus[0].csrs.insert(CSRValue(number: number, value: value), at: place)
  }
}
