import CSystem
import Glibc
import System
import Testing
import VhostUser
import Virtqueue
import VirtqueueDriver

@testable import VhostDevice

/// A back-end's event loop with a front-end at the other end of a real socket, both on the test's thread.
final class Bench {
  var loop: EventLoop<EchoDevice>
  let notes = EchoDevice.Notes()
  var frontEnd: VhostConnection
  let memory: DriverMemory
  /// Why the session ended, if it did.
  var fault: BackEndFault?
  private(set) var hasEnded = false

  static let protocolBit: UInt64 = 1 << 30
  static let version1: UInt64 = 1 << 32
  static let packed: UInt64 = 1 << 34

  init(queues: Int = 2, memory: DriverMemory? = nil) throws {
    let ends = try StreamSocket.pair()
    frontEnd = VhostConnection(owning: FileDescriptor(owning: ends.0))
    self.memory = try memory ?? DriverMemory(size: 1 << 20)
    loop = EventLoop(try DeviceHost(EchoDevice(notes, queues: queues), name: "echo", requiresSeals: true))
    loop.host.rings.state.pointee.log = LogLimit(burst: 0)
    loop.take(VhostConnection(owning: FileDescriptor(owning: ends.1)))
  }

  // MARK: talk

  /// Lets the back-end work until it has nothing to do.
  func settle() {
    while !hasEnded {
      do throws(BackEndFailure) {
        guard try loop.turn(wait: false) else { return }
      } catch {
        hasEnded = true
        if case .frontEnd(let why) = error { fault = why }
      }
    }
  }

  func send(_ message: VhostOutgoing) throws {
    try frontEnd.send(message)
    settle()
  }
  func send<M: FrontEndMessage>(_ message: M, _ descriptors: [Int32] = [], acknowledge: Bool = false) throws {
    try send(VhostOutgoing(message, descriptors: descriptors, acknowledge: acknowledge))
  }

  /// The next answer as `R`; nil if there is none.
  func answer<R: VhostPayload>(_ type: R.Type = NumberReply.self) throws -> R? {
    guard let message = try? frontEnd.receive() else { return nil }
    return try message.decode(type)
  }

  /// Sends a message that has a number for an answer.
  func ask<M: FrontEndMessage>(_ message: M, _ descriptors: [Int32] = []) throws -> UInt64? {
    try send(message, descriptors)
    return try answer()?.value
  }

  /// Sends a message with need_reply; what the acknowledgement says, nil if none came.
  func acknowledged<M: FrontEndMessage>(_ message: M, _ descriptors: [Int32] = []) throws -> UInt64? {
    try send(message, descriptors, acknowledge: true)
    return try answer()?.value
  }

  /// A new front-end on a new socket, after the earlier one was sent away.
  func reconnect() throws {
    let ends = try StreamSocket.pair()
    frontEnd = VhostConnection(owning: FileDescriptor(owning: ends.0))
    (fault, hasEnded) = (nil, false)
    loop.take(VhostConnection(owning: FileDescriptor(owning: ends.1)))
  }

  // MARK: set-up

  /// Negotiates `features` beside VERSION_1 and vhost-user's, all protocol features but those `without`.
  func negotiate(_ features: UInt64 = 0, without: ProtocolFeatures = []) throws {
    try send(SetOwner())
    let offered = try #require(try ask(GetProtocolFeatures()))
    let wanted = ProtocolFeatures(rawValue: offered).subtracting(without.union(.guestAddresses))
    try send(SetProtocolFeatures(wanted.rawValue))
    try send(SetFeatures(features | Bench.version1 | Bench.protocolBit))
  }

  func shareMemory() throws {
    let region = VhostUser.MemoryRegion(
      guestAddress: memory.guestAddress, size: UInt64(memory.size), userAddress: memory.guestAddress, fileOffset: 0)
    try send(SetMemoryTable([region]), [memory.descriptor])
  }

  /// Everything up to the running ring.
  func start(_ ring: borrowing TestRing, _ index: UInt32 = 0, base: UInt32? = nil) throws {
    try send(SetVringSize(index: index, number: UInt32(ring.driver.size)))
    try send(
      SetVringAddress(
        index: index, descriptors: ring.driver.descriptorAddress, used: ring.driver.deviceAddress,
        available: ring.driver.driverAddress))
    try send(SetVringBase(index: index, number: base ?? ring.driver.firstBase))
    try send(SetVringCall(index: index, hasDescriptor: true), [ring.call.descriptor.raw])
    try send(SetVringError(index: index, hasDescriptor: true), [ring.error.descriptor.raw])
    try send(SetVringKick(index: index, hasDescriptor: true), [ring.kick.descriptor.raw])
    try send(SetVringEnable(index: index, number: 1))
  }

  /// A bench with one running ring.
  static func running(_ features: UInt64 = 0, queues: Int = 2) throws -> (Bench, TestRing) {
    let bench = try Bench(queues: queues)
    let ring = try TestRing(bench.memory, packed: features & packed != 0)
    try bench.negotiate(features)
    try bench.shareMemory()
    try bench.start(ring)
    return (bench, ring)
  }
}

/// A ring's driver, its eventfds, and requests of 16 bytes out and 16 in.
final class TestRing {
  let driver: RingDriver
  let kick: EventCounter
  let call: EventCounter
  let error: EventCounter
  private let memory: DriverMemory
  private var buffers: [UInt16: Int] = [:]

  init(_ memory: DriverMemory, packed: Bool = false, size: UInt16 = 64) throws {
    self.memory = memory
    driver = try #require(RingDriver(size: size, packed: packed, in: memory))
    kick = try EventCounter()
    call = try EventCounter()
    error = try EventCounter()
  }

  /// Offers a request whose bytes are all `mark`, and kicks if that is wanted.
  func request(_ mark: UInt8) throws {
    let place = try #require(memory.allocate(32))
    (memory.base + place).initializeMemory(as: UInt8.self, repeating: mark, count: 16)
    let id = try #require(
      driver.add([
        DriverBuffer(address: memory.address(place), length: 16, isWritable: false),
        DriverBuffer(address: memory.address(place + 16), length: 16, isWritable: true),
      ]))
    buffers[id] = place
    if driver.shouldKick() { kick.signal() }
  }

  /// The marks of what was given back since the last call, in order; 0 for one that was not answered rightly.
  func answers() -> [UInt8] {
    var marks: [UInt8] = []
    while let used = driver.collect() {
      guard let place = buffers.removeValue(forKey: used.id), used.written == 16 else {
        marks.append(0)
        continue
      }
      let bytes = UnsafeRawBufferPointer(start: memory.base + place, count: 32)
      marks.append(bytes[0] == bytes[16] && bytes[0] == bytes[31] ? bytes[0] : 0)
    }
    return marks
  }
}

/// Two connected stream sockets; each can be closed.
final class TestSockets {
  var mine: FileDescriptor
  let theirs: FileDescriptor
  init() throws {
    let ends = try StreamSocket.pair()
    mine = FileDescriptor(owning: ends.0)
    theirs = FileDescriptor(owning: ends.1)
  }
  func closeMine() { mine = FileDescriptor(owning: -1) }
}

/// A pipe whose ends close with it.
struct TestPipe: ~Copyable {
  let reading: FileDescriptor
  let writing: FileDescriptor
  init() throws {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) { atoll_pipe($0) }
    }
    _ = try SystemError.check("pipe", result)
    reading = FileDescriptor(owning: ends.0)
    writing = FileDescriptor(owning: ends.1)
  }
}
