import System

// What the VMM needs to run a guest: memory slots, vCPUs whose `run` returns an exit, eventfds bound to interrupt pins,
// MSI vectors and doorbell addresses, state. Shaped like KVM because KVM is the main implementation.
// Nothing above this contract knows which implementation it runs on. Generic code uses it by constraint, never as an
// existential, so that calls are direct and Embedded Swift accepts it.

/// Why a hypervisor refused something; `sentence` says it in words.
public enum HypervisorError: Error, Sendable, Equatable {
  /// A memory slot overlaps another, is not page aligned or lies beyond the guest physical address space.
  case badMemorySlot(guestAddress: UInt64, size: UInt64)
  /// A vCPU number that is in use or beyond the limit.
  case badVCPU(Int)
  /// A pin, vector or doorbell that does not exist or is taken.
  case badBinding(UInt64)
  /// As many bindings as the hypervisor has room for exist already.
  case noRoom
  /// Saved state that no hypervisor can have written, or of a machine with other vCPUs.
  case badState
  /// Saved state of a machine whose CPUs have features that this host cannot give: bits of a CPUCFG word.
  case foreignState(word: Int, bits: UInt32)
  /// The host cannot run guests this way at all.
  case unavailable(HostShortcoming)
  /// The host refused.
  case system(SystemError)

  public var sentence: String {
    switch self {
    case .badMemorySlot(let address, let size):
      "guest memory of \(size) bytes cannot be placed at \(hex(address))"
    case .badVCPU(let number): "vCPU \(number) is out of range or exists already"
    case .badBinding(let what): "interrupt or doorbell \(hex(what)) does not exist or is already bound"
    case .noRoom: "there is no room for another interrupt or doorbell"
    case .badState: "the saved state is damaged or of another machine"
    case .foreignState(4...5, _):
      "the saved state is of a machine whose clock runs at another rate than this host's: restore it on a host like its own"
    case .foreignState(let word, let bits):
      "the saved state is of a machine with CPU features that this host cannot give (CPUCFG word \(word), bits \(hex(UInt64(bits)))): restore it on a host that has them"
    case .unavailable(let why): why.sentence
    case .system(let error): error.sentence
    }
  }

  /// The same without advice, for a machine that goes on with another hypervisor.
  public var reason: String {
    if case .unavailable(let why) = self { return why.reason }
    return sentence
  }
}

/// A number as people write addresses.
public func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// Why a vCPU cannot go on.
public enum VCPUFailure: UInt8, Sendable {
  /// The exception entry itself cannot be fetched: every further step would fault again.
  case exceptionEntryUnreachable = 1
  /// The hypervisor could not carry out an instruction that it should know.
  case internalFault = 2
}

/// What made `run` return.
public enum VCPUExit: Sendable {
  /// A load from `address` that no memory and no irqchip serves; answer with `completeRead`, then run again.
  case mmioRead(address: UInt64, size: UInt8)
  /// A store of the low `size` bytes of `value`; the store counts as done once `run` is called again.
  case mmioWrite(address: UInt64, size: UInt8, value: UInt64)
  /// iocsrrd of a register outside the irqchip (reference C.5); answer with `completeRead`.
  case iocsrRead(address: UInt32, size: UInt8)
  /// iocsrwr outside the irqchip.
  case iocsrWrite(address: UInt32, size: UInt8, value: UInt64)
  /// `kick` was called, or a signal came.
  case interrupted
  /// The vCPU cannot continue.
  case failed(VCPUFailure)
}

/// The registers a boot loader sets and a failure report shows.
public struct VCPURegisters: Sendable {
  public var pc: UInt64 = 0
  /// r0–r31; r0 is zero.
  public var gpr = InlineArray<32, UInt64>(repeating: 0)

  public init() {}
}

/// Control and status registers that a report shows.
public struct VCPUControlRegisters: Sendable {
  public var crmd: UInt64 = 0
  public var prmd: UInt64 = 0
  public var estat: UInt64 = 0
  public var era: UInt64 = 0
  public var badv: UInt64 = 0
  public var eentry: UInt64 = 0

  public init() {}
}

/// What a vCPU has done; for `atoll ps` and the bench.
public struct VCPUCounters: Sendable {
  /// Guest instructions retired (0 where the hypervisor cannot count them).
  public var instructions: UInt64 = 0
  /// Instructions that raised INE because nothing implements them.
  public var unimplemented: UInt64 = 0
  /// Interrupts taken.
  public var interrupts: UInt64 = 0
  /// Exceptions taken, interrupts not among them.
  public var exceptions: UInt64 = 0

  public init() {}
}

/// One virtual CPU. `run`, `completeRead` and the register calls belong to the thread that runs it;
/// `kick` may be called from any thread.
public protocol VCPU: AnyObject {
  /// Runs the guest until something needs the VMM.
  func run() -> VCPUExit
  /// Delivers the value of the load or iocsrrd that the last exit asked for; extended as the instruction says.
  func completeRead(_ value: UInt64)
  /// Makes `run` return `.interrupted` soon.
  func kick()
  /// The integer registers and PC.
  var registers: VCPURegisters { get set }
  /// For reports; read-only.
  var controlRegisters: VCPUControlRegisters { get }
  /// Counted since creation; readable from any thread, then approximate.
  var counters: VCPUCounters { get }
}

// `run` may have returned for an exit whose answer is still due: `completeRead` comes before `Hypervisor.save`.

/// A virtual machine: memory, vCPUs and the LS7A interrupt controllers.
public protocol Hypervisor: AnyObject {
  associatedtype CPU: VCPU

  /// True if the guest is to see that it runs on a hypervisor (IOCSR FEATURES, bit VM; reference C.5). Settled when the last
  /// vCPU has been created.
  var isParavirtual: Bool { get }

  /// Makes `size` bytes from `offset` of the already mapped guest RAM appear at a guest physical address.
  /// All three are multiples of 16 KiB. The mapping must outlive the hypervisor.
  func addMemory(guestAddress: UInt64, host: UnsafeMutableRawPointer, size: UInt64) throws(HypervisorError)
  /// The same for memory that the guest can read and execute but not write (ROM): a store there leaves `run` as
  /// `mmioWrite`, as with KVM_MEM_READONLY.
  func addReadOnlyMemory(guestAddress: UInt64, host: UnsafeRawPointer, size: UInt64) throws(HypervisorError)
  /// Creates vCPU `id` (its CPUID), reset as the architecture says. Ids come in ascending order from 0, as many as the
  /// hypervisor was made for; interrupts and doorbells are bound after the last.
  func createVCPU(id: Int) throws(HypervisorError) -> CPU
  /// Binds an eventfd to a PCH-PIC pin (0–63): each signal is `set(pin, 1)`. The descriptor is borrowed until `unbindPin`.
  func bindInterrupt(_ eventfd: Int32, pin: UInt32) throws(HypervisorError)
  /// Ends a binding of `bindInterrupt`.
  func unbindInterrupt(_ eventfd: Int32, pin: UInt32)
  /// Binds an eventfd to an MSI vector (EIOINTC vector 0–255).
  func bindMSI(_ eventfd: Int32, vector: UInt32) throws(HypervisorError)
  /// Ends a binding of `bindMSI`.
  func unbindMSI(_ eventfd: Int32, vector: UInt32)
  /// A guest store of `length` bytes (0: any length) to `address`, of `match` if given, signals the eventfd and does not exit.
  func bindDoorbell(_ eventfd: Int32, address: UInt64, length: UInt32, match: UInt64?) throws(HypervisorError)
  /// Ends a binding of `bindDoorbell`.
  func unbindDoorbell(_ eventfd: Int32, address: UInt64)
  /// Drives a level pin from the core itself (KVM_IRQ_LINE). Never for a pin bound by `bindInterrupt`.
  func setLine(pin: UInt32, level: Bool)
  /// Raises an MSI vector from the core itself (KVM_SIGNAL_MSI).
  func signalMSI(vector: UInt32) throws(HypervisorError)
  /// The state of all vCPUs and interrupt controllers. Every vCPU must stand still, and nothing may raise an interrupt
  /// meanwhile: one between the look at a vCPU's lines and that at the controllers would be in half of the state only.
  func save() throws(HypervisorError) -> MachineState
  /// Takes a saved state over. Every vCPU must exist and stand still. `badState` and `foreignState` are told before anything
  /// is changed; after another error the machine is of no use.
  func restore(_ state: MachineState) throws(HypervisorError)
}
