// A small guest for the CPU and irqchip targets, by the `Hypervisor` contract alone.

import FuzzSupport
import Hypervisor
import SoftHypervisor
import Synchronization
import System

/// A machine with 1 MiB of RAM at 0, whose vCPUs are stopped by whatever they store or load at an address that nobody serves.
final class GuestMachine {
  static let ramSize = 1 << 20
  /// A guest address without a device: a load from it ends a run.
  static let exitAddress: UInt64 = 0x1fe0_07f0
  /// lu12i.w $t0, 0x1fe00; ld.w $t0, $t0, 0x7f0; b -8: leaves by a load, whatever the registers hold, and again.
  static let leave: [UInt32] = [
    0x1400_0000 | 0x1_fe00 << 5 | 12, 0x2880_0000 | 0x7f0 << 10 | 12 << 5 | 12, 0x53ff_fbff,
  ]

  private let ram: Mapping
  let hypervisor: SoftHypervisor
  let cpus: [SoftVCPU]

  /// Nil if the host has no room.
  init?(vcpus: Int) {
    guard let ram = try? Mapping.anonymous(size: Self.ramSize), let hypervisor = try? SoftHypervisor(vcpus: vcpus),
      (try? hypervisor.addMemory(guestAddress: 0, host: ram.base, size: UInt64(Self.ramSize))) != nil
    else { return nil }
    let cpus = (0..<vcpus).compactMap { try? hypervisor.createVCPU(id: $0) }
    guard cpus.count == vcpus else { return nil }
    self.ram = ram
    self.hypervisor = hypervisor
    self.cpus = cpus
  }

  /// Writes instructions to guest RAM; what does not fit is left out.
  func place(_ words: [UInt32], at address: Int) {
    for (index, word) in words.enumerated() where address + 4 * index + 4 <= Self.ramSize {
      ram.base.storeBytes(of: word.littleEndian, toByteOffset: address + 4 * index, as: UInt32.self)
    }
  }

  /// Runs a vCPU from `pc` until it has left `exits` times, fails, or has run for longer than any bounded input can.
  /// Loads that nobody serves are answered from `source`; after one from `exitAddress`, `goOn` says whether the run does, and may
  /// set registers. Returns what ended the run.
  func run(
    _ number: Int, exits: Int, _ source: inout ByteSource, goOn: (SoftVCPU) -> Bool = { _ in false }
  ) -> VCPUExit {
    let cpu = cpus[number]
    Watchdog.shared.watch(cpu)
    defer { Watchdog.shared.release(cpu) }
    var exit = VCPUExit.interrupted
    for _ in 0..<exits {
      exit = cpu.run()
      switch exit {
      case .mmioRead(let address, _):
        cpu.completeRead(source.integer(UInt64.self))
        if address == Self.exitAddress, !goOn(cpu) { return exit }
      case .iocsrRead: cpu.completeRead(source.integer(UInt64.self))
      case .mmioWrite, .iocsrWrite: break
      case .interrupted, .failed: return exit
      }
    }
    return exit
  }
}

/// Ends runs that would not end: endless loops and `idle` are what guests do, and no broken promise. The contract has no limit on
/// instructions, so this is time, and the only thing here that a repeated run may do differently.
private final class Watchdog: Sendable {
  static let shared = Watchdog()
  private static let limit: Int64 = 20_000_000

  /// Sendable because `kick`, the one thing done with it, may be called from any thread.
  private struct Watch: @unchecked Sendable {
    var cpu: SoftVCPU
    var end: Int64
  }

  /// Replayed inputs run side by side, each with a CPU of its own.
  private let watches = Mutex([Watch]())

  private init() {
    try? Thread.start { [self] in
      let never = UnsafeMutablePointer<Atomic<UInt32>>.allocate(capacity: 1)
      never.initialize(to: Atomic(0))
      while true {
        Futex.wait(never, expected: 0, nanoseconds: Self.limit / 4)
        let now = Clock.monotonic
        watches.withLock { for watch in $0 where now > watch.end { watch.cpu.kick() } }
      }
    }
  }

  func watch(_ cpu: SoftVCPU) {
    let watch = Watch(cpu: cpu, end: Clock.monotonic + Self.limit)
    watches.withLock { $0.append(watch) }
  }

  func release(_ cpu: SoftVCPU) { watches.withLock { $0.removeAll { $0.cpu === cpu } } }
}
