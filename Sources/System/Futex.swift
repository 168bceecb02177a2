import CSystem
import Synchronization

/// Waiting on a word of shared memory.
public enum Futex {
  /// Sleeps while the word still holds `expected`, at most `nanoseconds` (nil: no limit). May wake for no reason.
  @inlinable
  public static func wait(_ word: UnsafeMutablePointer<Atomic<UInt32>>, expected: UInt32, nanoseconds: Int64?) {
    _ = atoll_futex_wait(UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self), expected, Int(nanoseconds ?? -1))
  }

  /// Wakes at most `count` sleepers.
  @inlinable
  public static func wake(_ word: UnsafeMutablePointer<Atomic<UInt32>>, count: Int32 = 1) {
    _ = atoll_futex_wake(UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self), count)
  }
}

/// Tells the processor that this is a spin loop.
@inlinable
public func spinHint() { atoll_spin_hint() }
