import VhostDevice
import Virtqueue

/// Where a console's bytes go and come from. None of the calls blocks; what cannot be done now is announced by `ready`.
protocol ConsoleLine: AnyObject {
  /// Rings are there: begins to watch descriptors. Called once.
  func begin(_ rings: Rings)
  /// A watched descriptor is ready.
  func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings)

  /// Whether there are bytes for the guest.
  func hasInput() -> Bool
  /// Puts bytes into the chain's writable part, from its start on; returns how many.
  func fill(_ chain: borrowing DescriptorChain) -> Int
  /// The chain with `count` of them is the guest's.
  func delivered(_ count: Int)

  /// Whether bytes of the guest would be taken.
  func hasRoom() -> Bool
  /// A new chain of the guest: how many of its bytes an earlier incarnation has taken already.
  func resume(_ chain: borrowing DescriptorChain) -> Int
  /// Takes at most `limit` bytes of the chain from `offset` on; returns how many, 0 if it must wait.
  func take(_ chain: borrowing DescriptorChain, from offset: Int, limit: Int) -> Int

  /// Lets the other side know of all that has been done.
  func flush()
  /// The guest begins anew: nothing of an earlier chain goes on.
  func forget()
}

/// What both kinds of line do with a chain's readable part.
enum ReadablePart {
  /// Gives `body` the stretches from `offset` on, at most `limit` bytes, until it takes less than it is given; returns the
  /// bytes that it took.
  static func forEach(
    _ chain: borrowing DescriptorChain, from offset: Int, limit: Int, _ body: (UnsafeRawBufferPointer) -> Int
  ) -> Int {
    var (skip, taken) = (offset, 0)
    for piece in chain.readable {
      if taken >= limit { break }
      if skip >= piece.count {
        skip -= piece.count
        continue
      }
      let count = min(piece.count - skip, limit - taken)
      let done = body(UnsafeRawBufferPointer(start: piece.base + skip, count: count))
      taken += done
      if done < count { break }
      skip = 0
    }
    return taken
  }
}
