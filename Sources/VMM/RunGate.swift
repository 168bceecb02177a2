import Synchronization
import System

/// Lets the vCPU threads run, makes them stand still, and says when all of them do.
final class RunGate: Sendable {
  private static let open: UInt32 = 1
  /// 0 closed, 1 open. A futex word in raw memory.
  nonisolated(unsafe) private let word: UnsafeMutablePointer<Atomic<UInt32>>
  private let standing = Atomic<Int>(0)
  private let arrival: EventCounter
  private let vcpus: Int

  /// A closed gate for `vcpus` threads; `arrival` is signalled by the last one that comes to stand before it.
  init(vcpus: Int, arrival: consuming EventCounter) {
    word = .allocate(capacity: 1)
    word.initialize(to: Atomic<UInt32>(0))
    self.vcpus = vcpus
    self.arrival = arrival
  }

  deinit { word.deallocate() }

  /// True if every vCPU thread stands before the gate: their registers may be read by others.
  var allStanding: Bool { standing.load(ordering: .acquiring) == vcpus }

  func openGate() {
    word.pointee.store(Self.open, ordering: .releasing)
    Futex.wake(word, count: .max)
  }

  func closeGate() { word.pointee.store(0, ordering: .releasing) }

  /// Called by a vCPU thread between two instructions: returns at once while the gate is open.
  @inline(__always)
  func pass() {
    if word.pointee.load(ordering: .acquiring) != Self.open { stand() }
  }

  /// Called by a vCPU thread that cannot go on: it stands for good.
  func standForever() {
    while true {
      closeGate()
      stand()
    }
  }

  private func stand() {
    if standing.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == vcpus { arrival.signal() }
    while word.pointee.load(ordering: .acquiring) != Self.open { Futex.wait(word, expected: 0, nanoseconds: nil) }
    standing.wrappingSubtract(1, ordering: .acquiringAndReleasing)
  }
}
