import Hypervisor
import System

/// The `Hypervisor` contract on mainline Linux's KVM of LoongArch, 6.13 or newer, with the interrupt controllers in the
/// kernel: neither a guest's access to them nor a device's interrupt passes through this process.
///
/// Not here: vendor kernels (reference F), split or user-space interrupt controllers, the message interrupts of 7.2
/// (DMSINTC), nested virtualization, binary translation.
public final class KVMHypervisor<Calls: KVMCalls>: Hypervisor, @unchecked Sendable {
  public typealias CPU = KVMVCPU<Calls>

  /// vCPUs at most (reference A.1).
  public static var maximumVCPUs: Int { 256 }

  private let machine: KVMMachine<Calls>
  private let count: Int
  private let wantsParavirtual: Bool
  private var cpus: [KVMVCPU<Calls>] = []
  private var controllers: InterruptControllers<Calls>?
  private var paravirtualFeatures: UInt32 = 0

  /// A machine for `vcpus` vCPUs (1–256). `kvm` is an open /dev/kvm, borrowed for this call. Throws `unavailable` with what the
  /// host lacks. `paravirtual`: whether the guest shall be offered what KVM can do for it beyond real hardware.
  public init(calls: Calls, kvm: Int32, vcpus: Int, paravirtual: Bool = true) throws(HypervisorError) {
    guard vcpus >= 1, vcpus <= Self.maximumVCPUs else { throw .badVCPU(vcpus) }
    // Guest memory comes in multiples of 16 KiB.
    guard 16384 % calls.pageSize == 0 else { throw .unavailable(.pageSize(calls.pageSize)) }
    machine = try KVMMachine(calls: calls, kvm: kvm, capabilities: [KVMCapability.immediateExit])
    count = vcpus
    wantsParavirtual = paravirtual
    try Self.requireInterrupts(machine)
  }

  /// Not by KVM_CREATE_IRQCHIP, nor by capability IRQCHIP: both answer where there are no interrupt controllers
  /// (reference A.0).
  private static func requireInterrupts(_ machine: KVMMachine<Calls>) throws(HypervisorError) {
    guard InterruptControllers.exist(in: machine) else {
      throw .unavailable(isVendorKVM(machine) ? .vendorKVM : .noInterruptControllers)
    }
    let needed: InlineArray<5, Int> = [
      KVMCapability.irqfd, KVMCapability.ioeventfd, KVMCapability.ioeventfdAnyLength, KVMCapability.signalMSI,
      KVMCapability.irqRouting,
    ]
    for index in needed.indices where machine.capability(needed[index]) <= 0 {
      throw .unavailable(.missingCapability(needed[index]))
    }
  }

  private static func isVendorKVM(_ machine: KVMMachine<Calls>) -> Bool {
    var words = InlineArray<64, UInt32>(repeating: 0)
    return machine.calls.attempt(machine.descriptor, .vendorGetCPUCFG, &words) >= 0
  }

  // MARK: memory and vCPUs

  public func addMemory(
    guestAddress: UInt64, host: UnsafeMutableRawPointer, size: UInt64
  ) throws(HypervisorError) {
    try Self.requireAddressable(guestAddress, size)
    try machine.addMemory(guestAddress: guestAddress, host: host, size: size)
  }

  public func addReadOnlyMemory(
    guestAddress: UInt64, host: UnsafeRawPointer, size: UInt64
  ) throws(HypervisorError) {
    try Self.requireAddressable(guestAddress, size)
    // The kernel reads it only.
    try machine.addMemory(
      guestAddress: guestAddress, host: UnsafeMutableRawPointer(mutating: host), size: size, readOnly: true)
  }

  /// A guest has 47 bits of physical address (reference A.6).
  private static func requireAddressable(_ guestAddress: UInt64, _ size: UInt64) throws(HypervisorError) {
    let end: UInt64 = 1 << 47
    guard guestAddress < end, size <= end - guestAddress else {
      throw .badMemorySlot(guestAddress: guestAddress, size: size)
    }
  }

  public func createVCPU(id: Int) throws(HypervisorError) -> KVMVCPU<Calls> {
    guard id == cpus.count, id < count else { throw .badVCPU(id) }
    let cpu = KVMVCPU(try machine.makeRunner(id: id), id: id)
    cpus.append(cpu)
    if cpus.count == count { try complete() }
    return cpu
  }

  /// All vCPUs exist: what must know how many.
  private func complete() throws(HypervisorError) {
    offerParavirtual()
    for cpu in cpus { try cpu.reset() }
    let made = try InterruptControllers(
      machine, vcpus: count,
      extension: isParavirtual ? InterruptControllers<Calls>.virtualExtension : 0)
    if made.isEarlyPIC {
      Log.line(
        "this kernel's PCH-PIC is that of Linux 6.13 to 6.16, of which newer guests find one pin only: serial, clock and power may stay without interrupts; use Linux 6.17 or newer"
      )
    }
    try made.reset()
    controllers = made
  }

  /// Whatever of it the kernel has; nothing if it has not got the word for the guest.
  private func offerParavirtual() {
    guard wantsParavirtual else {
      // Unless told so, the kernel offers all that it has.
      for cpu in cpus where !cpu.offer(paravirtual: 0) { return }
      return
    }
    var features = ParavirtualFeature.extendedIOI
    if machine.hasFeature(KVMMachineFeature.paravirtualIPI) { features |= ParavirtualFeature.ipi }
    if machine.hasFeature(KVMMachineFeature.paravirtualStealTime) { features |= ParavirtualFeature.stealTime }
    if machine.hasFeature(KVMMachineFeature.paravirtualPreemption) { features |= ParavirtualFeature.preemption }
    for cpu in cpus where !cpu.offer(paravirtual: features) { return }
    paravirtualFeatures = features
  }

  public var isParavirtual: Bool { paravirtualFeatures != 0 }

  // MARK: interrupts and doorbells

  public func bindInterrupt(_ eventfd: Int32, pin: UInt32) throws(HypervisorError) {
    guard pin < InterruptControllers<Calls>.pins else { throw .badBinding(UInt64(pin)) }
    try machine.bind(eventfd, gsi: pin)
  }

  public func unbindInterrupt(_ eventfd: Int32, pin: UInt32) { machine.unbind(eventfd, gsi: pin) }

  public func bindMSI(_ eventfd: Int32, vector: UInt32) throws(HypervisorError) {
    guard vector < InterruptControllers<Calls>.vectors else { throw .badBinding(UInt64(vector)) }
    try machine.bind(eventfd, gsi: InterruptControllers<Calls>.pins + vector)
  }

  public func unbindMSI(_ eventfd: Int32, vector: UInt32) {
    machine.unbind(eventfd, gsi: InterruptControllers<Calls>.pins &+ vector)
  }

  /// Not in the window of the interrupt controller, over which the kernel lets a doorbell win (reference A.7).
  public func bindDoorbell(
    _ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?
  ) throws(HypervisorError) {
    let offset = address &- InterruptControllers<Calls>.pchPICBase
    guard offset >= InterruptControllers<Calls>.pchPICSize, address != InterruptControllers<Calls>.messageAddress else {
      throw .badBinding(address)
    }
    try machine.bindDoorbell(eventfd, address: address, length: length, match: match)
  }

  public func unbindDoorbell(_ eventfd: Int32, address: UInt64) {
    machine.unbindDoorbell(eventfd, address: address)
  }

  public func setLine(pin: UInt32, level: Bool) {
    guard pin < InterruptControllers<Calls>.pins else { return }
    do throws(HypervisorError) { try machine.setLine(gsi: pin, level: level) } catch { Log.line(error.sentence) }
  }

  public func signalMSI(vector: UInt32) throws(HypervisorError) {
    guard vector < InterruptControllers<Calls>.vectors else { throw .badBinding(UInt64(vector)) }
    try machine.signal(address: InterruptControllers<Calls>.messageAddress, data: vector)
  }

  /// Begins or ends the recording of the guest's stores into the memory that was added at `guestAddress`.
  public func logDirtyPages(_ on: Bool, guestAddress: UInt64) throws(HypervisorError) {
    try machine.logDirtyPages(on, guestAddress: guestAddress)
  }

  /// The pages of the memory at `guestAddress` that the guest stored to since the last call: bit n of word n / 64 is page n,
  /// of the host's page size.
  public func takeDirtyPages(guestAddress: UInt64) throws(HypervisorError) -> [UInt64] {
    try machine.takeDirtyPages(guestAddress: guestAddress)
  }

  // MARK: state

  public func save() throws(HypervisorError) -> MachineState {
    guard let controllers, let first = cpus.first else { throw .badState }
    try first.requireWholeFloatRegisters()
    var state = MachineState()
    for cpu in cpus { state.vcpus.append(try cpu.save(paravirtual: paravirtualFeatures)) }
    state.interrupts = try controllers.save()
    state.counter = try machine.calls.register(first.descriptor, KVMRegisterID.counter)
    return state
  }

  public func restore(_ state: MachineState) throws(HypervisorError) {
    guard let controllers, let first = cpus.first, state.vcpus.count == cpus.count else { throw .badState }
    for (cpu, saved) in zip(cpus, state.vcpus) { try cpu.check(saved, paravirtual: paravirtualFeatures) }
    try controllers.check(state.interrupts)
    try first.requireWholeFloatRegisters()
    // Before the timers, which count by it.
    try machine.calls.setRegister(first.descriptor, KVMRegisterID.counter, state.counter)
    for (cpu, saved) in zip(cpus, state.vcpus) { try cpu.restore(saved) }
    try controllers.restore(state.interrupts)
  }
}

extension KVMMachine {
  /// Whether the kernel and the host's CPU have a feature of `KVMMachineFeature`.
  func hasFeature(_ feature: UInt64) -> Bool { calls.hasAttribute(descriptor, KVMMachineFeature.group, feature) }
}
