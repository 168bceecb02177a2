import Hypervisor
import Synchronization
import System

/// The guest of `GuestProgram` on one vCPU of any hypervisor: answers it, and keeps what it did.
final class GuestRun<H: Hypervisor> where H.CPU: SendableMetatype {
  /// What the guest is answered.
  static var loadAnswer: UInt64 { 0x1234_5678 }
  static var ioAnswer: UInt64 { 0x1c }

  let hypervisor: H
  let cpu: H.CPU
  let memory: GuestMemory
  let interrupt: EventCounter
  let doorbell: EventCounter
  private let patience: Int64

  /// Exits that were expected, by what was accessed.
  private(set) var loads = 0
  private(set) var ioReads = 0
  /// What was not expected, in words; the last of it.
  private(set) var stray = "none"

  /// Binds the eventfds on a hypervisor whose one vCPU is `cpu`, and which has `memory` at 0.
  init(
    _ hypervisor: H, _ cpu: H.CPU, _ memory: GuestMemory, patience: Int64
  ) throws(HypervisorError) {
    self.hypervisor = hypervisor
    self.cpu = cpu
    self.memory = memory
    self.patience = patience
    do throws(SystemError) {
      interrupt = try EventCounter()
      doorbell = try EventCounter()
    } catch {
      throw .system(error)
    }
    try hypervisor.bindInterrupt(interrupt.descriptor.raw, pin: GuestProgram.pin)
    try hypervisor.bindDoorbell(
      doorbell.descriptor.raw, address: GuestProgram.doorbell, length: 4, match: nil)
  }

  /// Puts the program into memory and the vCPU at its beginning.
  func load() {
    for index in GuestProgram.main.indices {
      memory.store(GuestProgram.main[index], at: GuestProgram.entry + UInt64(index) * 4)
    }
    for index in GuestProgram.handler.indices {
      memory.store(GuestProgram.handler[index], at: GuestProgram.handlerEntry + UInt64(index) * 4)
    }
    var registers = VCPURegisters()
    registers.pc = GuestProgram.entry
    cpu.registers = registers
  }

  /// Runs until the handler has told of an interrupt: the vectors that it saw, or why there was none. `atIORead` is called
  /// when the guest has done all but wait.
  func runToReport(atIORead: () -> Void = {}) throws(HypervisorError) -> String {
    let watchdog = try makeWatchdog()
    defer { watchdog.end() }
    return run(watchdog, atIORead)
  }

  /// Signals the eventfd, runs until the handler has told of it, and so on: how often it was told of `vectors` before
  /// something else came, and the time that each took, in nanoseconds.
  func runToReports(_ count: Int, of vectors: String) throws(HypervisorError) -> [Int64] {
    let watchdog = try makeWatchdog()
    defer { watchdog.end() }
    var times: [Int64] = []
    times.reserveCapacity(count)
    while times.count < count {
      let begin = Clock.monotonic
      interrupt.signal()
      guard isSame(run(watchdog) {}, vectors) else { break }
      times.append(Clock.monotonic - begin)
    }
    return times
  }

  private func run(_ watchdog: Watchdog<H.CPU>, _ atIORead: () -> Void) -> String {
    while true {
      switch cpu.run() {
      case .mmioRead(GuestProgram.load, 4):
        loads += 1
        cpu.completeRead(Self.loadAnswer)
      case .iocsrRead(GuestProgram.ioRegister, 4):
        ioReads += 1
        cpu.completeRead(Self.ioAnswer)
        atIORead()
      case .mmioWrite(GuestProgram.interruptReport, 4, let vectors): return hex(vectors)
      case .interrupted:
        guard !watchdog.hasFired else { return "none in \(patience / 1_000_000) ms, PC \(programCounter)" }
      case .failed: return "the vCPU failed at PC \(programCounter)"
      case let exit: answer(exit)
      }
    }
  }

  private var programCounter: String { hex(cpu.registers.pc) }

  /// Answers what was not expected.
  private func answer(_ exit: VCPUExit) {
    switch exit {
    case .mmioRead(let address, let size):
      stray = "load of \(size) at \(hex(address))"
      cpu.completeRead(0)
    case .iocsrRead(let address, let size):
      stray = "iocsrrd of \(size) at \(hex(UInt64(address)))"
      cpu.completeRead(0)
    case .mmioWrite(let address, let size, _): stray = "store of \(size) at \(hex(address))"
    case .iocsrWrite(let address, let size, _): stray = "iocsrwr of \(size) at \(hex(UInt64(address)))"
    case .interrupted, .failed: break
    }
  }

  private func makeWatchdog() throws(HypervisorError) -> Watchdog<H.CPU> {
    do throws(SystemError) {
      let watchdog = try Watchdog(cpu)
      try watchdog.begin(patience)
      return watchdog
    } catch {
      throw .system(error)
    }
  }
}

/// Memory of a guest at guest physical address 0.
final class GuestMemory: @unchecked Sendable {
  private let mapping: Mapping
  /// Its first byte, on a boundary of its size: KVM wants one of a page.
  let base: UnsafeMutableRawPointer
  var size: UInt64 { UInt64(GuestProgram.memorySize) }

  init() throws(HypervisorError) {
    do throws(SystemError) {
      mapping = try Mapping.anonymous(size: 2 * GuestProgram.memorySize)
    } catch {
      throw .system(error)
    }
    base = mapping.base.alignedUp(toMultipleOf: GuestProgram.memorySize)
  }

  func store(_ word: UInt32, at address: UInt64) {
    base.storeBytes(of: word, toByteOffset: Int(address), as: UInt32.self)
  }

  func word(at address: UInt64) -> UInt32 { base.load(fromByteOffset: Int(address), as: UInt32.self) }
}

/// Kicks a vCPU whose guest takes too long, so that no check waits for ever.
private final class Watchdog<CPU: VCPU & SendableMetatype>: @unchecked Sendable {
  /// Nil once the thread is done with it: a vCPU is not to outlive its run.
  private var cpu: CPU?
  private let stop: EventCounter
  private let done: EventCounter
  private let fired = Atomic<Bool>(false)

  init(_ cpu: CPU) throws(SystemError) {
    self.cpu = cpu
    stop = try EventCounter()
    done = try EventCounter()
  }

  var hasFired: Bool { fired.load(ordering: .sequentiallyConsistent) }

  /// From now on, until `end`: `patience` in nanoseconds.
  func begin(_ patience: Int64) throws(SystemError) {
    try Thread.start {
      self.wait(patience)
      self.done.signal()
    }
  }

  func end() {
    stop.signal()
    // A kick's signal may end the wait before its time.
    while !Self.isReady(done, within: nil) {}
    cpu = nil
  }

  private func wait(_ patience: Int64) {
    guard !Self.isReady(stop, within: patience) else { return }
    fired.store(true, ordering: .sequentiallyConsistent)
    cpu?.kick()
  }

  /// Waits for a signal; false: none came in time, or nothing can be waited for.
  private static func isReady(_ event: borrowing EventCounter, within nanoseconds: Int64?) -> Bool {
    do throws(SystemError) {
      return try Poll.wait([(event.descriptor.raw, Poll.input)], nanoseconds: nanoseconds)[0] != 0
    } catch {
      return false
    }
  }
}
