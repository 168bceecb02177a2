import CSystem
import DeviceBus
import Foundation
import System
import Testing
import VhostUser

/// `atoll-rng` as a process of its own, driven without a guest.
@Suite struct RNGProcessTests {
  private static func start(_ socket: Int32) throws -> Child {
    try Child("atoll-rng", ["--fd=3"], descriptors: [-1, -1, 2, socket])
  }

  @Test(arguments: [false, true])
  func `No request is lost or repeated however often the process is killed`(_ packed: Bool) throws {
    let frontEnd = try ProcessFrontEnd(packed: packed)
    for round in 0..<12 {
      let ends = try StreamSocket.pair()
      let child = try RNGProcessTests.start(ends.1)
      _ = FileDescriptor(owning: ends.1)
      try frontEnd.connect(ends.0)
      let target = frontEnd.answered + 500 + 37 * round
      while frontEnd.answered < target {
        frontEnd.fill()
        #expect(frontEnd.collect())
      }
      frontEnd.fill()
      child.kill(9)
      #expect(child.wait() == .signal(9))
    }
    let ends = try StreamSocket.pair()
    let child = try RNGProcessTests.start(ends.1)
    _ = FileDescriptor(owning: ends.1)
    try frontEnd.connect(ends.0)
    #expect(try frontEnd.drain())
    #expect(frontEnd.answered == frontEnd.requested && frontEnd.driver.outstanding == 0)
    let base = try #require(try frontEnd.stop())
    if !packed { #expect(base == UInt32(frontEnd.requested & 0xffff)) }
    _ = child
  }

  @Test func `A listening process serves one front-end after another, good or bad, and leaks nothing`() throws {
    let path = "\(NSTemporaryDirectory())atoll-rng-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(path) }
    let child = try Child("atoll-rng", ["--socket-path=\(path)"], descriptors: [-1, -1, -1])
    var counts: [Int] = []
    for round in 0..<6 {
      let frontEnd = try ProcessFrontEnd(packed: round % 2 == 0)
      try frontEnd.connect(try connect(path))
      frontEnd.fill(50)
      #expect(try frontEnd.drain())
      counts.append(child.descriptorCount)
      if round % 3 == 2 { try frontEnd.send(SetVringSize(index: 9, number: 9)) }
      let other = VhostConnection(owning: FileDescriptor(owning: try connect(path)))
      _ = consume other
    }
    #expect(Set(counts).count == 1, "\(counts)")
    child.kill(15)
    #expect(child.wait() == .signal(15))
    // The path that it left behind is taken over; one that is served is not.
    let second = try Child("atoll-rng", ["--socket-path", path], descriptors: [-1, -1, -1])
    let frontEnd = try ProcessFrontEnd(packed: false)
    try frontEnd.connect(try connect(path))
    let third = try Child("atoll-rng", ["--socket-path=\(path)"], descriptors: [-1, -1, -1])
    #expect(third.wait() == .status(65))
    _ = second
  }

  private func connect(_ path: String) throws -> Int32 {
    for _ in 0..<1000 {
      let result = path.withUTF8Z { atoll_unix_connect($0) }
      if result >= 0 { return result }
      // The process has not come to its listen yet, which only the path can tell.
      usleep(1000)
    }
    throw SystemError("connect", 111)
  }

  @Test func `A connected process ends when its front-end does: 0 after a hang-up, 1 after a fault`() throws {
    for isHostile in [false, true] {
      let ends = try StreamSocket.pair()
      let child = try Child("atoll-rng", ["--fd=3"], descriptors: [-1, -1, -1, ends.1])
      _ = FileDescriptor(owning: ends.1)
      let frontEnd = try ProcessFrontEnd(packed: false)
      try frontEnd.connect(ends.0)
      if isHostile {
        try frontEnd.send(SetVringSize(index: 9, number: 9))
      } else {
        frontEnd.disconnect()
      }
      #expect(child.wait() == .status(isHostile ? 1 : 0))
    }
  }

  @Test(arguments: [[], ["--fd=3", "--supervised"], ["--fd=x"], ["--fd=3", "--frobnicate"], ["--socket-path"]])
  func `A command line that cannot be obeyed ends with status 2`(_ arguments: [String]) throws {
    #expect(try Child("atoll-rng", arguments, descriptors: [-1, -1, -1]).wait() == .status(2))
  }

  // MARK: under the supervisor

  @Test func `A supervised process takes a new front-end when it is told to, and ends with its supervisor`() throws {
    let ends = try MessageSocket.pair()
    let child = try Child("atoll-rng", ["--supervised"], descriptors: [-1, -1, 2, ends.1])
    _ = FileDescriptor(owning: ends.1)
    let supervisor = TestSupervisor(owning: ends.0)
    let frontEnd = try ProcessFrontEnd(packed: true)
    for incarnation: UInt32 in 1...3 {
      let sockets = try StreamSocket.pair()
      try supervisor.channel.send(
        ConnectFrontEnd(function: 1, incarnation: incarnation), descriptors: [sockets.1])
      _ = FileDescriptor(owning: sockets.1)
      #expect(try supervisor.next() == .deviceReady)
      try frontEnd.connect(sockets.0)
      frontEnd.fill()
      #expect(try frontEnd.drain())
    }
    try supervisor.channel.send(QueryDeviceCounters())
    let counters = try #require(try supervisor.counters())
    #expect(counters.accesses == UInt64(frontEnd.requested))
    #expect(counters.bytesOut == UInt64(frontEnd.requested * ProcessFrontEnd.requestSize))
    supervisor.close()
    #expect(child.wait() == .status(0))
  }

  @Test func `A supervised process that is told nonsense says so and ends`() throws {
    let ends = try MessageSocket.pair()
    let child = try Child("atoll-rng", ["--supervised"], descriptors: [-1, -1, -1, ends.1])
    _ = FileDescriptor(owning: ends.1)
    let supervisor = TestSupervisor(owning: ends.0)
    try supervisor.channel.send(HostEventMessage(event: 1))
    #expect(try supervisor.next() == .deviceFailed)
    #expect(child.wait() == .status(66))
  }
}

/// The supervisor's end of a set-up socket.
final class TestSupervisor {
  private(set) var channel: Channel
  init(owning raw: Int32) { channel = Channel(owning: FileDescriptor(owning: raw)) }
  func next() throws -> Request? { try channel.receive()?.request }
  func counters() throws -> DeviceCounters? {
    guard let message = try channel.receive() else { return nil }
    return try message.decode(DeviceCounters.self)
  }
  func close() { channel = Channel(owning: FileDescriptor(owning: -1)) }
}
