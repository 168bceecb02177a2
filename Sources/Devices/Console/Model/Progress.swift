/// What a console notes in memory that outlives it, so that a successor repeats and loses no byte.
///
/// A chain is known by the ring's used place (`DescriptorChain.usedPlace`), which every push moves: the console has one chain of
/// each ring at a time.
///
///     guest → terminal:  note(place, producer); place bytes and move the producer, in steps; push the chain
///     terminal → guest:  copy bytes; note(place, consumer, count); push the chain; move the consumer
public struct TransferNote: Sendable, Equatable {
  /// The used place when the chain was popped.
  public var place: UInt16
  /// Where the byte ring stood before the chain's first byte.
  public var position: UInt64
  /// Bytes that the chain got; only towards the guest.
  public var count: UInt64

  /// A note.
  public init(place: UInt16, position: UInt64, count: UInt64 = 0) {
    (self.place, self.position, self.count) = (place, position, count)
  }

  /// How many of the `bytes` readable bytes of the chain at `place` are in the byte ring already, whose producer is at
  /// `producer`. 0 if the note is of another chain, or cannot be true.
  public static func sent(_ note: TransferNote?, place: UInt16, producer: UInt64, bytes: Int) -> Int {
    guard let note, note.place == place else { return 0 }
    let sent = producer &- note.position
    return sent <= UInt64(bytes) ? Int(sent) : 0
  }

  /// How many bytes the guest got that the byte ring still offers, because the consumer, at `consumer`, was not moved: the
  /// ring's used place has left the chain's behind. 0 if it has not, or the note cannot be true.
  public static func delivered(_ note: TransferNote?, place: UInt16, consumer: UInt64, available: Int) -> Int {
    guard let note, note.place != place, note.position == consumer, note.count <= UInt64(available) else { return 0 }
    return Int(note.count)
  }
}
