import Synchronization
import System

/// Lets the vCPU threads run, makes them stand still, and says when all of them do.
final class RunGate: Sendable {
  private static let open: UInt32 = 1
  /// One thread that stands.
  private static let one: UInt32 = 2
  /// Bit 0: open; above it the number of threads that stand. One word, so that no thread can leave after the gate was seen
  /// closed with all of them before it. A futex word in raw memory.
  nonisolated(unsafe) private let word: UnsafeMutablePointer<Atomic<UInt32>>
  private let arrival: EventCounter
  private let closedWithAll: UInt32

  /// A closed gate for `vcpus` threads; `arrival` is signalled by the last one that comes to stand before it.
  init(vcpus: Int, arrival: consuming EventCounter) {
    word = .allocate(capacity: 1)
    word.initialize(to: Atomic<UInt32>(0))
    closedWithAll = UInt32(truncatingIfNeeded: vcpus) &* Self.one
    self.arrival = arrival
  }

  deinit { word.deallocate() }

  /// True if every vCPU thread stands before the closed gate: their registers may be read by others until it opens.
  var allStanding: Bool { word.pointee.load(ordering: .acquiring) == closedWithAll }

  func openGate() {
    word.pointee.bitwiseOr(Self.open, ordering: .acquiringAndReleasing)
    Futex.wake(word, count: .max)
  }

  func closeGate() { word.pointee.bitwiseAnd(~Self.open, ordering: .acquiringAndReleasing) }

  /// Tells the control thread that there is something to look at.
  func callControl() { arrival.signal() }

  /// Called by a vCPU thread between two instructions: returns at once while the gate is open.
  @inline(__always)
  func pass() {
    if word.pointee.load(ordering: .acquiring) & Self.open == 0 { stand() }
  }

  /// Called by a vCPU thread that cannot go on: it stands for good.
  func standForever() {
    while true {
      closeGate()
      stand()
    }
  }

  private func stand() {
    let arrived = word.pointee.wrappingAdd(Self.one, ordering: .acquiringAndReleasing).newValue
    if arrived == closedWithAll { arrival.signal() }
    while true {
      let seen = word.pointee.load(ordering: .acquiring)
      if seen & Self.open == 0 {
        Futex.wait(word, expected: seen, nanoseconds: nil)
      } else if word.pointee.compareExchange(
        expected: seen, desired: seen &- Self.one, ordering: .acquiringAndReleasing
      ).exchanged {
        return
      }
    }
  }
}
