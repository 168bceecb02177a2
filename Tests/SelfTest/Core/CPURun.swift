import CSystem
import Hypervisor
import SoftHypervisor
import System

/// A guest without an operating system on the software CPU: RAM at `base`, where it starts; a store to `end` ends it.
public enum CPURun {
  /// Guest physical address of RAM.
  public static let base: UInt64 = 0x400_0000
  /// Guest physical address that ends the guest.
  public static let end: UInt64 = 0x1fd0_0000

  /// Why a guest did not come to its end.
  public enum Failure: Error {
    case system(SystemError)
    case hypervisor(HypervisorError)
    /// It left the virtual CPU in some other way; where.
    case leftElsewhere(UInt64)

    /// What happened, without a full stop.
    public var sentence: String {
      switch self {
      case .system(let error): error.sentence
      case .hypervisor(let error): error.sentence
      case .leftElsewhere(let pc): "the guest left the CPU at \(hex(pc)) without having come to its end"
      }
    }
  }

  /// Runs the guest whose RAM is the memfd `descriptor`, of `size` bytes; what it leaves there is the result.
  public static func run(_ descriptor: borrowing FileDescriptor, size: Int) throws(Failure) {
    let memory: Mapping
    do throws(SystemError) { memory = try Mapping.guestRAM(descriptor, size: size) } catch { throw .system(error) }
    let vcpu: SoftVCPU
    do throws(HypervisorError) {
      let hypervisor = try SoftHypervisor(vcpus: 1)
      try hypervisor.addMemory(guestAddress: base, host: memory.base, size: UInt64(size))
      vcpu = try hypervisor.createVCPU(id: 0)
    } catch { throw .hypervisor(error) }
    vcpu.registers.pc = base
    guard case .mmioWrite(end, _, _) = vcpu.run() else { throw .leftElsewhere(vcpu.controlRegisters.era) }
  }
}
