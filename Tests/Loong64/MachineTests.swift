import DeviceBus
import ProcessSupport
import System
import Testing

/// The loong64 VMM and a loong64 device process under the emulator. Its system calls are the host's, so that shared memory,
/// futexes, eventfds and descriptors in messages are real ones between real processes; seccomp and namespaces it does not have.
@Suite(.needsLoong64) struct MachineTests {
  @Test(.timeLimit(.minutes(2))) func guestAwaitsItsFirstInterrupt_deviceProcessRaisesIt() throws {
    let machine = try SmallMachine(InterruptGuest.kernel, at: InterruptGuest.base, entry: InterruptGuest.entry)
    #expect(machine.ready.hypervisor == .soft)

    try machine.run()

    #expect(try machine.serial.line() == InterruptGuest.line)
    #expect(machine.word(InterruptGuest.record + 12) == InterruptGuest.mark)
    #expect(machine.word(InterruptGuest.record) & 0x3fc != 0, "ESTAT has no hardware line")
    #expect(machine.word(InterruptGuest.record + 4) & 0xf == 2, "IIR does not say transmitter empty")
    #expect(machine.word(InterruptGuest.record + 8) == 1 << 2, "COREISR is not pin 2's vector")
    #expect(try machine.counters().coreMessages == 0)
    let ends = try machine.stop()
    #expect(ends.vmm == .status(0))
    #expect(ends.serial == .status(0))
  }
}
