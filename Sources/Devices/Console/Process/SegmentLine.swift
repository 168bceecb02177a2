import CSystem
import ConsoleModel
import DeviceBus
import System
import VhostDevice
import Virtqueue

/// The terminal behind a console segment (Protocols/DeviceBus/README.md, section 4): this is the device's end, and survives
/// `kill -9` at any point without a byte lost or repeated (section 5, by notes instead of a state page).
final class SegmentLine: ConsoleLine {
  private(set) var segment: ConsoleDeviceEnd
  private let wake: EventCounter
  private let kick: EventCounter
  /// The consumer's position is known to agree with what the guest has.
  private var isSettled = false
  private var hasReported = false
  private var rings: Rings?

  /// Takes over descriptors of the segment, console-wake and console-kick. Throws if the segment can shrink or is too small.
  init(segment: Int32, wake: Int32, kick: Int32) throws(SystemError) {
    let file = FileDescriptor(owning: segment)
    self.wake = EventCounter(owning: FileDescriptor(owning: wake))
    self.kick = EventCounter(owning: FileDescriptor(owning: kick))
    try MemoryFile.requireSealed(file, size: ConsoleSegment.size)
    let mapping = try Mapping.shared(file, size: ConsoleSegment.size)
    let state = ConsoleDeviceEnd.coldStart(segment: mapping)
    self.segment = ConsoleDeviceEnd(segment: mapping, outCount: state.outCount, inCount: state.inCount)
  }

  func begin(_ rings: Rings) {
    self.rings = rings
    // Edge-triggered and never read, as the rings' kicks are.
    _ = rings.watch(kick.descriptor.raw, 0, Ready.input | Ready.edge)
    // An earlier incarnation may have died between moving a position and saying so.
    wake.signal()
  }

  func ready(_ token: UInt32, _ events: UInt32, _ rings: Rings) {}

  // MARK: terminal → guest

  func hasInput() -> Bool {
    if segment.input.available() > 0 { return true }
    segment.input.announceWait()
    checkTerminal()
    return segment.input.available() > 0
  }

  func fill(_ chain: borrowing DescriptorChain) -> Int {
    settle(chain.usedPlace)
    // The first segment is enough: Linux' receive buffers have one, and what does not fit comes with the next chain.
    guard let first = chain.writable.first else { return 0 }
    let count = segment.input.peek(into: UnsafeMutableRawBufferPointer(start: first.base, count: first.count))
    let note = RingNote(
      key: UInt32(chain.usedPlace), position: segment.input.position, count: UInt64(count))
    if count > 0 { segment.input.leave(note) }
    return count
  }

  func delivered(_ count: Int) { if count > 0 { segment.input.advance(count) } }

  /// Finishes what an earlier incarnation left undone: bytes that the guest has and the ring still offers.
  private func settle(_ place: UInt16) {
    guard !isSettled else { return }
    isSettled = true
    let count = TransferNote.delivered(
      TransferNote(segment.input.note()), place: place, consumer: segment.input.position,
      available: segment.input.available())
    if count > 0 { segment.input.advance(count) }
  }

  // MARK: guest → terminal

  func hasRoom() -> Bool {
    if segment.output.room() > 0 { return true }
    segment.output.announceWait()
    checkTerminal()
    return segment.output.room() > 0
  }

  func resume(_ chain: borrowing DescriptorChain) -> Int {
    let position = segment.output.position
    let sent = TransferNote.sent(
      TransferNote(segment.output.note()), place: chain.usedPlace, producer: position, bytes: chain.readableBytes)
    if sent == 0 {
      segment.output.leave(RingNote(key: UInt32(chain.usedPlace), position: position, count: 0))
    }
    return sent
  }

  func take(_ chain: borrowing DescriptorChain, from offset: Int, limit: Int) -> Int {
    guard hasRoom() else { return 0 }
    return ReadablePart.forEach(chain, from: offset, limit: limit) { bytes in
      let count = min(bytes.count, segment.output.room())
      segment.output.place(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      segment.output.commit(count)
      return count
    }
  }

  // MARK: both

  func flush() {
    let (reader, writer) = (segment.output.readerWaits(), segment.input.writerWaits())
    if reader || writer { wake.signal() }
  }

  func forget() {
    segment.output.leave(nil)
    segment.input.leave(nil)
  }

  /// The terminal is another process; a position that cannot be true counts as no bytes and no room.
  private func checkTerminal() {
    guard !hasReported, !segment.output.isConsistent() || !segment.input.isConsistent() else { return }
    hasReported = true
    rings?.report("the terminal wrote an impossible position into the console segment")
  }
}

extension TransferNote {
  init?(_ note: RingNote?) {
    guard let note else { return nil }
    self.init(place: UInt16(truncatingIfNeeded: note.key), position: note.position, count: note.count)
  }
}
