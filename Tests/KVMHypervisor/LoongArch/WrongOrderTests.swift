import Hypervisor
import KVMHypervisor
import KVMKernelModel
import Testing

// A mistake in the order of calls must be seen, or these tests prove nothing: each case leaves out or moves one request of
// the real code's, and looks at what goes wrong.

/// One mistake.
struct Mistake: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let version: KernelVersion
  let alter: @Sendable (KernelModel.Record) -> Alteration
  let until: @Sendable (KernelModel.Record) -> Bool

  init(
    _ name: String, _ version: KernelVersion = .v7_2,
    until: @escaping @Sendable (KernelModel.Record) -> Bool = { _ in false },
    _ alter: @escaping @Sendable (KernelModel.Record) -> Alteration
  ) {
    testDescription = name + ", " + version.description
    self.version = version
    self.alter = alter
    self.until = until
  }

  /// Left out: `forgotten`.
  static func forget(
    _ name: String, _ version: KernelVersion = .v7_2, _ forgotten: @escaping @Sendable (KernelModel.Record) -> Bool
  ) -> Mistake {
    Mistake(name, version) { forgotten($0) ? .drop : .pass }
  }
}

/// What two vCPUs can do with interrupts: all of it must work, or the machine is not right.
private struct Trial: Equatable {
  var pinReachedSecondVCPU = false
  var messageReachedFirstVCPU = false
  var ipiReachedSecondVCPU = false
  var accessesStayedInTheKernel = false
  var configuration: [[UInt32]] = []
  var identities: [UInt64] = []
  var extensionIsOffered = false

  init() {}

  init(_ machine: TestMachine<AlteredCalls>) throws {
    InterruptGuest.place(in: machine.memory, pin: 2, vector: 40, cpu: 1)
    machine.memory.place(
      GuestProgram {
        $0.setIOCSR(0x1040, 1 << 16 | 3)
        $0.idle()
      }, at: 0x8000)
    machine.start(0, at: InterruptGuest.start)
    let pin = TestEvent()
    let message = TestEvent()
    try machine.hypervisor.bindInterrupt(pin.descriptor, pin: 2)
    try machine.hypervisor.bindMSI(message.descriptor, vector: 60)
    accessesStayedInTheKernel = machine.run() == .interrupted
    machine.model.signal(eventfd: pin.descriptor)
    pinReachedSecondVCPU = machine.model.lines(vcpu: 1) == 1 << 3
    machine.model.signal(eventfd: message.descriptor)
    messageReachedFirstVCPU = machine.model.lines(vcpu: 0) == 1 << 3
    machine.start(0, at: 0x8000)
    // The message's handler first, and its report.
    for _ in 0..<4 { _ = machine.run() }
    ipiReachedSecondVCPU = machine.model.ipi(vcpu: 1)[0] == 1 << 3
    configuration = (0..<2).map { machine.model.configuration(vcpu: $0) }
    identities = (0..<2).map { machine.model.csr(0x20, vcpu: $0) }
    extensionIsOffered = machine.model.eiointc()?.features == 0b1011
  }
}

@Suite struct KVMWrongOrderTests {
  private func trial(_ mistake: Mistake?) throws -> (Trial, Int) {
    let model = KernelModel(version: mistake?.version ?? .v7_2)
    let calls = AlteredCalls(model, until: mistake?.until ?? { _ in false }, choose: mistake?.alter ?? { _ in .pass })
    let machine = try TestMachine(model, calls: calls, vcpus: 2)
    return (try Trial(machine), calls.altered)
  }

  @Test func withoutAMistakeAllOfItWorks() throws {
    let (result, altered) = try trial(nil)

    #expect(altered == 0)
    #expect(result.pinReachedSecondVCPU && result.messageReachedFirstVCPU && result.ipiReachedSecondVCPU)
    #expect(result.accessesStayedInTheKernel && result.extensionIsOffered)
    #expect(result.identities == [0, 1])
  }

  @Test(arguments: [
    Mistake.forget("no CPUID") { $0.setsCSR(0x20) },
    .forget("no CPUID of the second vCPU") { $0.setsCSR(0x20, vcpu: 1) },
    .forget("no CPUID of the second vCPU", .v6_13) { $0.setsCSR(0x20, vcpu: 1) },
    .forget("no CPUCFG word 2") { $0.setsConfiguration(2) },
    .forget("no CPUCFG word 4") { $0.setsConfiguration(4) },
    .forget("PCH-PIC not placed") { $0.sets(0x4000_0006, 0) },
    .forget("no routes") { $0.request == 0x4008_ae6a },
    .forget("no features of the EIOINTC") { $0.sets(0x4000_0004, 1) },
  ])
  func aForgottenRequestIsSeen(mistake: Mistake) throws {
    let (good, _) = try trial(nil)

    let (result, altered) = try trial(mistake)

    #expect(altered > 0)
    #expect(result != good)
  }

  @Test(arguments: [
    Mistake.forget("no IPI device") { $0.request == 0xc00c_aee0 && $0.second == 12 && $0.first == 0 },
    .forget("no EIOINTC device") { $0.request == 0xc00c_aee0 && $0.second == 13 && $0.first == 0 },
    .forget("no PCH-PIC device") { $0.request == 0xc00c_aee0 && $0.second == 14 && $0.first == 0 },
    .forget("EIOINTC not told how many CPUs") { $0.sets(0x4000_0004, 0) },
  ])
  func aMissingDeviceEndsTheCreation(mistake: Mistake) throws {
    #expect(throws: (any Error).self) { _ = try trial(mistake) }
  }

  @Test func in613TheControllersResetIsNeeded() throws {
    for offset in [UInt64(0x20), 0x202] {
      let model = KernelModel(version: .v6_13)
      let calls = AlteredCalls(model) { $0.sets(0x4000_0005, offset) ? .drop : .pass }

      let machine = try TestMachine(model, calls: calls)

      #expect(calls.altered == 1)
      let pic = try #require(machine.model.pic())
      #expect(pic.mask != .max || pic.vector[2] != 2)
    }
  }

  /// A machine with a vector pending for its second vCPU, restored by altered calls.
  private func restored(_ mistake: Mistake) throws -> (lines: UInt64, target: Int?, altered: Int) {
    let source = try TestMachine(mistake.version, vcpus: 2)
    var state = try source.hypervisor.save()
    state.interrupts.extended.enable[1] = .max
    state.interrupts.extended.status = 0xa
    state.interrupts.extended.coreMap[10] = 1
    state.interrupts.extended.pending[1][1] = 1 << 8
    state.interrupts.extended.request[1] = 1 << 8
    state.vcpus[1].set(0x05, 1 << 2)
    let model = KernelModel(version: mistake.version)
    model.behaviour.copiesWholeFPURegisters = true
    let calls = AlteredCalls(model, until: mistake.until, choose: mistake.alter)
    let target = try TestMachine(model, calls: calls, vcpus: 2)
    try target.hypervisor.restore(state)
    return (model.lines(vcpu: 1), model.eiointc()?.target[40], calls.altered)
  }

  @Test func withoutAMistakeThePendingVectorIsTheSecondVCPUs() throws {
    let (lines, target, _) = try restored(Mistake("none") { _ in .pass })

    #expect(lines == 1 << 2)
    #expect(target == 1)
  }

  @Test(arguments: [
    Mistake.forget("no LOAD_FINISHED") { $0.sets(0x4000_0004, 3) },
    .forget("no LOAD_FINISHED", .v6_13) { $0.sets(0x4000_0004, 3) },
    .forget("no STATE") { $0.sets(0x4000_0003, 2) },
    .forget("no COREMAP") { $0.sets(0x4000_0002, 0x828) },
    .forget("no ESTAT") { $0.setsCSR(0x05) },
    .forget("no CPUID") { $0.setsCSR(0x20, vcpu: 1) },
    Mistake("CPUID after LOAD_FINISHED", until: { $0.sets(0x4000_0004, 3) }) {
      $0.setsCSR(0x20, vcpu: 1) ? .delay : .pass
    },
  ])
  func aMistakeInRestoringIsSeen(mistake: Mistake) throws {
    // The last case delays to the reset's LOAD_FINISHED only, which is harmless: there is nothing to lead anywhere yet.
    let (lines, target, altered) = try restored(mistake)

    #expect(altered > 0)
    let isHarmless = mistake.testDescription.hasPrefix("CPUID after")
    #expect((lines == 1 << 2 && target == 1) == isHarmless)
  }

  @Test func anIRQFDBeforeTheControllersIsRefused() throws {
    let model = KernelModel()
    let hypervisor = try KVMHypervisor(calls: model, kvm: model.system, vcpus: 2)
    _ = try hypervisor.createVCPU(id: 0)
    let event = TestEvent()

    #expect(throws: (any Error).self) { try hypervisor.bindInterrupt(event.descriptor, pin: 2) }

    #expect(model.irqfdCount() == 0)
  }
}
