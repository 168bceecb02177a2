import Synchronization
import System

/// How other threads get a vCPU's attention: the irqchip after it raised a line, `kick`, a peer that changed page tables.
///
/// The vCPU looks at `attention` at each block head and takes it with `take()`; what there is to do stands elsewhere
/// (lines, kick flag). A poke that finds the vCPU running costs one atomic exchange, never a system call.
final class VCPUWaker: @unchecked Sendable {
  /// Not 0: look around. Raw memory, so that the hot loop can keep the address in a local.
  let attention: UnsafeMutablePointer<Atomic<UInt32>>
  /// 1 while the vCPU sleeps, or is about to.
  private let sleeping: UnsafeMutablePointer<Atomic<UInt32>>

  init() {
    attention = .allocate(capacity: 1)
    attention.initialize(to: Atomic(0))
    sleeping = .allocate(capacity: 1)
    sleeping.initialize(to: Atomic(0))
  }

  deinit {
    attention.deinitialize(count: 1)
    attention.deallocate()
    sleeping.deinitialize(count: 1)
    sleeping.deallocate()
  }

  /// Asks for attention; everything stored before is visible to the vCPU once it has taken it. From any thread.
  func poke() {
    // Who finds attention raised already leaves the waking to the one who raised it.
    guard attention.pointee.exchange(1, ordering: .sequentiallyConsistent) == 0 else { return }
    if sleeping.pointee.load(ordering: .sequentiallyConsistent) != 0 { Futex.wake(attention) }
  }

  /// Whether attention was asked for; forgets it. Only the vCPU's thread.
  func take() -> Bool {
    guard attention.pointee.load(ordering: .relaxed) != 0 else { return false }
    return attention.pointee.exchange(0, ordering: .acquiring) != 0
  }

  /// Sleeps until attention is asked for or `nanoseconds` (nil: no limit) have passed; may return early for no reason.
  /// Returns whether it was asked for, without taking it. Only the vCPU's thread.
  func waitForAttention(nanoseconds: Int64?) -> Bool {
    // Store, then look; `poke` does the same the other way round, so that one of the two sees the other.
    sleeping.pointee.store(1, ordering: .sequentiallyConsistent)
    if attention.pointee.load(ordering: .sequentiallyConsistent) == 0 {
      Futex.wait(attention, expected: 0, nanoseconds: nanoseconds.map { max(0, $0) })
    }
    sleeping.pointee.store(0, ordering: .relaxed)
    return attention.pointee.load(ordering: .acquiring) != 0
  }
}
