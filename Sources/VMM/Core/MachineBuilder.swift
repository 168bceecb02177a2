import DeviceBus
import Hypervisor
import KVMHypervisor
import SoftHypervisor
import System

/// Makes a machine of what came with the first message, on one hypervisor or, if that one cannot, on another: what the first
/// has made is gone by then.
struct MachineBuilder: ~Copyable {
  private let setup: MachineSetup
  private let ram: FileDescriptor
  private let rom: FileDescriptor?
  /// Signalled by the machine's gate.
  private let gateSignal: EventCounter

  /// Takes guest RAM and boot ROM out of the message.
  init(_ setup: MachineSetup, _ message: inout Incoming) throws(VMMError) {
    let ram = try Self.take(&message, 0)
    let rom = setup.romBytes > 0 ? try Self.take(&message, 1) : nil
    let gateSignal = try Self.counter()
    self.setup = setup
    self.ram = ram
    self.rom = rom
    self.gateSignal = gateSignal
  }

  /// Takes the open /dev/kvm out of the message.
  func takeKVM(_ message: inout Incoming) throws(VMMError) -> FileDescriptor {
    try Self.take(&message, setup.descriptorCount - 1)
  }

  /// With the software CPU.
  func softMachine() throws(VMMError) -> VirtualMachine<SoftHypervisor> {
    let hypervisor: SoftHypervisor
    do throws(HypervisorError) { hypervisor = try SoftHypervisor(vcpus: Int(setup.vcpus)) } catch {
      throw .hypervisor(error)
    }
    return try machine(hypervisor)
  }

  /// In the kernel's KVM. `kvm` is closed afterwards: a machine that runs has no use for /dev/kvm.
  func kvmMachine(_ kvm: consuming FileDescriptor) throws(VMMError) -> VirtualMachine<KVMHypervisor<KernelCalls>> {
    let hypervisor: KVMHypervisor<KernelCalls>
    do throws(HypervisorError) {
      hypervisor = try KVMHypervisor(calls: KernelCalls(), kvm: kvm.raw, vcpus: Int(setup.vcpus))
    } catch {
      throw .hypervisor(error)
    }
    return try machine(hypervisor)
  }

  private func machine<H: Hypervisor>(_ hypervisor: H) throws(VMMError) -> VirtualMachine<H> {
    try VirtualMachine(hypervisor, setup: setup, ram: ram, rom: try romCopy(), arrival: try arrival())
  }

  private func romCopy() throws(VMMError) -> FileDescriptor? {
    switch rom {
    case .none: return nil
    case .some(let file):
      do throws(SystemError) { return try file.duplicate() } catch { throw .system(error) }
    }
  }

  /// Another descriptor of the eventfd that the machine's gate signals.
  func arrival() throws(VMMError) -> EventCounter {
    do throws(SystemError) { return EventCounter(owning: try gateSignal.descriptor.duplicate()) } catch {
      throw .system(error)
    }
  }

  /// A new eventfd.
  static func counter() throws(VMMError) -> EventCounter {
    do throws(SystemError) { return try EventCounter() } catch { throw .system(error) }
  }

  private static func take(_ message: inout Incoming, _ index: Int) throws(VMMError) -> FileDescriptor {
    do throws(MessageError) { return try message.take(index) } catch { throw .channel(.malformed(error)) }
  }
}

extension VMMError {
  /// What this host lacks, in words, if that is all that stands in the way of a hypervisor.
  var hostReason: String? {
    guard case .hypervisor(let error) = self else { return nil }
    switch error {
    case .unavailable, .system: return error.reason
    default: return nil
    }
  }
}
