import Hypervisor
import KVMHypervisor
import KVMKernelModel
import Testing

/// Kernels on which a machine is made.
let usableVersions: [KernelVersion] = [.v6_13, .v7_2, .v7_3]

@Suite struct KVMCreationTests {
  @Test(arguments: usableVersions, [1, 2, 4])
  func theKernelGetsNothingThatItDoesNotKnow(version: KernelVersion, vcpus: Int) throws {
    let machine = try TestMachine(version, vcpus: vcpus)

    #expect(machine.model.unknownRequests.isEmpty)
    #expect(machine.model.kernelHazards.isEmpty)
  }

  @Test(arguments: usableVersions)
  func theInterruptControllersAreAsAfterReset(version: KernelVersion) throws {
    let machine = try TestMachine(version, vcpus: 2)

    let pic = try #require(machine.model.pic())
    #expect(pic.base == 0x1000_0000)
    #expect(pic.mask == .max)
    #expect((pic.edge, pic.request, pic.inService, pic.polarity) == (0, 0, 0, 0))
    #expect(Array(pic.vector[0..<32]) == (0..<32).map { UInt8($0) })
    #expect(pic.route[0..<32].allSatisfy { $0 == 1 })
    let eiointc = try #require(machine.model.eiointc())
    #expect(eiointc.cpuCount == 2)
    #expect(machine.model.routeCounts() == (64, 256))
  }

  @Test(arguments: usableVersions)
  func everyVCPUIsALA464WithItsOwnNumber(version: KernelVersion) throws {
    let machine = try TestMachine(version, vcpus: 3)

    for id in 0..<3 {
      let words = machine.model.configuration(vcpu: id)
      #expect(Array(words[0...6]) == [0x0014_c010, 0x03f2_f2ee, 0x0060_c0cf, 0, 100_000_000, 0x0001_0001, 0])
      #expect(Array(words[16...20]) == [0x2c3d, 0x0608_0003, 0x0608_0003, 0x0608_000f, 0x060e_000f])
      #expect(machine.model.csr(0x20, vcpu: id) == UInt64(id))
      #expect(machine.model.csr(0x40, vcpu: id) == UInt64(id))
      #expect(machine.model.csr(0x00, vcpu: id) == 8)
    }
  }

  @Test func theCounterRunsAsTheHostsDoes() throws {
    var host = HostFeatures.la464
    host.configuration[4] = 50_000_000
    host.configuration[5] = 0x0001_0002
    let machine = try TestMachine(host: host)

    #expect(machine.model.configuration(vcpu: 0)[4] == 50_000_000)
    #expect(machine.model.configuration(vcpu: 0)[5] == 0x0001_0002)
  }

  @Test func aStrongerHostGivesTheSameCPU() throws {
    let machine = try TestMachine(host: .la664)

    #expect(machine.model.configuration(vcpu: 0)[2] == 0x0060_c0cf)
    #expect(machine.model.configuration(vcpu: 0)[6] == 0)
  }

  @Test func aHostWithoutVectorsGivesNone() throws {
    let machine = try TestMachine(host: .withoutVectors)

    #expect(machine.model.configuration(vcpu: 0)[2] == 0x0060_c00f)
  }

  @Test(arguments: [(KernelVersion.v6_13, UInt64(0x0100_0006)), (.v7_2, 0x0100_000e)])
  func theGuestIsToldOfItsHypervisor(version: KernelVersion, features: UInt64) throws {
    let machine = try TestMachine(version, vcpus: 2)

    #expect(machine.hypervisor.isParavirtual)
    #expect(machine.model.paravirtualFeatures() == features)
    #expect(machine.model.eiointc()?.features == 0b1011)
  }

  @Test func withoutStealTimeOnlyTheRestIsOffered() throws {
    var host = HostFeatures.la464
    host.hasStealTime = false

    let machine = try TestMachine(host: host)

    #expect(machine.model.paravirtualFeatures() == 0x0100_0002)
  }

  @Test func notParavirtualMeansNoExtension() throws {
    let model = KernelModel()
    let hypervisor = try KVMHypervisor(calls: model, kvm: model.system, vcpus: 1, paravirtual: false)
    _ = try hypervisor.createVCPU(id: 0)

    #expect(!hypervisor.isParavirtual)
    #expect(model.eiointc()?.features == 0)
    #expect(model.eiointc()?.status == 2)
  }

  @Test func memoryIsAddedInSlotsAndReadOnlyIsSo() throws {
    let machine = try TestMachine()
    let rom = GuestMemory()

    try machine.hypervisor.addReadOnlyMemory(guestAddress: 0x1c00_0000, host: rom.base, size: UInt64(rom.size))

    let slots = machine.model.memorySlots()
    #expect(slots.map(\.address) == [0, 0x1c00_0000])
    #expect(slots.map(\.flags) == [0, 2])
  }

  @Test(arguments: [UInt64(0x2000), 0x8000])
  func overlappingOrMisalignedMemoryIsRefused(address: UInt64) throws {
    let machine = try TestMachine()
    let more = GuestMemory()

    #expect(throws: HypervisorError.badMemorySlot(guestAddress: address, size: UInt64(more.size))) {
      try machine.hypervisor.addMemory(guestAddress: address, host: more.base, size: UInt64(more.size))
    }
  }

  @Test func memoryBeyondTheAddressSpaceIsRefused() throws {
    let machine = try TestMachine()
    let more = GuestMemory()

    #expect(throws: (any Error).self) {
      try machine.hypervisor.addMemory(guestAddress: 1 << 47, host: more.base, size: UInt64(more.size))
    }
  }

  @Test func vCPUsComeInOrderAndNotMoreThanAskedFor() throws {
    let model = KernelModel()
    let hypervisor = try KVMHypervisor(calls: model, kvm: model.system, vcpus: 2)

    #expect(throws: HypervisorError.badVCPU(1)) { _ = try hypervisor.createVCPU(id: 1) }
    _ = try hypervisor.createVCPU(id: 0)
    #expect(throws: HypervisorError.badVCPU(0)) { _ = try hypervisor.createVCPU(id: 0) }
    _ = try hypervisor.createVCPU(id: 1)
    #expect(throws: HypervisorError.badVCPU(2)) { _ = try hypervisor.createVCPU(id: 2) }
  }

  @Test func everyDescriptorIsClosedInTheEnd() throws {
    let model = KernelModel()
    var machine: TestMachine? = try TestMachine(model, calls: model, vcpus: 2)
    #expect(model.openDescriptors == 1 + 2 + 3)

    machine?.cpus = []
    machine = nil

    #expect(model.openDescriptors == 0)
    #expect(model.kernelHazards.isEmpty)
  }
}

@Suite struct KVMBadHostTests {
  private func make(_ model: KernelModel) throws { _ = try TestMachine(model, calls: model) }

  @Test func aKernelWithoutInterruptControllersSaysSo() {
    let error = HypervisorError.unavailable(.noInterruptControllers)

    #expect(throws: error) { try make(KernelModel(version: .v6_12)) }

    #expect(error.sentence.contains("6.13"))
  }

  @Test func loongsonsOwnKVMSaysSo() {
    #expect(throws: HypervisorError.unavailable(.vendorKVM)) { try make(KernelModel(version: .vendor)) }
  }

  @Test(arguments: [25, 32, 36, 77, 122, 136])
  func aCapabilityThatIsMissingIsNamed(number: Int) {
    let model = KernelModel()
    model.capabilities[number] = 0

    #expect(throws: HypervisorError.unavailable(.missingCapability(number))) { try make(model) }
  }

  @Test func anotherInterfaceVersionIsNamed() {
    let model = KernelModel()
    model.apiVersion = 13

    #expect(throws: HypervisorError.unavailable(.otherInterface(13))) { try make(model) }
  }

  @Test func pagesThatAreTooLargeAreNamed() {
    var host = HostFeatures.la464
    host.pageSize = 65536

    #expect(throws: HypervisorError.unavailable(.pageSize(65536))) { try make(KernelModel(host: host)) }
  }

  @Test func aKernelThatCannotGiveWhatEveryGuestNeedsSaysWhat() {
    let model = KernelModel()
    model.forcedMasks[2] = 0x0060_c0cf & ~0x4000

    #expect(throws: HypervisorError.unavailable(.missingFeature(word: 2, bits: 0x4000))) { try make(model) }
  }

  @Test func aFailedMachineLeavesNothingOpen() {
    let model = KernelModel(version: .v6_12)

    #expect(throws: (any Error).self) { try make(model) }

    #expect(model.openDescriptors == 0)
  }

  @Test func fourThousandPagesAreFineToo() throws {
    var host = HostFeatures.la464
    host.pageSize = 4096

    try make(KernelModel(host: host))
  }
}
