import CSystem
import Glibc
import KVMHypervisor

/// A model of the kernel's KVM on LoongArch that stands in for the system calls: it answers every request that a VMM makes as
/// the kernel answers it, its errors included, and runs short guests (direct addressing, the common integer instructions).
///
/// It parses requests by offset from reference A.1 and shares no structure with the product. What it does not know it answers
/// with -ENOTTY and keeps in `unknownRequests`; what would make the real kernel reach outside of its tables is in `hazards`.
/// Eventfds are real: any thread or process may signal them. They are looked at when a request comes, while a guest runs, and
/// by `takeSignals`. Unlike with the kernel, an eventfd stays bound when its last descriptor is closed.
///
/// Time is a count: one tick for each guest instruction, and what `advance` adds.
public final class KernelModel: KVMCalls, @unchecked Sendable {
  /// What it answers like.
  public let version: KernelVersion
  /// What it runs on.
  public let host: HostFeatures
  /// What this kernel does; changeable until the first request.
  public var behaviour: KernelBehaviour
  /// Capabilities whose value is another than the version's: of a kernel that was built without something.
  public var capabilities: [Int: Int] = [:]
  /// CPUCFG masks other than the host's: of a kernel or CPU that does not exist yet.
  public var forcedMasks: [Int: UInt64] = [:]
  /// What KVM_GET_API_VERSION answers.
  public var apiVersion = 12
  /// Guest instructions that a KVM_RUN may take before it returns as if a signal had come: no test hangs.
  public var instructionLimit = 10_000
  /// What an idle guest does when nothing can wake it: KVM_RUN returns -EINTR, as if a signal had come, or it waits for an
  /// eventfd of an irqfd or for `interrupt`.
  public var waitsWhenIdle = false

  /// A request as the model saw it.
  public struct Record: Sendable, Equatable, CustomStringConvertible {
    /// What it was a request of.
    public var target: Target
    /// Its number.
    public var request: UInt32
    /// Device attribute: group and attribute. One register: its id, in `second`. Else 0 and the argument, if a number.
    public var first: UInt64
    /// See `first`.
    public var second: UInt64
    /// What the model answered.
    public var result: Int
    /// For a failed expectation.
    public var description: String {
      "\(target) \(String(request, radix: 16)) \(String(first, radix: 16)) \(String(second, radix: 16)) = \(result)"
    }
  }
  /// What a descriptor is of.
  public enum Target: Sendable, Equatable {
    case system
    case machine
    case vcpu(Int)
    case device(UInt32)
    case nothing
  }

  enum Handle {
    case system
    case machine(ModelMachine)
    case vcpu(ModelVCPU)
    case device(UInt32, ModelMachine)

    var target: Target {
      switch self {
      case .system: .system
      case .machine: .machine
      case .vcpu(let vcpu): .vcpu(vcpu.id)
      case .device(let type, _): .device(type)
      }
    }
  }

  let lock = ModelLock()
  var handles: [Int32: Handle] = [:]
  var machines: [ModelMachine] = []
  var nextDescriptor: Int32 = 1_000_000
  var ticks: UInt64 = 1_000_000
  var log: [Record] = []
  var unknown: [UInt32] = []
  var hazards: [String] = []
  var oddInstructions: [UInt32] = []
  var threads: [UInt: Int32] = [:]
  /// The descriptor that stands for an open /dev/kvm.
  public let system: Int32

  /// A kernel that has just started.
  public init(version: KernelVersion = .v7_2, host: HostFeatures = .la464) {
    self.version = version
    self.host = host
    behaviour = KernelBehaviour(version)
    system = nextDescriptor
    handles[system] = .system
    nextDescriptor += 1
  }

  deinit { for machine in machines { machine.releaseAll() } }

  // MARK: KVMCalls

  /// ioctl(2).
  public func control(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Int {
    lock.locked {
      for machine in machines { machine.takeSignals() }
      guard let handle = handles[descriptor] else {
        note(.nothing, request, (0, 0), Failure.badDescriptor)
        return Failure.badDescriptor
      }
      let detail = detail(request, UInt64(argument))
      let result = answer(handle, request, UInt64(argument))
      note(handle.target, request, detail, result)
      return result
    }
  }

  /// A request as `requests` would have it, without carrying it out; its result is 0.
  public func describe(_ descriptor: Int32, _ request: UInt32, _ argument: UInt) -> Record {
    lock.locked {
      let detail = detail(request, UInt64(argument))
      let target = handles[descriptor]?.target ?? .nothing
      return Record(target: target, request: request, first: detail.0, second: detail.1, result: 0)
    }
  }

  private func answer(_ handle: Handle, _ request: UInt32, _ argument: UInt64) -> Int {
    let result: Int? =
      switch handle {
      case .system: systemRequest(request, argument)
      case .machine(let machine): machineRequest(machine, request, argument)
      case .vcpu(let vcpu): vcpuRequest(vcpu, request, argument)
      case .device(let type, let machine): deviceRequest(type, machine, request, argument)
      }
    if let result { return result }
    unknown.append(request)
    return Failure.notTTY
  }

  private func note(_ target: Target, _ request: UInt32, _ detail: (UInt64, UInt64), _ result: Int) {
    log.append(Record(target: target, request: request, first: detail.0, second: detail.1, result: result))
  }

  private func detail(_ request: UInt32, _ argument: UInt64) -> (UInt64, UInt64) {
    switch request {
    case Request.setAttribute, Request.getAttribute, Request.hasAttribute:
      (UInt64(User.read(argument, 4, as: UInt32.self) ?? 0), User.read(argument, 8) ?? 0)
    case Request.setOneRegister, Request.getOneRegister: (0, User.read(argument) ?? 0)
    case Request.createDevice:
      (UInt64(User.read(argument, 8, as: UInt32.self) ?? 0), UInt64(User.read(argument, as: UInt32.self) ?? 0))
    case Request.checkExtension, Request.createVCPU: (0, argument)
    default: (0, 0)
    }
  }

  /// kvm_run of a vCPU.
  public func map(_ descriptor: Int32, size: Int) -> UnsafeMutableRawPointer? {
    lock.locked {
      guard case .vcpu(let vcpu)? = handles[descriptor], size > 0, size <= vcpu.areaSize else { return nil }
      return vcpu.area
    }
  }

  /// Nothing: the memory is the vCPU's.
  public func unmap(_ base: UnsafeMutableRawPointer, size: Int) {}

  /// close(2); the irqfds of a machine end with its descriptor.
  public func close(_ descriptor: Int32) {
    lock.locked {
      guard let handle = handles.removeValue(forKey: descriptor) else {
        hazards.append("close of \(descriptor), which is not open")
        return
      }
      if case .machine(let machine) = handle { machine.releaseIRQFDs() }
    }
  }

  /// A number for the calling thread.
  public func prepareThread() -> Int32 {
    lock.locked {
      let key = UInt(pthread_self())
      if let known = threads[key] { return known }
      let number = Int32(threads.count + 1)
      threads[key] = number
      return number
    }
  }

  /// Ends a KVM_RUN that the thread is in; otherwise the signal's handler has run, and that is all.
  public func interrupt(thread: Int32) {
    lock.locked {
      for vcpu in allVCPUs where vcpu.isRunning && vcpu.thread == thread {
        vcpu.isInterrupted = true
        vcpu.wake.signal()
      }
    }
  }

  /// The host's.
  public var pageSize: Int { host.pageSize }

  /// The host's CPUCFG.
  public func hostConfiguration(_ word: UInt32) -> UInt32 {
    Int(word) < host.configuration.count ? host.configuration[Int(word)] : 0
  }

  // MARK: inside

  var allVCPUs: [ModelVCPU] { machines.flatMap { Array($0.vcpus.values) } }

  func isBound(_ identity: String) -> Bool {
    machines.contains { $0.irqfds.contains { $0.event.identity == identity } }
  }

  func open(_ handle: Handle) -> Int {
    let descriptor = nextDescriptor
    nextDescriptor += 1
    handles[descriptor] = handle
    return Int(descriptor)
  }
}

/// A lock that its holder may take again.
final class ModelLock {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() {
    var attributes = pthread_mutexattr_t()
    pthread_mutexattr_init(&attributes)
    pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
    pthread_mutex_init(mutex, &attributes)
    pthread_mutexattr_destroy(&attributes)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }

  func locked<T>(_ body: () -> T) -> T {
    lock()
    defer { unlock() }
    return body()
  }
}

/// An eventfd of the model's own, which ends an idle guest's wait.
final class WakeEvent {
  let descriptor = atoll_eventfd()
  deinit { _ = Glibc.close(descriptor) }

  func signal() { _ = atoll_eventfd_signal(descriptor) }
  func clear() { _ = atoll_eventfd_drain(descriptor) }
}
