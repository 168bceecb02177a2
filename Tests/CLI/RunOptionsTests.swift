import Control
import Testing

@testable import atoll

struct RunOptionsTests {
  @Test(arguments: [("auto", HypervisorChoice.auto), ("kvm", .kvm), ("soft", .soft)])
  func hypervisorIsOneOfThreeWords(_ word: String, _ choice: HypervisorChoice) throws {
    #expect(try RunCommand.parse(["--hypervisor", word]).hypervisor == choice)
  }

  @Test func hypervisorIsTheDescriptionsIfNoneIsAskedFor() throws {
    #expect(try RunCommand.parse([]).hypervisor == nil)
  }

  @Test(arguments: ["xen", "", "KVM"]) func otherHypervisorIsRefused(_ word: String) {
    #expect(throws: (any Error).self) { try RunCommand.parse(["--hypervisor", word]) }
  }
}
