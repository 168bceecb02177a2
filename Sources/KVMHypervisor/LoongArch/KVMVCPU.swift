import Hypervisor
import System

/// A vCPU that the host's CPU runs.
public final class KVMVCPU<Calls: KVMCalls>: VCPU, @unchecked Sendable {
  let runner: KVMRunner<Calls>
  let id: Int
  /// A register call of which the kernel did not know: `run` fails instead of running something else than was asked for.
  private var isBroken = false

  init(_ runner: KVMRunner<Calls>, id: Int) {
    self.runner = runner
    self.id = id
  }

  var calls: Calls { runner.machine.calls }
  var descriptor: Int32 { runner.descriptor }

  public func run() -> VCPUExit {
    guard !isBroken else { return .failed(.internalFault) }
    while true {
      switch runner.run() {
      case .mmioRead(let address, let size): return .mmioRead(address: address, size: size)
      case .mmioWrite(let address, let size, let value):
        // The kernel takes messages from a file descriptor only, not from a vCPU's store.
        guard address == InterruptControllers<Calls>.messageAddress else {
          return .mmioWrite(address: address, size: size, value: value)
        }
        signal(value)
      case .interrupted: return .interrupted
      case .other(kvmExitIOCSR): return iocsr
      case .other(let reason): return failed("KVM_EXIT \(reason), \(runner.suberror)")
      case .refused(let number): return failed("KVM_RUN: \(Errno.text(number))")
      }
    }
  }

  /// A message whose vector does not exist goes nowhere, as on the bus.
  private func signal(_ value: UInt64) {
    let vector = UInt32(truncatingIfNeeded: value)
    guard vector < InterruptControllers<Calls>.vectors else { return }
    do throws(HypervisorError) {
      try runner.machine.signal(address: InterruptControllers<Calls>.messageAddress, data: vector)
    } catch {
      Log.line("vCPU \(id): \(error.sentence)")
    }
  }

  private var iocsr: VCPUExit {
    let address = UInt32(truncatingIfNeeded: runner.address)
    return runner.isWrite
      ? .iocsrWrite(address: address, size: runner.size, value: runner.data)
      : .iocsrRead(address: address, size: runner.size)
  }

  /// Said once: the machine stops for it.
  private func failed(_ what: String) -> VCPUExit {
    Log.line("vCPU \(id) cannot go on: \(what)")
    return .failed(.internalFault)
  }

  public func completeRead(_ value: UInt64) { runner.completeRead(value) }
  public func kick() { runner.kick() }

  public var registers: VCPURegisters {
    get {
      var raw = KVMRegisters()
      isBroken = calls.attempt(descriptor, .getRegisters, &raw) < 0 || isBroken
      var result = VCPURegisters()
      result.pc = raw.pc
      for i in 1..<32 { result.gpr[i] = raw.gpr[i] }
      return result
    }
    set {
      var raw = KVMRegisters()
      raw.pc = newValue.pc
      for i in 1..<32 { raw.gpr[i] = newValue.gpr[i] }
      isBroken = calls.attempt(descriptor, .setRegisters, &raw) < 0 || isBroken
    }
  }

  public var controlRegisters: VCPUControlRegisters {
    var result = VCPUControlRegisters()
    result.crmd = csr(KVMCSR.crmd)
    result.prmd = csr(KVMCSR.prmd)
    result.estat = csr(KVMCSR.estat)
    result.era = csr(KVMCSR.era)
    result.badv = csr(KVMCSR.badv)
    result.eentry = csr(KVMCSR.eentry)
    return result
  }

  /// For a report: 0 if the kernel does not say.
  private func csr(_ number: UInt16) -> UInt64 {
    do throws(HypervisorError) { return try calls.register(descriptor, KVMRegisterID.csr(number)) } catch { return 0 }
  }

  /// Nothing: the guest's instructions and interrupts do not pass here.
  public var counters: VCPUCounters { VCPUCounters() }
}
