import Hypervisor
import Synchronization
import System

/// Why a vCPU of KVM's came back, on any architecture.
public enum KVMExit: Sendable {
  /// A load from where no memory and no device of the kernel is; answer with `completeRead`.
  case mmioRead(address: UInt64, size: UInt8)
  case mmioWrite(address: UInt64, size: UInt8, value: UInt64)
  /// `kick`, or a signal.
  case interrupted
  /// An exit that only one architecture has: its KVM_EXIT number.
  case other(UInt32)
  /// KVM_RUN, or what makes its thread ready for `kick`, failed with this errno.
  case refused(Int32)
}

/// A vCPU of KVM's. `run` and all else belong to the thread that runs it, or to any other while it stands still;
/// `kick` may be called by any thread at any time.
public final class KVMRunner<Calls: KVMCalls>: @unchecked Sendable {
  /// The machine, which lives as long as its vCPUs.
  public let machine: KVMMachine<Calls>
  /// For the requests of one architecture.
  public let descriptor: Int32
  private let area: UnsafeMutableRawPointer
  private let immediateExit: UnsafeMutablePointer<Atomic<UInt8>>
  /// The thread that runs it; 0 before it has begun.
  private let thread: UnsafeMutablePointer<Atomic<Int32>>

  init(machine: KVMMachine<Calls>, descriptor: Int32, area: UnsafeMutableRawPointer) {
    self.machine = machine
    self.descriptor = descriptor
    self.area = area
    immediateExit = (area + KVMRunArea.immediateExit).assumingMemoryBound(to: Atomic<UInt8>.self)
    thread = .allocate(capacity: 1)
    thread.initialize(to: Atomic<Int32>(0))
  }

  deinit {
    machine.calls.unmap(area, size: machine.runAreaSize)
    machine.calls.close(descriptor)
    thread.deallocate()
  }

  /// Runs the guest until something needs us. Finishes the access of the last exit first.
  public func run() -> KVMExit {
    if thread.pointee.load(ordering: .relaxed) == 0 {
      let number = machine.calls.prepareThread()
      // Nobody could call a guest back from this thread.
      guard number > 0 else { return .refused(0 &- number) }
      // The signal of a kick that came before goes nowhere; its mark in `immediateExit` stays.
      thread.pointee.store(number, ordering: .sequentiallyConsistent)
    }
    let result = machine.calls.control(descriptor, KVMRequest.run.number, 0)
    guard result >= 0 else {
      // EAGAIN: a vCPU that could not start just now.
      guard result == -Int(Errno.interrupted) || result == -Int(Errno.again) else {
        return .refused(Int32(truncatingIfNeeded: 0 - result))
      }
      // Not a plain store, which a load after this call could overtake: whoever comes back sees what a thread has stored
      // before the kick that is taken here, or that kick's mark stays.
      _ = immediateExit.pointee.exchange(0, ordering: .sequentiallyConsistent)
      return .interrupted
    }
    return exit
  }

  private var exit: KVMExit {
    switch word(KVMRunArea.exitReason) {
    case KVMExitReason.mmio:
      isWrite ? .mmioWrite(address: address, size: size, value: data) : .mmioRead(address: address, size: size)
    case KVMExitReason.interrupted: .interrupted
    case let reason: .other(reason)
    }
  }

  /// The value that the load of the last exit gets.
  @inline(__always)
  public func completeRead(_ value: UInt64) {
    area.storeBytes(of: value, toByteOffset: KVMRunArea.data, as: UInt64.self)
  }

  /// Makes `run` return soon, or at once when it is called next.
  public func kick() {
    immediateExit.pointee.store(1, ordering: .sequentiallyConsistent)
    let number = thread.pointee.load(ordering: .sequentiallyConsistent)
    if number > 0 { machine.calls.interrupt(thread: number) }
  }

  /// Carries out what the last exit left, without running the guest: its registers are whole afterwards.
  /// The next `run` returns `interrupted`: the mark stays, because a kick that came meanwhile has the same one.
  public func finishAccess() {
    immediateExit.pointee.store(1, ordering: .sequentiallyConsistent)
    _ = machine.calls.control(descriptor, KVMRequest.run.number, 0)
    // Without a guest run the kernel leaves the reason as it is, and would carry an iocsrrd out again at the next call.
    area.storeBytes(of: 0, toByteOffset: KVMRunArea.exitReason, as: UInt32.self)
  }

  /// The suberror of an internal error, for the log.
  public var suberror: UInt32 { word(KVMRunArea.suberror) }

  // The access of the last exit. The kernel wrote it, which is trusted; the guest chose it.
  var address: UInt64 { area.load(fromByteOffset: KVMRunArea.address, as: UInt64.self) }
  var size: UInt8 { UInt8(truncatingIfNeeded: min(word(KVMRunArea.length), 8)) }
  var isWrite: Bool { area.load(fromByteOffset: KVMRunArea.isWrite, as: UInt8.self) != 0 }
  /// The low `size` bytes of what was stored.
  var data: UInt64 {
    let bytes = area.load(fromByteOffset: KVMRunArea.data, as: UInt64.self)
    return size >= 8 ? bytes : bytes & (1 << (UInt64(size) * 8) - 1)
  }

  private func word(_ offset: Int) -> UInt32 { area.load(fromByteOffset: offset, as: UInt32.self) }
}
