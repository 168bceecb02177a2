import System
import Testing
import VhostUser
import VirtqueueDriver

@testable import VhostDevice

@Suite struct SessionTests {
  @Test(arguments: [UInt64(0), Bench.packed, 1 << 29, Bench.packed | 1 << 29])
  func `Requests on a ring are answered in order and signalled`(_ features: UInt64) throws {
    let (bench, ring) = try Bench.running(features)
    for mark: UInt8 in 1...10 { try ring.request(mark) }
    bench.settle()
    #expect(ring.answers() == Array(1...10))
    #expect(ring.call.drain() > 0)
    #expect(bench.notes.started == [features | Bench.version1])
    #expect(bench.loop.host.rings.counters.requests == 10)
  }

  @Test func `What is in a ring before it starts is served without a kick`() throws {
    let bench = try Bench()
    let ring = try TestRing(bench.memory)
    try ring.request(7)
    _ = ring.kick.drain()
    try bench.negotiate()
    try bench.shareMemory()
    try bench.start(ring)
    bench.settle()
    #expect(ring.answers() == [7])
  }

  @Test func `A ring without kick descriptor is polled`() throws {
    let (bench, ring) = try Bench.running()
    try bench.send(SetVringKick(index: 0, hasDescriptor: false))
    #expect(bench.loop.host.rings.isPolled)
    try ring.request(3)
    bench.settle()
    #expect(ring.answers() == [3])
  }

  @Test func `A disabled ring is left alone until it is enabled`() throws {
    let (bench, ring) = try Bench.running()
    try bench.send(SetVringEnable(index: 0, number: 0))
    try ring.request(1)
    bench.settle()
    #expect(ring.answers() == [])
    try bench.send(SetVringEnable(index: 0, number: 1))
    #expect(ring.answers() == [1])
  }

  @Test func `Features without bit 30 enable every ring`() throws {
    let bench = try Bench()
    let ring = try TestRing(bench.memory)
    try bench.send(SetFeatures(Bench.version1))
    try bench.shareMemory()
    try bench.send(SetVringSize(index: 1, number: 64))
    try bench.send(
      SetVringAddress(
        index: 1, descriptors: ring.driver.descriptorAddress, used: ring.driver.deviceAddress,
        available: ring.driver.driverAddress))
    try bench.send(SetVringKick(index: 1, hasDescriptor: true), [ring.kick.descriptor.raw])
    try ring.request(9)
    bench.settle()
    #expect(ring.answers() == [9])
  }

  @Test(arguments: [UInt64(0), Bench.packed])
  func `A stopped ring finishes its requests, says where it goes on, and goes on there`(_ features: UInt64) throws {
    let (bench, ring) = try Bench.running(features)
    bench.notes.holds = true
    for mark: UInt8 in 1...3 { try ring.request(mark) }
    bench.settle()
    #expect(ring.answers() == [])
    try bench.send(GetVringBase(index: 0))
    let base = try #require(try bench.answer(VringBaseReply.self))
    #expect(ring.answers() == [1, 2, 3])
    #expect(features != 0 || base.number == 3)
    try ring.request(4)
    bench.settle()
    #expect(ring.answers() == [], "nothing is written while all rings are stopped")
    bench.notes.holds = false
    try bench.start(ring, base: base.number)
    #expect(ring.answers() == [4])
    #expect(bench.notes.started.count == 2)
  }

  @Test func `Reset stops and disables all rings and resets the device`() throws {
    let (bench, ring) = try Bench.running()
    #expect(try bench.acknowledged(ResetDevice()) == 0)
    #expect(bench.notes.resets == 1 && bench.notes.stopped == [0])
    try ring.request(1)
    bench.settle()
    #expect(ring.answers() == [])
    #expect(!bench.loop.host.rings.isAnyStarted)
  }

  @Test func `Status is kept, and 0 resets`() throws {
    let (bench, _) = try Bench.running()
    try bench.send(SetStatus(15))
    #expect(try bench.ask(GetStatus()) == 15)
    try bench.send(SetStatus(0))
    #expect(try bench.ask(GetStatus()) == 0)
    #expect(bench.notes.resets == 1)
  }

  @Test func `A driver that breaks a ring gets DEVICE_NEEDS_RESET, a signal and nothing more`() throws {
    let (bench, ring) = try Bench.running()
    _ = ring.driver.add([DriverBuffer(address: 0x10, length: 16, isWritable: false)])
    ring.kick.signal()
    bench.settle()
    #expect(ring.error.drain() == 1)
    #expect(try bench.ask(GetStatus()) == 0x40)
    try ring.request(1)
    bench.settle()
    #expect(ring.answers() == [])
    #expect(bench.loop.host.rings.counters.brokenRings == 1)
    #expect(try bench.acknowledged(ResetDevice()) == 0)
    #expect(try bench.ask(GetStatus()) == 0)
  }

  // MARK: configuration space

  @Test(arguments: [
    (0, 8, [UInt8](arrayLiteral: 1, 2, 3, 4, 5, 6, 7, 8)), (6, 4, [7, 8, 0, 0]), (100, 2, [0, 0]), (255, 1, [0]),
  ])
  func `Configuration space is answered with as many bytes as asked for`(_ c: (UInt32, UInt32, [UInt8])) throws {
    let bench = try Bench()
    try bench.negotiate()
    try bench.send(GetConfig(offset: c.0, size: c.1))
    let reply = try #require(try bench.answer(ConfigReply.self))
    #expect(reply.bytes == c.2 && reply.offset == c.0 && reply.size == c.1)
  }

  @Test func `Writable fields are written, read-only ones refused unless it is migration`() throws {
    let bench = try Bench()
    try bench.negotiate()
    #expect(try bench.acknowledged(SetConfig(offset: 0, bytes: [9])) == 0)
    #expect(bench.notes.config[0] == 9)
    #expect(try bench.acknowledged(SetConfig(offset: 4, bytes: [9])) == 1)
    #expect(try bench.acknowledged(SetConfig(offset: 4, size: 1, flags: 1, bytes: [9])) == 0)
    #expect(bench.notes.config[4] == 5)
    try bench.send(SetConfig(offset: 4, bytes: [9]))
    #expect(bench.fault?.sentence == "the driver wrote a read-only field of configuration space")
  }

  @Test func `A change of configuration space is told on the back-end's channel while a ring runs`() throws {
    let (bench, _) = try Bench.running()
    let ends = try StreamSocket.pair()
    var channel = VhostConnection(owning: FileDescriptor(owning: ends.0))
    let other = FileDescriptor(owning: ends.1)
    try bench.send(SetBackEndChannel(), [other.raw])
    bench.loop.host.rings.configChanged()
    bench.settle()
    #expect(request(from: &channel) == .configChanged)
    try bench.send(GetVringBase(index: 0))
    bench.loop.host.rings.configChanged()
    bench.settle()
    #expect(request(from: &channel) == nil, "a suspended device sends nothing")
  }

  private func request(from channel: inout VhostConnection) -> BackEndRequest? {
    guard let message = try? channel.receive() else { return nil }
    return BackEndRequest(rawValue: message.request)
  }

  // MARK: state

  @Test func `State is saved through the pipe and checked`() throws {
    let bench = try Bench()
    try bench.negotiate()
    let pipe = try TestPipe()
    #expect(try bench.ask(SetDeviceState(.save), [pipe.writing.raw]) == 0x100)
    #expect(try bench.ask(CheckDeviceState()) == 0)
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = try buffer.withUnsafeMutableBytes { try pipe.reading.read(into: $0) }
    #expect(Array(buffer[..<count]) == Array("state".utf8))
  }

  @Test func `The check of a loaded state is answered when the pipe has ended`() throws {
    let bench = try Bench()
    try bench.negotiate()
    let sockets = try TestSockets()
    #expect(try bench.ask(SetDeviceState(.load), [sockets.theirs.raw]) == 0x100)
    #expect(try bench.ask(CheckDeviceState()) == nil)
    _ = try [UInt8](repeating: 5, count: 24).withUnsafeBytes { try sockets.mine.write($0) }
    bench.settle()
    #expect(try bench.answer() == nil)
    sockets.closeMine()
    bench.settle()
    #expect(try bench.answer()?.value == 0)
    #expect(bench.notes.state.count == 24)
    #expect(try bench.ask(GetFeatures()) != nil)
  }

  @Test func `A state that the device refuses, or that is too long, fails the check`() throws {
    for size in [200, 2 << 20] {
      let bench = try Bench()
      try bench.negotiate()
      let sockets = try TestSockets()
      #expect(try bench.ask(SetDeviceState(.load), [sockets.theirs.raw]) == 0x100)
      var left = size
      let bytes = [UInt8](repeating: 0, count: size)
      while left > 0 {
        let put = bytes.withUnsafeBytes { try? sockets.mine.write(UnsafeRawBufferPointer(rebasing: $0[..<left])) }
        bench.settle()
        guard let put else { break }
        left -= put
      }
      sockets.closeMine()
      bench.settle()
      #expect(try bench.ask(CheckDeviceState()) == 1)
    }
  }

  @Test func `State is not moved while a ring runs`() throws {
    let (bench, _) = try Bench.running()
    let pipe = try TestPipe()
    #expect(try bench.ask(SetDeviceState(.save), [pipe.writing.raw]) == 0x101)
    #expect(try bench.ask(CheckDeviceState()) == 1)
  }
}
