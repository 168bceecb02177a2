import Hypervisor
import System

/// The `Hypervisor` contract in user space on any Linux host: LoongArch64 CPUs in software and an LS7A irqchip that
/// behaves as KVM's does.
public final class SoftHypervisor: Hypervisor {
  public typealias CPU = SoftVCPU

  /// vCPUs at most (EIOINTC and CPUID limits, reference A.1).
  public static let maximumVCPUs = 256

  let shared = SharedMachine()
  let chip: IRQChip
  let irqfds: IRQFDTable
  /// By id.
  private(set) var vcpus: [SoftVCPU?]

  /// A machine for `vcpus` vCPUs (1–256), which must then be created with ids 0 ..< `vcpus` in order.
  public init(vcpus: Int) throws(HypervisorError) {
    guard vcpus >= 1, vcpus <= Self.maximumVCPUs else { throw .badVCPU(vcpus) }
    for _ in 0..<vcpus { shared.add(VCPUWaker()) }
    self.vcpus = Array(repeating: nil, count: vcpus)
    chip = IRQChip()
    do throws(SystemError) {
      irqfds = try IRQFDTable(chip)
    } catch {
      throw .system(error)
    }
  }

  public func addMemory(
    guestAddress: UInt64, host: UnsafeMutableRawPointer, size: UInt64
  ) throws(HypervisorError) {
    try shared.memory.add(start: guestAddress, host: host, size: size, writable: true)
  }

  public func addReadOnlyMemory(
    guestAddress: UInt64, host: UnsafeRawPointer, size: UInt64
  ) throws(HypervisorError) {
    // Never stored through: `writable` is what every store asks for.
    try shared.memory.add(
      start: guestAddress, host: UnsafeMutableRawPointer(mutating: host), size: size, writable: false)
  }

  public func createVCPU(id: Int) throws(HypervisorError) -> SoftVCPU {
    guard id >= 0, id < shared.wakers.count, let lines = chip.attach(cpu: id, waker: shared.wakers[id]) else {
      throw .badVCPU(id)
    }
    let vcpu = SoftVCPU(
      id: id, memory: shared.memory, chip: chip, lines: lines, waker: shared.wakers[id], shared: shared)
    vcpus[id] = vcpu
    return vcpu
  }

  public func bindInterrupt(_ eventfd: Int32, pin: UInt32) throws(HypervisorError) {
    guard pin < 64 else { throw .badBinding(UInt64(pin)) }
    try irqfds.bind(eventfd, to: .pin(pin))
  }

  public func unbindInterrupt(_ eventfd: Int32, pin: UInt32) {
    irqfds.unbind(eventfd, from: .pin(pin))
  }

  public func bindMSI(_ eventfd: Int32, vector: UInt32) throws(HypervisorError) {
    guard vector < 256 else { throw .badBinding(UInt64(vector)) }
    try irqfds.bind(eventfd, to: .msi(vector))
  }

  public func unbindMSI(_ eventfd: Int32, vector: UInt32) {
    irqfds.unbind(eventfd, from: .msi(vector))
  }

  public func bindDoorbell(
    _ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?
  ) throws(HypervisorError) {
    try shared.doorbells.bind(eventfd, address: address, length: length, match: match)
  }

  public func unbindDoorbell(_ eventfd: Int32, address: UInt64) {
    shared.doorbells.unbind(eventfd, address: address)
  }

  public func setLine(pin: UInt32, level: Bool) {
    guard pin < 64 else { return }
    chip.setPin(Int(pin), level: level)
  }

  public func signalMSI(vector: UInt32) throws(HypervisorError) {
    guard vector < 256 else { throw .badBinding(UInt64(vector)) }
    chip.signalMSI(vector)
  }
}
