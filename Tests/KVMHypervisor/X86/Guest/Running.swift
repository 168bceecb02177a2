import KVMHypervisor
import ProcessSupport
import Synchronization
import System

/// Why a guest came back.
public enum GuestEvent: Equatable, Sendable {
  case read(UInt64, size: UInt8)
  case write(UInt64, size: UInt8, UInt64)
  case interrupted
  case other(UInt32)
  case refused(Int32)
  /// It did not come back by itself in time.
  case stuck

  /// The same as the runner has it.
  public init(_ exit: KVMExit) {
    switch exit {
    case .mmioRead(let address, let size): self = .read(address, size: size)
    case .mmioWrite(let address, let size, let value): self = .write(address, size: size, value)
    case .interrupted: self = .interrupted
    case .other(let reason): self = .other(reason)
    case .refused(let number): self = .refused(number)
    }
  }
}

/// Fetches a vCPU back that runs too long, so that a test fails instead of standing still. It does so on its own, without
/// what is tested.
public final class Watchdog: Sendable {
  private let over: EventCounter
  private let hasBitten = Atomic<Bool>(false)

  /// Made by the thread that runs the vCPU: signals it from `seconds` on, again and again until `stop`.
  public init(seconds: Int64 = 10) throws {
    over = try EventCounter()
    let calls = KernelCalls()
    let thread = calls.prepareThread()
    try Thread.start { [self] in
      var patience = seconds * 1_000_000_000
      while true {
        let ready = try? Poll.wait([(over.descriptor.raw, Poll.input)], nanoseconds: patience)
        if (ready?.first ?? 1) != 0 { return }
        hasBitten.store(true, ordering: .sequentiallyConsistent)
        calls.interrupt(thread: thread)
        patience = 10_000_000
      }
    }
  }

  /// Whether it had to.
  public var bit: Bool { hasBitten.load(ordering: .sequentiallyConsistent) }
  /// The vCPU came back.
  public func stop() { over.signal() }
}

extension X86Machine {
  /// Runs the guest until it stores to `X86Machine.end`, or something unexpected comes; what it did before. `answer` gives
  /// the values of loads.
  public func runToEnd(
    seconds: Int64 = 10, answer: (UInt64, UInt8) -> UInt64 = { _, _ in 0 }
  ) throws -> [GuestEvent] {
    let watchdog = try Watchdog(seconds: seconds)
    defer { watchdog.stop() }
    var events: [GuestEvent] = []
    while events.count < 1000 {
      let event = GuestEvent(runner.run())
      switch event {
      case .write(UInt64(X86Machine.end), _, _): return events
      case .read(let address, let size): runner.completeRead(answer(address, size))
      case .write: break
      default: return events + [watchdog.bit ? .stuck : event]
      }
      events.append(event)
    }
    return events
  }
}
