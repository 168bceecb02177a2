import System
import Testing
import VhostUser
import Virtqueue
import VirtqueueDriver

@testable import VhostDevice

/// A back-end that dies is a bench that is never turned again: what it had taken is neither pushed nor forgotten.
@Suite struct InflightTests {
  private static func log(_ memory: DriverMemory) -> SetInflight {
    SetInflight(VhostUser.InflightArea(size: UInt64(memory.size), offset: 0, queues: 2, ringSize: 64))
  }

  private static func bench(_ features: UInt64, _ memory: DriverMemory?, _ log: DriverMemory) throws -> Bench {
    let bench = try Bench(memory: memory)
    try bench.negotiate(features)
    try bench.shareMemory()
    try bench.send(InflightTests.log(log), [log.descriptor])
    return bench
  }

  @Test(arguments: [UInt64(0), Bench.packed])
  func `Requests of a dead back-end are done again, once, in their order, before new ones`(_ features: UInt64) throws {
    let log = try DriverMemory(size: 16 << 10)
    let first = try InflightTests.bench(features, nil, log)
    let ring = try TestRing(first.memory, packed: features != 0)
    try first.start(ring)
    for mark: UInt8 in 1...3 { try ring.request(mark) }
    first.settle()
    first.notes.holds = true
    for mark: UInt8 in 4...6 { try ring.request(mark) }
    first.settle()
    #expect(ring.answers() == [1, 2, 3])

    try ring.request(7)
    let second = try InflightTests.bench(features, first.memory, log)
    // The front-end knows no base: the log does.
    try second.start(ring)
    second.settle()
    #expect(second.notes.seen == [4, 5, 6, 7])
    #expect(ring.answers() == [4, 5, 6, 7])
    #expect(ring.call.drain() > 0)
  }

  @Test(arguments: [UInt64(0), Bench.packed])
  func `A front-end that hangs up loses nothing, and its successor goes on from the log`(_ features: UInt64) throws {
    let log = try DriverMemory(size: 16 << 10)
    let bench = try InflightTests.bench(features, nil, log)
    let ring = try TestRing(bench.memory, packed: features != 0)
    try bench.start(ring)
    bench.notes.holds = true
    for mark: UInt8 in 1...3 { try ring.request(mark) }
    bench.settle()
    bench.hangUp()
    #expect(ring.answers() == [1, 2, 3], "what was taken is finished")
    try ring.request(4)

    try bench.reconnect()
    bench.notes.holds = false
    try bench.negotiate(features)
    try bench.shareMemory()
    try bench.send(InflightTests.log(log), [log.descriptor])
    try bench.start(ring)
    bench.settle()
    #expect(bench.notes.seen == [1, 2, 3, 4])
    #expect(ring.answers() == [4])
  }

  @Test(arguments: [UInt64(0), Bench.packed])
  func `After a reset, and after a clean stop, the base counts again and not the log`(_ features: UInt64) throws {
    for reset in [true, false] {
      let log = try DriverMemory(size: 16 << 10)
      let bench = try InflightTests.bench(features, nil, log)
      let old = try TestRing(bench.memory, packed: features != 0)
      try bench.start(old)
      for mark: UInt8 in 1...5 { try old.request(mark) }
      bench.settle()
      if reset { try bench.send(ResetDevice()) } else { try bench.send(GetVringBase(index: 0)) }
      // The driver begins anew, with a ring in other memory.
      let new = try TestRing(bench.memory, packed: features != 0)
      try bench.start(new)
      try new.request(9)
      bench.settle()
      #expect(new.answers() == [9] && bench.fault == nil)
    }
  }

  @Test func `A log that the back-end makes can be handed to its successor`() throws {
    let first = try Bench()
    try first.negotiate()
    try first.shareMemory()
    try first.send(GetInflight(VhostUser.InflightArea(size: 0, offset: 0, queues: 1, ringSize: 64)))
    let received = InflightTests.Received(&first.frontEnd)
    let reply = try #require(received)
    let area = try #require(reply.area)
    let memory = try #require(reply.takeDescriptor())
    #expect(area.queues == 1 && area.ringSize == 64 && area.size > 0)
    let ring = try TestRing(first.memory)
    try first.start(ring)
    first.notes.holds = true
    try ring.request(1)
    first.settle()

    let second = try Bench(memory: first.memory)
    try second.negotiate()
    try second.shareMemory()
    try second.send(SetInflight(area), [memory])
    try second.start(ring)
    #expect(second.notes.seen == [1] && ring.answers() == [1])
    _ = FileDescriptor(owning: memory)
  }

  @Test(arguments: [UInt64(0), Bench.packed])
  func `A log full of nonsense is an error of the ring or an empty log`(_ features: UInt64) throws {
    for byte: UInt8 in [1, 0x7f, 0xff] {
      let log = try DriverMemory(size: 16 << 10)
      log.base.initializeMemory(as: UInt8.self, repeating: byte, count: log.size)
      let bench = try InflightTests.bench(features, nil, log)
      let ring = try TestRing(bench.memory, packed: features != 0)
      try? bench.start(ring)
      for mark: UInt8 in 1...5 { try ring.request(mark) }
      bench.settle()
      try HostileTests.expectNextIsServed(bench)
    }
  }

  /// A received message in a copyable box: the testing library takes no others.
  private final class Received {
    private var message: VhostIncoming
    init?(_ connection: inout VhostConnection) {
      guard let message = try? connection.receive() else { return nil }
      self.message = message
    }
    var area: VhostUser.InflightArea? { try? message.decode(InflightReply.self).area }
    func takeDescriptor() -> Int32? {
      guard let descriptor = message.take(0) else { return nil }
      return descriptor.release()
    }
  }
}
