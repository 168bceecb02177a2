import Synchronization
import System

// The console segment: two byte rings between a device process and the terminal. Positions are counts of bytes since
// power-on, u64, and never wrap; what they mean to a new incarnation of either end is in README.md.

/// The console segment's layout.
public enum ConsoleSegment {
  /// Bytes in flight in one direction; a power of two.
  public static let capacity = 64 << 10
  /// Bytes of the segment. A fresh one is all zero.
  public static let size = 2 * ByteRing.size

  /// From the guest to the terminal.
  static let outputOffset = 0
  /// From the terminal to the guest.
  static let inputOffset = ByteRing.size
}

/// One direction of a console segment.
enum ByteRing {
  static let producer = 0
  static let producerWaits = 8
  static let producerNote = 16
  static let consumer = 64
  static let consumerWaits = 72
  static let consumerNote = 80
  static let data = 128
  static let size = data + ConsoleSegment.capacity
}

/// What one end of a ring is about to do, for the next incarnation of itself; the other end does not look at it.
public struct RingNote: Sendable, Equatable {
  /// What the bytes belong to, by the choice of whoever leaves the note.
  public var key: UInt32
  /// A position in the ring.
  public var position: UInt64
  /// A number of bytes.
  public var count: UInt64

  /// A note.
  public init(key: UInt32, position: UInt64, count: UInt64) {
    (self.key, self.position, self.count) = (key, position, count)
  }
}

/// The words and bytes of one ring; the owner keeps the mapping alive.
private struct ByteRingView {
  let base: UnsafeMutableRawPointer

  func word64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  func flag(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
  /// Says that one end waits. The fence pairs with `takeFlag`: one side sees the other's store.
  func raise(_ offset: Int) {
    flag(offset).pointee.store(1, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }
  func takeFlag(_ offset: Int) -> Bool {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let flag = flag(offset)
    return flag.pointee.load(ordering: .relaxed) != 0 && flag.pointee.exchange(0, ordering: .relaxed) != 0
  }
  /// The first word is 0 while the others change.
  func leave(_ note: RingNote?, _ offset: Int) {
    word64(offset).pointee.store(0, ordering: .releasing)
    guard let note else { return }
    word64(offset + 8).pointee.store(note.position, ordering: .releasing)
    word64(offset + 16).pointee.store(note.count, ordering: .releasing)
    word64(offset).pointee.store(1 << 32 | UInt64(note.key), ordering: .releasing)
  }
  func note(_ offset: Int) -> RingNote? {
    let key = word64(offset).pointee.load(ordering: .acquiring)
    guard key >> 32 == 1 else { return nil }
    return RingNote(
      key: UInt32(truncatingIfNeeded: key), position: word64(offset + 8).pointee.load(ordering: .relaxed),
      count: word64(offset + 16).pointee.load(ordering: .relaxed))
  }
  /// Calls `body` with the one or two stretches that hold `count` bytes from `position`.
  func stretches(
    _ position: UInt64, _ count: Int, _ body: (_ start: UnsafeMutableRawPointer, _ from: Int, _ count: Int) -> Void
  ) {
    let start = Int(position & UInt64(ConsoleSegment.capacity - 1))
    let first = min(count, ConsoleSegment.capacity - start)
    if first > 0 { body(base + ByteRing.data + start, 0, first) }
    if count > first { body(base + ByteRing.data, first, count - first) }
  }
}

/// The writing end of a byte ring. The reader's position is hostile: an impossible one counts as no room.
public struct ByteRingWriter: ~Copyable {
  private let view: ByteRingView
  /// Bytes committed since power-on.
  public private(set) var position: UInt64

  fileprivate init(_ base: UnsafeMutableRawPointer, position: UInt64?) {
    view = ByteRingView(base: base)
    self.position = position ?? view.word64(ByteRing.producer).pointee.load(ordering: .acquiring)
  }

  /// Whether the reader's position can be true.
  public borrowing func isConsistent() -> Bool { used() <= UInt64(ConsoleSegment.capacity) }

  private borrowing func used() -> UInt64 {
    position &- view.word64(ByteRing.consumer).pointee.load(ordering: .acquiring)
  }

  /// Bytes that fit now.
  public borrowing func room() -> Int {
    let used = used()
    return used <= UInt64(ConsoleSegment.capacity) ? ConsoleSegment.capacity - Int(used) : 0
  }

  /// Puts bytes behind the position where no reader looks yet; at most `room()`.
  public borrowing func place(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    view.stretches(position, bytes.count) { to, from, count in to.copyMemory(from: source + from, byteCount: count) }
  }

  /// Lets the reader see `count` placed bytes.
  public mutating func commit(_ count: Int) {
    position &+= UInt64(count)
    store()
  }

  /// Leaves a note for the next incarnation of this end, or takes it away.
  public borrowing func leave(_ note: RingNote?) { view.leave(note, ByteRing.producerNote) }
  /// What an earlier incarnation left; hostile.
  public borrowing func note() -> RingNote? { view.note(ByteRing.producerNote) }

  /// Stores the position again, as a new incarnation must.
  public borrowing func store() { view.word64(ByteRing.producer).pointee.store(position, ordering: .releasing) }

  /// After `commit`: true if the reader waits and its eventfd must be signalled.
  public borrowing func readerWaits() -> Bool { view.takeFlag(ByteRing.consumerWaits) }
  /// Asks to be signalled when there is room; check `room()` once more afterwards.
  public borrowing func announceWait() { view.raise(ByteRing.producerWaits) }
  /// Takes the wish back.
  public borrowing func announceAwake() { view.flag(ByteRing.producerWaits).pointee.store(0, ordering: .relaxed) }
}

/// The reading end of a byte ring. The writer's position is hostile: an impossible one counts as no bytes.
public struct ByteRingReader: ~Copyable {
  private let view: ByteRingView
  /// Bytes taken since power-on.
  public private(set) var position: UInt64

  fileprivate init(_ base: UnsafeMutableRawPointer, position: UInt64?) {
    view = ByteRingView(base: base)
    self.position = position ?? view.word64(ByteRing.consumer).pointee.load(ordering: .acquiring)
  }

  private borrowing func waiting() -> UInt64 {
    view.word64(ByteRing.producer).pointee.load(ordering: .acquiring) &- position
  }

  /// Whether the writer's position can be true.
  public borrowing func isConsistent() -> Bool { waiting() <= UInt64(ConsoleSegment.capacity) }

  /// Bytes that can be read now.
  public borrowing func available() -> Int {
    let waiting = waiting()
    return waiting <= UInt64(ConsoleSegment.capacity) ? Int(waiting) : 0
  }

  /// Copies bytes from the position without taking them; returns how many.
  public borrowing func peek(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let target = buffer.baseAddress else { return 0 }
    let count = min(available(), buffer.count)
    view.stretches(position, count) { from, at, count in (target + at).copyMemory(from: from, byteCount: count) }
    return count
  }

  /// Takes `count` bytes that were read: their room is the writer's again.
  public mutating func advance(_ count: Int) {
    position &+= UInt64(count)
    store()
  }

  /// Leaves a note for the next incarnation of this end, or takes it away.
  public borrowing func leave(_ note: RingNote?) { view.leave(note, ByteRing.consumerNote) }
  /// What an earlier incarnation left; hostile.
  public borrowing func note() -> RingNote? { view.note(ByteRing.consumerNote) }

  /// Stores the position again, as a new incarnation must.
  public borrowing func store() { view.word64(ByteRing.consumer).pointee.store(position, ordering: .releasing) }

  /// After `advance`: true if the writer waits and its eventfd must be signalled.
  public borrowing func writerWaits() -> Bool { view.takeFlag(ByteRing.producerWaits) }
  /// Asks to be signalled when there are bytes; check `available()` once more afterwards.
  public borrowing func announceWait() { view.raise(ByteRing.consumerWaits) }
  /// Takes the wish back.
  public borrowing func announceAwake() { view.flag(ByteRing.consumerWaits).pointee.store(0, ordering: .relaxed) }
}

/// A console segment as the device sees it.
public struct ConsoleDeviceEnd: ~Copyable {
  let segment: Mapping
  /// Bytes from the guest.
  public var output: ByteRingWriter
  /// Bytes for the guest.
  public var input: ByteRingReader

  /// Takes over a mapped segment; the state page says how far each direction is.
  public init(segment: consuming Mapping, outCount: UInt64, inCount: UInt64) {
    output = ByteRingWriter(segment.base + ConsoleSegment.outputOffset, position: outCount)
    input = ByteRingReader(segment.base + ConsoleSegment.inputOffset, position: inCount)
    self.segment = segment
  }

  /// How far a device that starts cold goes on: from where the segment is.
  public static func coldStart(segment: borrowing Mapping) -> BackEndState {
    let output = ByteRingWriter(segment.base + ConsoleSegment.outputOffset, position: nil)
    let input = ByteRingReader(segment.base + ConsoleSegment.inputOffset, position: nil)
    var state = BackEndState()
    (state.outCount, state.inCount) = (output.position, input.position)
    return state
  }
}

/// A console segment as the terminal sees it.
public struct ConsoleTerminalEnd: ~Copyable {
  private let segment: Mapping
  /// Bytes from the guest.
  public var output: ByteRingReader
  /// Bytes for the guest.
  public var input: ByteRingWriter

  /// Maps a segment; throws if it can shrink or is too small.
  public init(_ descriptor: borrowing FileDescriptor) throws(SystemError) {
    try MemoryFile.requireSealed(descriptor, size: ConsoleSegment.size)
    let segment = try Mapping.shared(descriptor, size: ConsoleSegment.size)
    output = ByteRingReader(segment.base + ConsoleSegment.outputOffset, position: nil)
    input = ByteRingWriter(segment.base + ConsoleSegment.inputOffset, position: nil)
    self.segment = segment
  }
}
