import Synchronization
import System

/// What the vCPUs of one machine share besides memory and the irqchip.
final class SharedMachine: @unchecked Sendable {
  /// Guest physical memory: the table lives as long as the last vCPU.
  let memory = GuestMemory()
  /// Host time of creation.
  private let startNanoseconds = Clock.monotonic
  /// What the stable counter read then. Changed by `restore` alone, while every vCPU stands still.
  var counterBase: UInt64 = 0
  /// Counts `ibar` on any vCPU; the others empty their jump caches when they see it change.
  let textEpoch = Atomic<UInt64>(0)
  /// Guest stores that signal an eventfd instead of leaving the vCPU.
  let doorbells = DoorbellTable()
  /// Written while the machine is set up, before any vCPU thread exists; read-only afterwards.
  private(set) var wakers: [VCPUWaker] = []

  deinit { memory.free() }

  /// Ticks of the stable counter (`CPUIdentity.counterFrequency`, 10 ns each) since creation.
  var ticks: UInt64 { UInt64(bitPattern: Clock.monotonic &- startNanoseconds) / 10 }

  /// Adds a vCPU's waker; only before the first `run`.
  func add(_ waker: VCPUWaker) { wakers.append(waker) }

  /// A vCPU executed `ibar`.
  func textChanged(by cpu: Int) {
    guard wakers.count > 1 else { return }
    textEpoch.wrappingAdd(1, ordering: .releasing)
    for (index, waker) in wakers.enumerated() where index != cpu { waker.poke() }
  }
}
