import Hypervisor
import KVMHypervisor
import KVMKernelModel

/// The product's machine on the model of a kernel, with 64 KiB of memory at 0.
final class TestMachine<Calls: KVMCalls> {
  let model: KernelModel
  let hypervisor: KVMHypervisor<Calls>
  let memory: GuestMemory
  var cpus: [KVMVCPU<Calls>] = []

  init(_ model: KernelModel, calls: Calls, vcpus: Int = 1, memory: GuestMemory = GuestMemory()) throws {
    self.model = model
    self.memory = memory
    hypervisor = try KVMHypervisor(calls: calls, kvm: model.system, vcpus: vcpus)
    try hypervisor.addMemory(guestAddress: 0, host: memory.base, size: UInt64(memory.size))
    for id in 0..<vcpus { cpus.append(try hypervisor.createVCPU(id: id)) }
  }

  func start(_ cpu: Int, at pc: UInt64) {
    var registers = VCPURegisters()
    registers.pc = pc
    cpus[cpu].registers = registers
  }

  /// The next exit in words: what it is, where, of what size, and what was stored.
  func run(_ cpu: Int = 0) -> SeenExit { SeenExit(cpus[cpu].run()) }

  /// The first exit after a state was saved or restored: `run` says once that it was interrupted.
  func resume(_ cpu: Int = 0) -> SeenExit {
    let first = run(cpu)
    return first == .interrupted ? run(cpu) : first
  }
}

extension TestMachine where Calls == KernelModel {
  convenience init(
    _ version: KernelVersion = .v7_2, vcpus: Int = 1, host: HostFeatures = .la464, memory: GuestMemory = GuestMemory(),
    wholeFloatRegisters: Bool = true
  ) throws {
    let model = KernelModel(version: version, host: host)
    // A 6.13 with the later repair of KVM_GET_FPU, unless the test is of that.
    if wholeFloatRegisters { model.behaviour.copiesWholeFPURegisters = true }
    try self.init(model, calls: model, vcpus: vcpus, memory: memory)
  }
}

/// A VCPUExit that can be compared.
enum SeenExit: Equatable {
  case mmioRead(UInt64, UInt8)
  case mmioWrite(UInt64, UInt8, UInt64)
  case iocsrRead(UInt32, UInt8)
  case iocsrWrite(UInt32, UInt8, UInt64)
  case interrupted
  case failed

  init(_ exit: VCPUExit) {
    switch exit {
    case .mmioRead(let address, let size): self = .mmioRead(address, size)
    case .mmioWrite(let address, let size, let value): self = .mmioWrite(address, size, value)
    case .iocsrRead(let address, let size): self = .iocsrRead(address, size)
    case .iocsrWrite(let address, let size, let value): self = .iocsrWrite(address, size, value)
    case .interrupted: self = .interrupted
    case .failed: self = .failed
    }
  }
}

/// A guest that serves one pin or vector as Linux does: edge, its own vector, one line for all vectors; the handler
/// acknowledges, clears and then tells us how often it ran.
enum InterruptGuest {
  static let start: UInt64 = 0x1000
  static let handler: UInt64 = 0x4000
  /// Where the handler stores its count: nothing is there.
  static let report: UInt64 = 0x1fe0_0000
  static let pic: UInt64 = 0x1000_0000

  static func place(in memory: GuestMemory, pin: UInt64, vector: UInt64, cpu: UInt64 = 0) {
    memory.place(main(pin, vector, cpu), at: Int(start))
    memory.place(serve(pin, vector), at: Int(handler))
  }

  /// What the guest's driver sets up (reference B.5, C.2), then idle for ever.
  private static func main(_ pin: UInt64, _ vector: UInt64, _ cpu: UInt64) -> GuestProgram {
    GuestProgram {
      $0.setIOCSR(0x14c0, 0x0202_0202)
      $0.setIOCSR(0x14c4, 0x0202_0202)
      for word in 0..<8 { $0.setIOCSR(0x1600 + UInt64(word) * 4, 0xffff_ffff) }
      $0.setIOCSR(0x1c00 + vector, 1 << cpu, .byte)
      $0.setMemory(pic + 0x60, 1 << pin)
      $0.setMemory(pic + 0x200 + pin, vector, .byte)
      $0.setMemory(pic + 0x80, 1 << pin)
      $0.setMemory(pic + 0x20, ~(1 << pin) & 0xffff_ffff)
      $0.setCSR(0x0c, handler)
      $0.setCSR(0x04, 1 << 3 | 1 << 12 | 1 << 11)
      $0.li(R.s0, 0)
      wait(&$0)
    }
  }

  /// Interrupts on, and idle.
  static func wait(_ program: inout GuestProgram) {
    program.setCSR(0x00, 8 | 4)
    let loop = program.here
    program.idle()
    program.branch(to: loop)
  }

  private static func serve(_ pin: UInt64, _ vector: UInt64) -> GuestProgram {
    GuestProgram {
      $0.li(R.t0, 0x1800 + vector / 64 * 8)
      $0.iocsrRead(R.t1, R.t0, .double)
      $0.iocsrWrite(R.t1, R.t0, .double)
      $0.setMemory(pic + 0x80, 1 << pin)
      $0.addi(R.s0, R.s0, 1)
      $0.li(R.t2, report)
      $0.store(R.s0, R.t2, 0, .word)
      $0.ertn()
    }
  }
}
