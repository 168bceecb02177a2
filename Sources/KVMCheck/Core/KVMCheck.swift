import Hypervisor
import KVMHypervisor
import System

/// Checks what the project takes for granted of a LoongArch host's KVM (reference A and B): asks the kernel, makes machines
/// without guest code, and runs a short guest. What it cannot do without it says, and leaves the host as it was.
public final class KVMCheck<Calls: KVMCalls> {
  let calls: Calls
  let kvm: Int32
  let release: KernelRelease
  /// How long a guest may take to what is expected of it.
  let patience: Int64
  /// What has been found.
  public let report = Report()

  /// `kvm` is an open /dev/kvm, borrowed; `patience` is in nanoseconds.
  public init(calls: Calls, kvm: Int32, release: KernelRelease, patience: Int64 = 5_000_000_000) {
    self.calls = calls
    self.kvm = kvm
    self.release = release
    self.patience = patience
  }

  /// All checks, into `report`. Returns why this host makes no machine at all, if it is so: then there is no verdict.
  public func run() -> HypervisorError? {
    checkHost()
    if let obstacle { return obstacle }
    checkMachine()
    attempt("Order of calls and reset values") { (raw) throws(HypervisorError) in try checkOrder(raw) }
    attempt("Interrupts by eventfd, without a guest") { (raw) throws(HypervisorError) in try checkInterrupts(raw) }
    attempt("Doorbells") { (raw) throws(HypervisorError) in try checkDoorbells(raw) }
    attempt("FP registers") { (raw) throws(HypervisorError) in try checkFloat(raw) }
    checkGuest()
    return nil
  }

  /// What the product itself would say of this host.
  private var obstacle: HypervisorError? {
    do throws(HypervisorError) {
      _ = try KVMHypervisor(calls: calls, kvm: kvm, vcpus: 1)
      return nil
    } catch {
      return error
    }
  }

  /// A part of the checks, on a new machine.
  private func attempt(_ section: String, _ body: (RawMachine<Calls>) throws(HypervisorError) -> Void) {
    report.begin(section)
    do throws(HypervisorError) {
      try body(try RawMachine(calls: calls, kvm: kvm))
    } catch {
      report.expect("all of this part", "done", seen: error.sentence)
    }
  }
}
