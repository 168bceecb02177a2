import CSystem
import DeviceBus
import Sandbox
import System

extension Driver {
  /// `vmm PROGRAM preferred|required`: the VMM in the sandbox of one that has /dev/kvm, and what it says of its start.
  static func vmm(_ words: [String]) {
    guard words.count == 4 else { return fail("no program") }
    do { try begin(words[2], words[3].same(as: "required") ? .kvmRequired : .kvmPreferred) } catch {
      fail(error.sentence)
    }
  }

  private static func begin(_ program: String, _ demand: HypervisorDemand) throws(DriverError) {
    do throws(SystemError) {
      let ends = try MessageSocket.pair()
      let channel = Channel(owning: FileDescriptor(owning: ends.0))
      let process = try spawn(program, FileDescriptor(owning: ends.1), channel, demand)
      say(channel)
      line("ended: \(text(try process.reap(wait: true)))")
    } catch { throw DriverError(sentence: error.sentence) }
  }

  /// Starts it and sends it its machine, with the second filter.
  private static func spawn(
    _ program: String, _ socket: consuming FileDescriptor, _ channel: borrowing Channel, _ demand: HypervisorDemand
  ) throws(SystemError) -> SpawnedProcess {
    let kvm = try FileDescriptor.open("/dev/kvm", flags: 2)
    let ram = try MemoryFile.create("atoll-ram", size: 64 << 20)
    let sandbox = Sandbox()
    let spec = SpawnSpec(
      name: "atoll-vmm", profile: .vmmOnKVM,
      descriptors: [.init(2, as: StandardDescriptor.log), .init(socket.raw, as: StandardDescriptor.setUp)])
    let file = try FileDescriptor.open(program, flags: 0)
    guard let process = try? sandbox.spawn(file, spec), case .some(let filter) = try? sandbox.phaseTwoProgram(.vmmOnKVM)
    else { throw SystemError("spawn", Errno.invalid) }
    let setup = MachineSetup(vcpus: 2, ramBytes: 64 << 20, hypervisor: demand)
    try channel.send(setup, descriptors: [ram.raw, kvm.raw], filter: filter.raw)
    return process
  }

  /// Its first message; then, if it is a machine, it is stopped.
  private static func say(_ channel: borrowing Channel) {
    guard case .some(let message) = try? channel.receive() else { return fail("no message") }
    if let ready = try? message.decode(MachineReady.self) {
      line("\(ready.hypervisor == .kvm ? "kvm" : "soft") \(ready.reason)")
      try? channel.send(Stop())
    } else if let failed = try? message.decode(MachineFailed.self) {
      line("failed \(failed.text)")
    } else {
      fail("another message")
    }
  }

  private static func text(_ end: ProcessEnd?) -> String {
    switch end {
    case .none: "not"
    case .exited(let status): "status \(status)"
    case .killed(let signal): "signal \(signal)"
    }
  }
}
