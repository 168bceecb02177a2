import DeviceBus
import System
import Testing

@testable import VMMCore

struct ChipRegistersTests {
  @Test(arguments: [(false, UInt64(0x1c)), (true, 0x81c)])
  func featuresSayThatTheMachineIsVirtualIfItsHypervisorOffersSomething(_ isParavirtual: Bool, _ features: UInt64) {
    let chip = ChipRegisters(isParavirtual: isParavirtual)
    #expect(chip.readIOCSR(8, size: 4) == features && chip.readMMIO(0x1fe0_0008, size: 8) == features)
    #expect(chip.readIOCSR(9, size: 1) == features >> 8)
  }

  @Test(arguments: [(false, UInt64(0x1c)), (true, 0x81c)])
  func machineAsksItsHypervisorOnceItsVCPUsExist(_ isParavirtual: Bool, _ features: UInt64) throws {
    let hypervisor = RecordingHypervisor()
    hypervisor.isParavirtual = isParavirtual
    let machine = try VirtualMachine(
      hypervisor, setup: MachineSetup(vcpus: 2, ramBytes: 1 << 20), ram: try MemoryFile.create("ram", size: 1 << 20),
      arrival: try EventCounter())
    #expect(machine.chip.readIOCSR(8, size: 4) == features)
  }
}
