import Glibc
import System
import VhostUser
import VirtqueueDriver

/// One queue: its ring, and the eventfds of both directions.
public final class Queue {
  public let ring: RingDriver
  let kickCounter: EventCounter
  let callCounter: EventCounter
  let errorCounter: EventCounter
  /// Kicks and signals: what notification costs.
  public internal(set) var kicks = 0
  public internal(set) var signals = 0

  init(_ ring: RingDriver) throws {
    self.ring = ring
    kickCounter = try EventCounter()
    callCounter = try EventCounter()
    errorCounter = try EventCounter()
  }

  /// Kicks the back-end if it wants to be.
  public func kick() {
    guard ring.shouldKick() else { return }
    kickCounter.signal()
    kicks += 1
  }

  func goal(base: UInt32) -> RingGoal {
    RingGoal(
      size: ring.size, descriptors: ring.descriptorAddress, available: ring.driverAddress, used: ring.deviceAddress,
      base: base, kick: kickCounter.descriptor.raw, call: callCounter.descriptor.raw, error: errorCounter.descriptor.raw
    )
  }
}

/// How the front-end is set up.
public struct FrontEndOptions: Sendable {
  /// Virtio device ID.
  public var deviceID: UInt32 = 2
  /// Queues, 0: as many as there are.
  public var queues = 0
  /// Entries of each ring.
  public var ringSize: UInt16 = 256
  /// Packed rings, if the back-end has them.
  public var packed = false
  /// Use the event index, if the back-end has it.
  public var eventIndex = true
  /// Bytes of memory that the back-end gets.
  public var memory = 64 << 20
  /// Keep an in-flight log.
  public var inflight = true
  public init() {}
}

/// A front-end without a guest: session, socket, memory and rings in one thread.
public final class FrontEnd {
  public let options: FrontEndOptions
  public let memory: DriverMemory
  public private(set) var session: FrontEndSession
  public private(set) var queues: [Queue] = []
  /// What the session told, in order.
  public private(set) var events: [FrontEndEvent] = []
  private var connection: VhostConnection
  private var channel: VhostConnection
  private let backEndChannel: FileDescriptor
  private let inflight: FileDescriptor
  /// Prints each message, for people.
  private let isVerbose: Bool

  /// A front-end over a connected socket; nothing has been sent.
  public init(_ socket: consuming FileDescriptor, _ options: FrontEndOptions, verbose: Bool = false) throws {
    (self.options, isVerbose) = (options, verbose)
    memory = try DriverMemory(size: options.memory)
    inflight = try MemoryFile.create("inflight", size: 1 << 21)
    let (ours, theirs) = try StreamSocket.pair()
    channel = VhostConnection(owning: FileDescriptor(owning: ours))
    backEndChannel = FileDescriptor(owning: theirs)
    connection = VhostConnection(owning: socket)
    let region = MemoryRegion(
      guestAddress: memory.guestAddress, size: UInt64(memory.size), userAddress: memory.guestAddress, fileOffset: 0)
    var setup = FrontEndSetup(regions: [region], memory: [memory.descriptor])
    setup.backEndChannel = backEndChannel.raw
    setup.inflight = options.inflight ? inflight.raw : -1
    setup.inflightBytes = 1 << 21
    (setup.queues, setup.ringSize) = (options.queues, options.ringSize)
    setup.configBytes = FrontEndSetup.configBytes(deviceID: options.deviceID)
    session = FrontEndSession(setup)
  }

  /// Does the handshake.
  public func connect() throws { try run { self.session.isConnected } }

  /// Makes and starts `count` rings with `features` beside those of rings.
  public func start(queues count: Int, features: UInt64) throws {
    guard count <= session.queueCount else { throw BenchFailure("the back-end has \(session.queueCount) queues") }
    let wanted = features | RingFeature.version1 | (options.packed ? RingFeature.packedRing : 0)
    let optional = RingFeature.indirectDescriptors | (options.eventIndex ? RingFeature.eventIndex : 0)
    guard wanted & ~session.features == 0 else { throw BenchFailure("the back-end lacks features that are needed") }
    let accepted = wanted | optional & session.features
    for _ in 0..<count {
      let ring = RingDriver(
        size: options.ringSize, packed: options.packed, eventIndex: accepted & RingFeature.eventIndex != 0, in: memory)
      guard let ring else { throw BenchFailure("the rings do not fit the memory") }
      ring.disableSignals()
      queues.append(try Queue(ring))
    }
    var goal = DeviceGoal()
    (goal.features, goal.status) = (accepted, 15)
    goal.rings = queues.map { $0.goal(base: options.packed ? RingGoal.freshPackedBase : 0) }
    try pursue(goal)
  }

  /// Features that were accepted.
  public var features: UInt64 { session.goal.features }

  /// Stops all rings.
  public func stop() throws {
    var goal = session.goal
    goal.rings = []
    try pursue(goal)
  }

  /// Resets the device; rings are forgotten.
  public func reset() throws {
    session.reset()
    try run { self.session.isSettled }
    queues = []
  }

  /// Goes on with a new incarnation of the back-end: the same memory, rings, eventfds and in-flight log.
  public func reconnect(_ socket: consuming FileDescriptor) throws {
    let goal = session.goal
    connection = VhostConnection(owning: socket)
    session = FrontEndSession(session.setup)
    try connect()
    try pursue(goal)
  }

  /// Writes to configuration space.
  public func write(config bytes: [UInt8], at offset: Int) throws {
    session.write(config: bytes, at: offset)
    try run { self.session.isSettled }
  }

  private func pursue(_ goal: DeviceGoal) throws {
    session.pursue(goal)
    try run { self.session.isSettled }
  }

  /// Waits for a signal of queue `index`, at most `seconds`; serves the socket meanwhile.
  public func waitForSignal(of index: Int, seconds: Double = 10) throws -> Bool {
    let queue = queues[index]
    if queue.ring.enableSignals() { return true }
    let deadline = Clock.monotonic + Int64(seconds * 1e9)
    while true {
      let left = deadline - Clock.monotonic
      guard left > 0 else { return false }
      let ready = try Poll.wait(
        [(queue.callCounter.descriptor.raw, Poll.input), (connection.raw, Poll.input), (channel.raw, Poll.input)],
        nanoseconds: left)
      if ready[1] | ready[2] != 0 { try serve(ready[1] != 0, ready[2] != 0) }
      if ready[0] != 0 {
        queue.signals += queue.callCounter.drain()
        return true
      }
    }
  }

  // MARK: the session's loop

  /// Serves the sockets until `isDone`.
  public func run(until isDone: () -> Bool) throws {
    while true {
      try sendAll()
      if isDone() { return }
      let now = Clock.monotonic
      let left = session.deadline.map { max(0, $0 - now) } ?? 10_000_000_000
      let output = connection.wantsOutput ? Poll.output : 0
      let ready = try Poll.wait([(connection.raw, Poll.input | output), (channel.raw, Poll.input)], nanoseconds: left)
      try connection.flush()
      try serve(ready[0] != 0, ready[1] != 0)
      do throws(FrontEndFault) { try session.elapse(now: Clock.monotonic) } catch { throw BenchFailure(error.sentence) }
    }
  }

  private func sendAll() throws {
    while let message = session.next(now: Clock.monotonic) {
      if isVerbose { show("→", message.header, message.payload) }
      do throws(VhostConnectionError) { try connection.send(message) } catch { throw BenchFailure(error.sentence) }
    }
    if let fault = session.fault { throw BenchFailure(fault.sentence) }
    while let event = session.nextEvent() {
      events.append(event)
      if case .ringStarted(let index) = event { queues[index].kickCounter.signal() }
      if event == .resetDone { try clearInflight() }
    }
  }

  private func serve(_ socket: Bool, _ ownChannel: Bool) throws {
    do {
      while socket, let answer = try connection.receive() {
        if isVerbose { show("←", answer.header, answer.payload) }
        try session.receive(answer)
      }
      while ownChannel, let request = try channel.receive() {
        if isVerbose { show("⇐", request.header, request.payload) }
        if let answer = try session.receive(onChannel: request) { try channel.send(answer) }
      }
    } catch let error as VhostConnectionError {
      throw BenchFailure(error.sentence)
    } catch let error as FrontEndFault {
      throw BenchFailure(error.sentence)
    }
  }

  private func clearInflight() throws {
    let mapping = try Mapping.shared(inflight, size: 1 << 21)
    mapping.base.initializeMemory(as: UInt8.self, repeating: 0, count: 1 << 21)
  }

  private func show(_ arrow: String, _ header: VhostHeader, _ payload: [UInt8]) {
    let name = FrontEndRequest(rawValue: header.request).map { "\($0.name)" } ?? "\(header.request)"
    print("  \(arrow) \(name) flags \(header.flags) \(payload.prefix(32).map { String($0, radix: 16) })")
  }
}
