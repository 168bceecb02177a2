import DeviceBus
import Hypervisor
import KVMHypervisor
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
    let builder = try MachineBuilder(setup, &message)
    guard setup.hypervisor != .soft else {
      return try serve(try builder.softMachine(), builder, channel, &message, MachineReady(.soft))
    }
    let machine: VirtualMachine<KVMHypervisor<KernelCalls>>
    do throws(VMMError) { machine = try builder.kvmMachine(try builder.takeKVM(&message)) } catch {
      guard let reason = error.hostReason else { throw error }
      guard setup.hypervisor == .kvmPreferred else { throw refuse(error, channel) }
      return try serve(try builder.softMachine(), builder, channel, &message, MachineReady(.soft, reason: reason))
    }
    try serve(machine, builder, channel, &message, MachineReady(.kvm))
  }

  private static func serve<H: Hypervisor & SendableMetatype>(
    _ machine: VirtualMachine<H>, _ builder: borrowing MachineBuilder, _ channel: consuming Channel,
    _ message: inout Incoming, _ ready: MachineReady
  ) throws(VMMError) {
    let faults = try MachineBuilder.counter()
    let controller = Controller(channel, machine, faults: faults, arrival: try builder.arrival())
    // Threads first: the second phase of the sandbox forbids making more.
    try startThreads(machine)
    do throws(SystemError) { try SecondPhase.enter(&message) } catch { throw .system(error) }
    try controller.serve(ready)
  }

  /// Tells the supervisor why there is no machine; it will say so when this process is gone.
  private static func refuse(_ error: VMMError, _ channel: borrowing Channel) -> VMMError {
    do throws(SystemError) { try channel.send(MachineFailed(text: error.sentence)) } catch { return .system(error) }
    return error
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
}
