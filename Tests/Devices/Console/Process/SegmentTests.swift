import CSystem
import ConsoleModel
import StoreRecording
import System
import Testing
import VirtqueueDriver

@testable import DeviceBus
@testable import VhostDevice
@testable import Virtqueue
@testable import atoll_console

@Suite("Console on a segment")
struct SegmentTests {
  func text(_ count: Int, from first: UInt8 = 0) -> [UInt8] {
    (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0 * 7) }
  }

  @Test("bytes go both ways, in order", arguments: [false, true])
  func bothWays(packed: Bool) throws {
    let rig = try Rig(packed: packed)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    for round in 0..<20 {
      rig.offer()
      try rig.send(text(100, from: UInt8(round)))
      rig.type(text(30, from: UInt8(round)))
      device.serveAll(rings)
      rig.collect()
      rig.show()
    }
    #expect(rig.shown == (0..<20).flatMap { text(100, from: UInt8($0)) })
    #expect(rig.received == (0..<20).flatMap { text(30, from: UInt8($0)) })
  }

  @Test("a chain larger than the ring goes in pieces, and comes back when the last is taken")
  func large() throws {
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    let bytes = text(3 * ConsoleSegment.capacity + 5)
    try rig.send(bytes)
    var turns = 0
    while rig.transmit.outstanding > 0, turns < 100 {
      if turns == 0 { device.serve(1, rings) } else { device.ready(0, Ready.input, rings) }
      rig.show(atMost: 50_000)
      rig.collect()
      turns += 1
    }
    rig.show()
    #expect(rig.shown == bytes)
  }

  @Test("the terminal is woken by output if it waits, and announces room if the guest does")
  func wakes() throws {
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    rig.terminal.output.announceWait()
    try rig.send(text(10))
    device.serveAll(rings)
    #expect(atoll_eventfd_drain(rig.wake) > 0)
    let wants = rig.terminal.input.readerWaits()
    #expect(wants)
  }

  @Test("typed bytes stay where they are until there is a buffer")
  func noBuffer() throws {
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    rig.type(text(100))
    device.serve(0, rings)
    #expect(rings.outstanding(0) == 0)
    rig.offer()
    rig.offer()
    device.serve(0, rings)
    rig.collect()
    #expect(rig.received == text(100))
  }

  @Test("a ring that stops in the middle of a chain goes on there", arguments: [false, true])
  func stopped(packed: Bool) throws {
    let rig = try Rig(packed: packed)
    let bytes = text(2 * ConsoleSegment.capacity)
    try rig.send(bytes)
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    let first = try rig.rings()
    device.serve(1, first)
    device.stop(1, first)
    #expect(first.outstanding(1) == 0)
    _ = first.stop(1)
    rig.show()
    let second = try rig.rings()
    device.serve(1, second)
    rig.collect()
    rig.show()
    #expect(rig.shown == bytes)
    #expect(rig.transmit.outstanding == 0)
  }

  @Test("impossible positions of the terminal are no bytes and no room")
  func hostileTerminal() throws {
    let rig = try Rig(packed: false)
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    rig.offer()
    try rig.send(text(10))
    for offset in [64, 65664] { rig.segment.base.storeBytes(of: UInt64.max / 2, toByteOffset: offset, as: UInt64.self) }
    device.serveAll(rings)
    rig.collect()
    #expect(rig.received.isEmpty)
    #expect(rig.transmit.outstanding == 1)
  }
}

/// The process is looked at after each store to guest memory, log or segment. Whatever is there, had it died, its successor loses no
/// byte and repeats none.
@Suite("Console that dies after every store", .serialized, .enabled(if: StoreRecorder.isSupported))
struct ConsoleCrashTests {
  static let printed: [[UInt8]] = [Array("one, ".utf8), Array("two and three, ".utf8), Array("four".utf8)]
  static let typed = Array("what is typed meanwhile".utf8)

  /// The driver before the console starts; `room`: bytes that the terminal lets in at first.
  func prepare(packed: Bool, room: Int) throws -> Rig {
    let rig = try Rig(packed: packed)
    let fill = [UInt8](repeating: 0x2e, count: ConsoleSegment.capacity - room)
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    let rings = try rig.rings()
    try rig.send(fill)
    device.serve(1, rings)
    rig.collect()
    rig.offer()
    rig.type(ConsoleCrashTests.typed)
    for bytes in ConsoleCrashTests.printed[..<2] { try rig.send(bytes) }
    return rig
  }

  func ranges(_ rig: Rig, _ line: SegmentLine) throws -> [StoreRecorder.Range] {
    let ring = try #require(rig.guest.segment(guestAddress: rig.memory.guestAddress, count: rig.writtenBytes)).base
    let log = try #require(rig.area.region(0, packed: rig.packed))
    return [
      .init(ring, bytes: rig.writtenBytes), .init(log, bytes: rig.logSize),
      .init(line.segment.segment.base, bytes: ConsoleSegment.size),
    ]
  }

  @Test("no byte is lost or repeated", arguments: [false, true], [7, 100])
  func everyStep(packed: Bool, room: Int) throws {
    let rig = try prepare(packed: packed, room: room)
    let line = try rig.line()
    let states = try #require(
      try StoreRecorder.record(ranges(rig, line), capacity: 400) {
        var device = ConsoleDevice(ConsoleConfiguration(), line)
        device.serveAll(try rig.rings())
      })
    #expect(states.count > 20)
    for (step, state) in states.enumerated() {
      let problem = try verify(state, packed, room)
      #expect(problem == nil, "state \(step) of \(states.count)")
    }
  }

  private func verify(_ state: [UInt8], _ packed: Bool, _ room: Int) throws -> String? {
    let rig = try prepare(packed: packed, room: room)
    let line = try rig.line()
    StoreRecorder.restore(state, try ranges(rig, line))
    // What the driver and the terminal see while nobody serves.
    rig.collect()
    rig.show()
    let rings = try rig.rings()
    var device = ConsoleDevice(ConsoleConfiguration(), try rig.line())
    rig.offer()
    device.serveAll(rings)
    rig.collect()
    try rig.send(ConsoleCrashTests.printed[2])
    device.serveAll(rings)
    rig.show()
    device.ready(0, Ready.input, rings)
    rig.show()
    rig.collect()
    let shown = rig.shown.drop { $0 == 0x2e }
    guard Array(shown) == ConsoleCrashTests.printed.flatMap({ $0 }) else {
      return "shown: \(String(decoding: shown, as: UTF8.self))"
    }
    guard rig.received == ConsoleCrashTests.typed else {
      return "received: \(String(decoding: rig.received, as: UTF8.self))"
    }
    return nil
  }
}
