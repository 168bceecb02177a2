import DeviceBus
import Hypervisor
import SoftHypervisor
import System

/// The core of a machine: vCPUs and the interrupt controllers, nothing else. It is started by the supervisor with the
/// set-up socket as descriptor 3.
public enum VMMProgram {
  /// Serves one machine to its end; what `main` calls.
  public static func run() -> Never {
    do throws(VMMError) {
      try serve()
    } catch {
      Log.line("atoll-vmm: \(error.sentence)")
      Process.exit(1)
    }
    Process.exit(0)
  }

  /// Builds the machine from the first message, seals the process, serves.
  private static func serve() throws(VMMError) {
    let channel = Channel(owning: FileDescriptor(owning: Channel.inheritedDescriptor))
    var message = try first(channel)
    let setup = try opening(message)
    let ram = try take(&message, 0)
    let rom = setup.romBytes > 0 ? try take(&message, 1) : nil
    let faults = try counter()
    let arrival = try counter()
    let hypervisor = try soft(vcpus: Int(setup.vcpus))
    let signal = try duplicate(arrival)
    let machine = try VirtualMachine(hypervisor, setup: setup, ram: ram, rom: rom, arrival: signal)
    // Threads first: the second phase of the sandbox forbids making more.
    try startThreads(machine)
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .system(error) }
    try Controller(channel, machine, faults: faults, arrival: arrival).serve()
  }

  private static func startThreads<H: Hypervisor & SendableMetatype>(_ machine: VirtualMachine<H>) throws(VMMError) {
    do throws(SystemError) {
      for index in 0..<machine.cpus.count {
        try Thread.start {
          var thread = VCPUThread(machine, index: index)
          thread.run()
        }
      }
    } catch {
      throw .system(error)
    }
  }

  private static func soft(vcpus: Int) throws(VMMError) -> SoftHypervisor {
    do throws(HypervisorError) { return try SoftHypervisor(vcpus: vcpus) } catch { throw .hypervisor(error) }
  }

  private static func counter() throws(VMMError) -> EventCounter {
    do throws(SystemError) { return try EventCounter() } catch { throw .system(error) }
  }

  private static func duplicate(_ counter: borrowing EventCounter) throws(VMMError) -> EventCounter {
    do throws(SystemError) {
      return EventCounter(owning: try counter.descriptor.duplicate())
    } catch {
      throw .system(error)
    }
  }

  private static func first(_ channel: borrowing Channel) throws(VMMError) -> Incoming {
    do throws(ChannelError) {
      guard let message = try channel.receive() else { throw .closed }
      return message
    } catch {
      throw .channel(error)
    }
  }

  private static func opening(_ message: borrowing Incoming) throws(VMMError) -> MachineSetup {
    do throws(MessageError) { return try message.decode() } catch { throw .channel(.malformed(error)) }
  }

  private static func take(_ message: inout Incoming, _ index: Int) throws(VMMError) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .channel(.malformed(error)) }
  }
}
