import Hypervisor
import System

/// A machine of KVM's, of any architecture: its memory, its interrupts, its doorbells. vCPUs are `KVMRunner`s.
///
/// It belongs to the process that made it: KVM refuses every other. One thread at a time may change it; the running vCPUs
/// do not call it, but for `signal(message:)`, which any thread may.
public final class KVMMachine<Calls: KVMCalls>: @unchecked Sendable {
  public let calls: Calls
  /// The machine's descriptor, for the requests of one architecture.
  public let descriptor: Int32
  let runAreaSize: Int
  var slots: [KVMMemorySlot] = []
  var doorbells: [KVMDoorbell] = []

  /// A machine without memory or vCPUs. `kvm` is an open /dev/kvm, borrowed for this call. Throws `unavailable` for a kernel
  /// whose KVM speaks another interface or lacks one of `capabilities`.
  public init(calls: Calls, kvm: Int32, type: UInt = 0, capabilities: [Int]) throws(HypervisorError) {
    let version = try calls.request(kvm, .getAPIVersion)
    guard version == kvmInterfaceVersion else { throw .unavailable(.otherInterface(version)) }
    for capability in capabilities where calls.control(kvm, KVMRequest.checkExtension.number, UInt(capability)) <= 0 {
      throw .unavailable(.missingCapability(capability))
    }
    let size = try calls.request(kvm, .getVCPUMapSize)
    guard size >= KVMRunArea.minimumSize else { throw .unavailable(.otherInterface(version)) }
    self.calls = calls
    runAreaSize = size
    descriptor = try Self.createVM(calls, kvm, type)
  }

  /// The kernel gives up making a machine when a signal comes, whichever; a few cannot be more than bad luck.
  private static func createVM(_ calls: Calls, _ kvm: Int32, _ type: UInt) throws(HypervisorError) -> Int32 {
    for _ in 0..<100 {
      let result = calls.control(kvm, KVMRequest.createVM.number, type)
      if result != -Int(Errno.interrupted) { return Int32(truncatingIfNeeded: try calls.check(.createVM, result)) }
    }
    throw .system(SystemError(KVMRequest.createVM.name, Errno.interrupted))
  }

  deinit { calls.close(descriptor) }

  /// The value of a capability for this machine; 0: the kernel does not have it.
  public func capability(_ number: Int) -> Int {
    max(0, calls.control(descriptor, KVMRequest.checkExtension.number, UInt(number)))
  }

  /// A new vCPU; `id` is KVM's number for it.
  public func makeRunner(id: Int) throws(HypervisorError) -> KVMRunner<Calls> {
    let vcpu = Int32(truncatingIfNeeded: try calls.request(descriptor, .createVCPU, number: UInt(id)))
    guard let area = calls.map(vcpu, size: runAreaSize) else {
      calls.close(vcpu)
      throw .system(SystemError("mmap of a vCPU", Errno.noMemory))
    }
    return KVMRunner(machine: self, descriptor: vcpu, area: area)
  }
}
