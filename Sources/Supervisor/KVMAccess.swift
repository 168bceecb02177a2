import CSystem
import Control
import DeviceBus
import Hypervisor
import System

/// /dev/kvm as this host has it for a machine: open for the VMM, or why the machine does without. Settled once, so that a
/// guest's reset changes nothing.
final class KVMAccess {
  /// What the VMM is asked for.
  let demand: HypervisorDemand
  /// Why `auto` did not even try KVM; nil if it did, or if the description says what is wanted.
  let reason: String?
  private let file: FileDescriptor?

  /// Throws the sentence that says what is missing if only KVM will do.
  init(
    _ choice: HypervisorChoice, isLoongArch: Bool = atoll_host_is_loongarch() == 1, path: String = "/dev/kvm"
  ) throws(Ending) {
    guard choice != .soft else {
      (demand, reason) = (.soft, nil)
      file = nil
      return
    }
    do throws(HypervisorError) {
      file = try KVMAccess.open(path, isLoongArch: isLoongArch)
    } catch {
      guard choice == .auto else { throw Ending(.badInput, error.sentence) }
      (demand, reason) = (.soft, error.reason)
      file = nil
      return
    }
    (demand, reason) = (choice == .kvm ? .kvmRequired : .kvmPreferred, nil)
  }

  /// What `MachineSetup` carries behind its other descriptors.
  var descriptors: [Int32] {
    switch file {
    case .some(let file): return [file.raw]
    case .none: return []
    }
  }

  private static func open(_ path: String, isLoongArch: Bool) throws(HypervisorError) -> FileDescriptor {
    guard isLoongArch else { throw .unavailable(.otherArchitecture) }
    // 2: O_RDWR
    do throws(SystemError) { return try FileDescriptor.open(path, flags: 2) } catch {
      throw KVMAccess.meaning(error)
    }
  }

  /// What a failure to open /dev/kvm says of the host.
  static func meaning(_ error: SystemError) -> HypervisorError {
    switch error.number {
    // ENXIO, ENODEV: a file without a driver behind it.
    case Errno.noEntry, 6, 19: .unavailable(.noKVM)
    case Errno.perm, Errno.access: .unavailable(.notPermitted)
    default: .system(error)
    }
  }
}

/// What is said about the choice of the hypervisor, in one line.
enum HypervisorLine {
  /// The word of machine descriptions.
  static func word(_ kind: HypervisorKind) -> StaticString {
    switch kind {
    case .soft: HypervisorChoice.soft.word
    case .kvm: HypervisorChoice.kvm.word
    }
  }

  /// Which hypervisor a machine has, and, if the host decided, why. The VMM's words are printable already.
  static func text(_ ready: MachineReady, _ access: KVMAccess, asked: HypervisorChoice) -> String {
    let what = "the hypervisor is \(word(ready.hypervisor).text)"
    guard asked == .auto else { return "\(what), as asked for" }
    guard ready.hypervisor == .soft else { return "\(what), because this host has it" }
    let reason = access.reason ?? ready.reason
    return reason.utf8.isEmpty ? what : "\(what), because \(reason)"
  }
}
