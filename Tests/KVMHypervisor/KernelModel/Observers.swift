// What a test sees of the kernel's inside, and does to it.

extension KernelModel {
  /// Every request, in order.
  public var requests: [Record] { lock.locked { log } }
  /// Requests that this kernel does not have.
  public var unknownRequests: [UInt32] { lock.locked { unknown } }
  /// Places where the real kernel would reach outside of its tables, or was given what is not a guest's.
  public var kernelHazards: [String] { lock.locked { hazards } }
  /// Instructions that the model does not carry out; the guest got INE.
  public var unknownInstructions: [UInt32] { lock.locked { oddInstructions } }
  /// Descriptors that requests made and nobody has closed.
  public var openDescriptors: Int { lock.locked { handles.count - 1 } }
  /// The host's counter.
  public var hostTicks: UInt64 { lock.locked { ticks } }

  /// The host's counter goes on.
  public func advance(ticks count: UInt64) { lock.locked { ticks &+= count } }

  /// Takes what has been signalled on eventfds of irqfds, as the kernel does at once.
  public func takeSignals() { lock.locked { for machine in machines { machine.takeSignals() } } }

  /// Signals an eventfd and takes it.
  public func signal(eventfd: Int32) {
    if case .success(let event) = HeldEvent.hold(eventfd) {
      event.signal()
      event.release()
    }
    takeSignals()
  }

  /// ESTAT.IS of a vCPU, its interrupt lines, as its guest would read them at the next entry. `machine` counts the machines in the order of creation.
  public func lines(vcpu: Int, machine: Int = 0) -> UInt64 {
    read(vcpu, machine) { ($0.estat | $0.raising) & ~$0.lowering & 0x7fff } ?? 0
  }

  /// A control and status register as the kernel has it.
  public func csr(_ number: Int, vcpu: Int, machine: Int = 0) -> UInt64 { read(vcpu, machine) { $0.csr[number] } ?? 0 }
  /// CPUCFG words that the guest sees.
  public func configuration(vcpu: Int, machine: Int = 0) -> [UInt32] { read(vcpu, machine) { $0.configuration } ?? [] }
  /// General registers.
  public func registers(vcpu: Int, machine: Int = 0) -> [UInt64] { read(vcpu, machine) { $0.gpr } ?? [] }
  /// PC.
  public func programCounter(vcpu: Int, machine: Int = 0) -> UInt64 { read(vcpu, machine) { $0.pc } ?? 0 }
  /// Vector registers, four words each.
  public func vectors(vcpu: Int, machine: Int = 0) -> [UInt64] { read(vcpu, machine) { $0.fpr } ?? [] }
  /// The address of the steal-time record, with bit 0.
  public func stealTime(vcpu: Int, machine: Int = 0) -> UInt64 { read(vcpu, machine) { $0.stealTime } ?? 0 }
  /// STATUS and EN of the IPI registers, then the mailboxes.
  public func ipi(vcpu: Int, machine: Int = 0) -> [UInt64] {
    read(vcpu, machine) { [UInt64($0.ipi.status), UInt64($0.ipi.enable)] + $0.ipi.mailboxes } ?? []
  }
  /// Paravirtual features of a machine (CPUCFG 0x40000004).
  public func paravirtualFeatures(machine: Int = 0) -> UInt64 { of(machine) { $0.paravirtual } ?? 0 }
  /// The guest's counter.
  public func counter(machine: Int = 0) -> UInt64 { of(machine) { ticks &+ $0.timeOffset } ?? 0 }
  /// Memory slots: guest address, size, flags.
  public func memorySlots(machine: Int = 0) -> [(address: UInt64, size: UInt64, host: UInt64, flags: UInt32)] {
    of(machine) { machine in
      machine.slots.values.sorted { $0.guestAddress < $1.guestAddress }
        .map { ($0.guestAddress, $0.size, $0.host, $0.flags) }
    } ?? []
  }
  /// A thread is in KVM_RUN with it.
  public func isRunning(vcpu: Int, machine: Int = 0) -> Bool { read(vcpu, machine) { $0.isRunning } ?? false }
  /// Likewise, and its guest waits for an interrupt.
  public func isIdle(vcpu: Int, machine: Int = 0) -> Bool { read(vcpu, machine) { $0.isIdle } ?? false }
  /// KVM_IRQFD bindings.
  public func irqfdCount(machine: Int = 0) -> Int { of(machine) { $0.irqfds.count } ?? 0 }
  /// KVM_IOEVENTFD bindings.
  public func doorbellCount(machine: Int = 0) -> Int { of(machine) { $0.doorbells.count } ?? 0 }
  /// GSIs that lead to a pin, and to a message.
  public func routeCounts(machine: Int = 0) -> (pins: Int, messages: Int) {
    of(machine) { machine in
      let all = machine.routes.values.flatMap { $0 }
      let pins = all.filter { if case .pin = $0 { true } else { false } }.count
      return (pins, all.count - pins)
    } ?? (0, 0)
  }

  /// Registers of the LS7A.
  public struct PICRegisters: Equatable, Sendable {
    /// Where user space has put it.
    public var base: UInt64?
    public var mask, messageEnable, edge, request, inService, polarity: UInt64
    public var route, vector: [UInt8]
  }
  /// The LS7A, if there is one.
  public func pic(machine: Int = 0) -> PICRegisters? {
    of(machine) { machine in
      machine.pic.map {
        PICRegisters(
          base: $0.base, mask: $0.mask, messageEnable: $0.messageEnable, edge: $0.edge, request: $0.request,
          inService: $0.inService, polarity: $0.polarity, route: $0.route, vector: $0.vector)
      }
    } ?? nil
  }

  /// Registers of the EIOINTC; `target` is the vCPU that each vector goes to, as the kernel has worked it out.
  public struct EIOINTCRegisters: Equatable, Sendable {
    public var cpuCount, features, status: UInt32
    public var nodeType, enable, bounce, request, coreMap: [UInt64]
    /// A byte for each 32 vectors.
    public var ipMap: UInt64
    /// Of each vCPU.
    public var pending: [[UInt64]]
    /// A vCPU for each vector.
    public var target: [Int]
  }
  /// The EIOINTC, if there is one.
  public func eiointc(machine: Int = 0) -> EIOINTCRegisters? {
    of(machine) { machine in
      machine.eiointc.map {
        EIOINTCRegisters(
          cpuCount: $0.cpuCount, features: $0.features, status: $0.status, nodeType: $0.nodeType, enable: $0.enable,
          bounce: $0.bounce, request: $0.request, coreMap: $0.coreMap, ipMap: $0.ipMap, pending: $0.pending,
          target: $0.target)
      }
    } ?? nil
  }

  private func of<T>(_ machine: Int, _ body: (ModelMachine) -> T) -> T? {
    lock.locked { machines.indices.contains(machine) ? body(machines[machine]) : nil }
  }
  private func read<T>(_ vcpu: Int, _ machine: Int, _ body: (ModelVCPU) -> T) -> T? {
    lock.locked { machines.indices.contains(machine) ? machines[machine].vcpus[vcpu].map(body) : nil }
  }
}
