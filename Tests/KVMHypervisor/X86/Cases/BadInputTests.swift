import Hypervisor
import KVMHypervisor
import System
import Testing
import X86Guest

@Suite(.needsKVM) struct BadInputTests {
  @Test func descriptorThatIsNotKVMsIsRefusedWithTheRequestThatFailed() throws {
    let eventfd = try EventCounter()
    var sentence = ""

    do throws(HypervisorError) {
      _ = try KVMMachine(calls: KernelCalls(), kvm: eventfd.descriptor.raw, capabilities: [])
    } catch { sentence = error.sentence }

    #expect(sentence.hasPrefix("KVM_GET_API_VERSION: "))
  }

  @Test func closedDescriptorIsRefused() {
    #expect(throws: HypervisorError.system(SystemError("", 9))) {
      try KVMMachine(calls: KernelCalls(), kvm: -1, capabilities: [])
    }
  }

  @Test func missingCapabilityIsNamed() throws {
    let kvm = try FileDescriptor.open("/dev/kvm", flags: 2)

    #expect(throws: HypervisorError.unavailable(.missingCapability(2_000_000))) {
      try KVMMachine(calls: KernelCalls(), kvm: kvm.raw, capabilities: [KVMCapability.ioeventfd, 2_000_000])
    }
  }

  @Test func capabilityOfAMachineIsItsValueOrZero() throws {
    let guest = try X86Machine()

    #expect(guest.machine.capability(KVMCapability.irqRouting) >= 64)
    #expect(guest.machine.capability(2_000_000) == 0)
  }

  /// KVM_CHECK_EXTENSION, KVM_CREATE_VCPU, KVM_IRQ_LINE.
  @Test(arguments: [UInt32(0xae03), 0xae41, 0x4008_ae61])
  func anotherProcessThatWasHandedTheMachineCannotUseIt(request: UInt32) throws {
    let guest = try X86Machine()
    let peer = try Peer()

    #expect(try peer.control(guest.machine.descriptor, request) == -5)
  }

  @Test func anotherProcessThatWasHandedTheVCPUCannotRunIt() throws {
    let guest = try X86Machine()
    let peer = try Peer()
    var code = X86Code(at: X86Machine.codeAddress)
    code.increment(0x3000)
    code.store(0, size: 1, to: X86Machine.end)
    try guest.begin(code)

    #expect(try peer.control(guest.runner.descriptor, 0xae80) == -5)

    #expect(guest.word(0x3000) == 0)
    #expect(try guest.runToEnd() == [])
    #expect(guest.word(0x3000) == 1)
  }

  @Test func secondVCPUOfOneNumberIsRefused() throws {
    let guest = try X86Machine()
    #expect(throws: HypervisorError.system(SystemError("", Errno.exists))) { try guest.machine.makeRunner(id: 0) }
  }

  @Test func descriptorThatIsNoEventfdRaisesAndIsRungByNothing() throws {
    let guest = try X86Machine()
    for number in [guest.file.raw, -1] {
      #expect(throws: HypervisorError.self) { try guest.machine.bind(number, gsi: 40) }
      #expect(throws: HypervisorError.self) {
        try guest.machine.bindDoorbell(number, address: 0xc000_0000, length: 4, match: nil)
      }
      // Nothing there to unbind.
      guest.machine.unbind(number, gsi: 40)
      guest.machine.unbindDoorbell(number, address: 0xc000_0000)
    }
  }
}
