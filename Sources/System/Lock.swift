import Synchronization

/// A lock for sections of some nanoseconds: takes an uncontended word without a system call, spins briefly, then sleeps.
///
/// Runtime-free: no pthread, nothing allocated after `init`. Not recursive, and not fair.
public final class Lock: @unchecked Sendable {
  /// 0 free, 1 held, 2 held and somebody may sleep. Raw memory because a futex needs a stable address.
  @usableFromInline let word: UnsafeMutablePointer<Atomic<UInt32>>

  public init() {
    word = .allocate(capacity: 1)
    word.initialize(to: Atomic(0))
  }

  deinit {
    word.deinitialize(count: 1)
    word.deallocate()
  }

  /// Takes the lock, waiting as long as it takes.
  @inlinable
  public func lock() {
    if word.pointee.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
    wait()
  }

  /// Gives the lock up; only the thread that holds it may.
  @inlinable
  public func unlock() {
    if word.pointee.exchange(0, ordering: .releasing) == 2 { Futex.wake(word) }
  }

  /// Runs `body` with the lock held.
  @inlinable
  public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body()
  }

  /// The holder is about to let go, unless its thread was preempted: then spinning would only delay it.
  @usableFromInline
  func wait() {
    for _ in 0..<64 {
      if word.pointee.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
      spinHint()
    }
    while word.pointee.exchange(2, ordering: .acquiring) != 0 { Futex.wait(word, expected: 2, nanoseconds: nil) }
  }
}
