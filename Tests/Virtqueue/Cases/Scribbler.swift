import Synchronization
import System

/// A thread that writes descriptors over and over, some of them possible.
final class Scribbler: Sendable {
  private let stopped = Atomic(false)
  private let ended = Atomic(false)

  /// Scribbles over `bytes` bytes of guest memory at `start`.
  init(_ start: UnsafeMutableRawPointer, bytes: Int) {
    nonisolated(unsafe) let base = start
    try? Thread.start { [self] in
      var random = Seeded(state: 1)
      while !stopped.load(ordering: .relaxed) {
        let at = (base + Int(random.next(below: UInt64(bytes / 8))) * 8).assumingMemoryBound(to: Atomic<UInt64>.self)
        at.pointee.store(Scribbler.word(&random), ordering: .relaxed)
      }
      ended.store(true, ordering: .releasing)
    }
  }

  /// Returns when the thread is about to end.
  func stop() {
    stopped.store(true, ordering: .relaxed)
    while !ended.load(ordering: .acquiring) { spinHint() }
  }

  /// An address near memory or the second half of a descriptor with small numbers.
  private static func word(_ random: inout Seeded) -> UInt64 {
    let bits = random.next()
    return bits & 1 == 0 ? 0x1_0000_0000 | bits >> 8 & 0x1f_ffff : bits & 0x8087_0007_0000_0fff
  }
}
