import Hypervisor
import SoftHypervisor
import System
import Testing

@testable import KVMCheckCore

/// The guest on a CPU that knows the whole architecture: that its words are the instructions that it is said to consist of.
struct GuestTests {
  private func makeRun(_ memory: GuestMemory) throws -> GuestRun<SoftHypervisor> {
    let hypervisor = try SoftHypervisor(vcpus: 1)
    try hypervisor.addMemory(guestAddress: 0, host: memory.base, size: memory.size)
    return try GuestRun(hypervisor, try hypervisor.createVCPU(id: 0), memory, patience: 30_000_000_000)
  }

  @Test func guestDoesAllThatItShallAndTakesItsInterrupt() throws {
    let memory = try GuestMemory()
    let run = try makeRun(memory)
    run.load()

    let vectors = try run.runToReport { run.interrupt.signal() }

    #expect(vectors == "0x20")
    #expect(run.loads == 1)
    #expect(run.ioReads == 1)
    #expect(run.stray == "none")
    #expect(run.doorbell.drain() == 1)
    #expect(memory.word(at: GuestProgram.result) == 0x1234_5678)
    #expect(run.cpu.registers.gpr[GuestProgram.loadedRegister] == 0x1234_5678)
    #expect(run.cpu.registers.gpr[GuestProgram.readRegister] == 0x1c)
  }

  @Test func guestTakesASecondInterruptAfterTheFirst() throws {
    let run = try makeRun(try GuestMemory())
    run.load()
    _ = try run.runToReport { run.interrupt.signal() }

    run.interrupt.signal()
    let vectors = try run.runToReport()

    #expect(vectors == "0x20")
  }

  @Test func guestWithoutAnInterruptIsGivenUpInTime() throws {
    let memory = try GuestMemory()
    let hypervisor = try SoftHypervisor(vcpus: 1)
    try hypervisor.addMemory(guestAddress: 0, host: memory.base, size: memory.size)
    let run = try GuestRun(hypervisor, try hypervisor.createVCPU(id: 0), memory, patience: 20_000_000)
    run.load()

    let vectors = try run.runToReport()

    #expect(vectors.hasPrefix("none in 20 ms, PC 0x108"))
  }
}
