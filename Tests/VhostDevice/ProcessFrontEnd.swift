import CSystem
import System
import Testing
import VhostUser
import VirtqueueDriver

/// A front-end of a back-end in another process: memory, one ring of requests for random bytes, and a log that outlives
/// back-ends.
final class ProcessFrontEnd {
  let memory: DriverMemory
  let log: DriverMemory
  let driver: RingDriver
  let kick: EventCounter
  let call: EventCounter
  private let isPacked: Bool
  private var connection = VhostConnection(owning: FileDescriptor(owning: -1))
  private var buffers: [UInt16: Int] = [:]
  private var freePlaces: [Int] = []
  private(set) var requested = 0
  private(set) var answered = 0

  /// Bytes of each request.
  static let requestSize = 32
  private static let untouched: UInt8 = 0xee

  init(packed: Bool) throws {
    isPacked = packed
    memory = try DriverMemory(size: 1 << 20)
    log = try DriverMemory(size: 64 << 10)
    driver = try #require(RingDriver(size: 128, packed: packed, in: memory))
    kick = try EventCounter()
    call = try EventCounter()
    for _ in 0..<128 { freePlaces.append(try #require(memory.allocate(ProcessFrontEnd.requestSize))) }
  }

  // MARK: talk

  /// Takes over a connected socket and does the whole handshake.
  func connect(_ socket: Int32) throws {
    connection = VhostConnection(owning: FileDescriptor(owning: socket))
    try send(SetOwner())
    let features = try #require(try ask(GetFeatures()))
    let offered = ProtocolFeatures(rawValue: try #require(try ask(GetProtocolFeatures())))
    try send(SetProtocolFeatures(offered.subtracting(.guestAddresses).rawValue))
    try send(SetFeatures(features & (1 << 32 | 1 << 30 | (isPacked ? 1 << 34 : 0))))
    let area = VhostUser.MemoryRegion(
      guestAddress: memory.guestAddress, size: UInt64(memory.size), userAddress: memory.guestAddress, fileOffset: 0)
    try send(SetMemoryTable([area]), [memory.descriptor])
    try send(
      SetInflight(InflightArea(size: UInt64(log.size), offset: 0, queues: 1, ringSize: 256)), [log.descriptor])
    try send(SetVringSize(index: 0, number: 128))
    try send(
      SetVringAddress(
        index: 0, descriptors: driver.descriptorAddress, used: driver.deviceAddress, available: driver.driverAddress))
    try send(SetVringBase(index: 0, number: driver.firstBase))
    try send(SetVringCall(index: 0, hasDescriptor: true), [call.descriptor.raw])
    try send(SetVringKick(index: 0, hasDescriptor: true), [kick.descriptor.raw])
    try send(SetVringEnable(index: 0, number: 1))
    // Lost requests are not harmless, a spurious kick is.
    kick.signal()
  }

  /// As if this process had died.
  func disconnect() { connection = VhostConnection(owning: FileDescriptor(owning: -1)) }

  func send<M: FrontEndMessage>(_ message: M, _ descriptors: [Int32] = []) throws {
    try connection.send(VhostOutgoing(message, descriptors: descriptors))
  }

  /// Sends a message and waits for the number that answers it; nil if the back-end closes the socket instead.
  func ask<M: FrontEndMessage>(_ message: M) throws -> UInt64? {
    try send(message)
    return try wait(NumberReply.self)?.value
  }

  /// Stops the ring; where it goes on.
  func stop() throws -> UInt32? {
    try send(GetVringBase(index: 0))
    return try wait(VringBaseReply.self)?.number
  }

  private func wait<R: VhostPayload>(_ type: R.Type) throws -> R? {
    for _ in 0..<100 {
      do throws(VhostConnectionError) {
        if let message = try connection.receive() { return try? message.decode(type) }
      } catch { return nil }
      _ = try Poll.wait([(connection.raw, Poll.input)], nanoseconds: 100_000_000)
    }
    return nil
  }

  // MARK: requests

  /// Offers as many requests as the ring and `limit` have room for.
  func fill(_ limit: Int = .max) {
    var left = limit
    while left > 0, let place = freePlaces.popLast() {
      let at = memory.base + place
      at.initializeMemory(as: UInt8.self, repeating: ProcessFrontEnd.untouched, count: ProcessFrontEnd.requestSize)
      let buffer = DriverBuffer(
        address: memory.address(place), length: UInt32(ProcessFrontEnd.requestSize), isWritable: true)
      guard let id = driver.add([buffer]) else {
        freePlaces.append(place)
        break
      }
      buffers[id] = place
      requested += 1
      left -= 1
    }
    if driver.shouldKick() { kick.signal() }
  }

  /// Takes what was given back; false if any of it is not what was asked for.
  func collect() -> Bool {
    var isRight = true
    while let used = driver.collect() {
      guard let place = buffers.removeValue(forKey: used.id) else { return false }
      let bytes = UnsafeRawBufferPointer(start: memory.base + place, count: ProcessFrontEnd.requestSize)
      let isFilled = bytes.contains { $0 != ProcessFrontEnd.untouched }
      if used.written != UInt32(ProcessFrontEnd.requestSize) || !isFilled { isRight = false }
      freePlaces.append(place)
      answered += 1
    }
    return isRight
  }

  /// Collects until everything is answered or ten seconds have passed; false if something is missing or wrong.
  func drain() throws -> Bool {
    for _ in 0..<1000 {
      guard collect() else { return false }
      if driver.outstanding == 0 { return true }
      if driver.enableSignals() { continue }
      _ = try Poll.wait([(call.descriptor.raw, Poll.input)], nanoseconds: 10_000_000)
      call.drain()
    }
    return false
  }
}
