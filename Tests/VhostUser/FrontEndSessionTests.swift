import Testing
import VhostUser

@Suite("front-end session")
struct FrontEndSessionTests {
  var session = FrontEndSession(sampleSetup())
  var backEnd = ScriptedBackEnd()

  private mutating func connect() throws {
    #expect(try session.talk(&backEnd) == [.connected])
    backEnd.forget()
  }

  // MARK: handshake

  @Test("a back-end with everything is asked for everything, in order")
  mutating func handshake() throws {
    #expect(try session.talk(&backEnd) == [.connected])
    #expect(
      backEnd.names == [
        .getFeatures, .getProtocolFeatures, .setProtocolFeatures, .setOwner, .getQueueCount, .getMemorySlots,
        .setBackEndChannel, .getConfig, .addMemoryRegion, .addMemoryRegion,
      ])
    #expect(session.queueCount == 4 && session.config == backEnd.config && session.isSettled)
    #expect(backEnd.log.map { $0.descriptors } == [[], [], [], [], [], [], [102], [], [100], [101]])
  }

  @Test("what is not acknowledged is neither known nor asked for; bit 30 stays with us")
  mutating func acknowledged() throws {
    try connect()
    #expect(session.protocolFeatures == FrontEndSession.knownProtocolFeatures)
    #expect(session.features == backEnd.features & ~(1 << 30))
  }

  @Test("bits that are vhost's, legacy's or the IOMMU's are not offered to the guest")
  mutating func hidden() throws {
    backEnd.features |= 1 << 24 | 1 << 26 | 1 << 27 | 1 << 33
    try connect()
    #expect(session.features & FrontEndSession.hiddenFeatures == 0)
  }

  @Test("a back-end without protocol features gets memory as a table, and a barrier behind it")
  mutating func oldBackEnd() throws {
    backEnd.features = 1 << 32
    #expect(try session.talk(&backEnd) == [.connected])
    #expect(backEnd.names == [.getFeatures, .setOwner, .setMemoryTable, .getFeatures])
    #expect(backEnd.log[2].descriptors == [100, 101])
    #expect(session.queueCount == 1)
    backEnd.forget()
    session.pursue(goal(rings: [ring(0)]))
    #expect(try session.talk(&backEnd) == [.ringStarted(0)])
    #expect(
      backEnd.names == [
        .setFeatures, .setVringSize, .setVringBase, .setVringAddress, .setVringCall, .setVringKick, .getFeatures,
      ])
  }

  @Test("passt's features: no queue number, no configuration space: those of the machine's description")
  mutating func passt() throws {
    (backEnd.features, backEnd.protocolFeatures) = (0x1_4400_8002, 0x8000e)
    var setup = sampleSetup()
    (setup.queues, setup.config) = (2, [1, 2, 3])
    session = FrontEndSession(setup)
    #expect(try session.talk(&backEnd) == [.connected])
    #expect(
      backEnd.names == [.getFeatures, .getProtocolFeatures, .setProtocolFeatures, .setOwner, .setMemoryTable])
    #expect(backEnd.log.map { $0.header.flags } == [1, 1, 1, 9, 9])
    #expect(session.queueCount == 2 && session.config == [1, 2, 3] && session.features == 0x1_0000_8002)
  }

  @Test("without descriptors for them, channel and in-flight log are not negotiated")
  mutating func without() throws {
    var setup = sampleSetup()
    (setup.backEndChannel, setup.inflight, setup.offersPacked) = (-1, -1, false)
    session = FrontEndSession(setup)
    try connect()
    #expect(session.protocolFeatures.isDisjoint(with: [.backEndRequests, .inflightMemory]))
    #expect(session.features & 1 << 34 == 0)
  }

  @Test(
    "queues are those of the back-end, at most 32, or those wanted",
    arguments: [(0, 4, 4), (0, 200, 32), (2, 4, 2), (4, 4, 4)])
  mutating func queues(_ wanted: Int, _ there: UInt64, _ got: Int) throws {
    var setup = sampleSetup()
    setup.queues = wanted
    session = FrontEndSession(setup)
    backEnd.queues = there
    try connect()
    #expect(session.queueCount == got)
  }

  // MARK: rings

  @Test("a start sends features, in-flight log, status and rings, in this order, and each once")
  mutating func start() throws {
    try connect()
    session.pursue(goal(rings: [ring(0), nil, ring(2)]))
    #expect(try session.talk(&backEnd) == [.ringStarted(0), .ringStarted(2)])
    let one: [FrontEndRequest] = [
      .setVringSize, .setVringBase, .setVringAddress, .setVringCall, .setVringKick, .setVringEnable,
    ]
    #expect(backEnd.names == [.setFeatures, .setStatus, .setInflight] + one + one + [.setStatus])
    #expect(backEnd.log[0].payload == u64(1 << 32 | 1 << 30))
    #expect(backEnd.log.map { $0.header.flags }.allSatisfy { $0 == 9 })
    #expect(backEnd.log[2].payload == u64(1 << 20, 0) + u16(4, 256, 0, 0))
    #expect(backEnd.log.last?.payload == u64(15))
    #expect(session.isSettled)
    backEnd.forget()
    session.pursue(goal(rings: [ring(0), nil, ring(2)]))
    #expect(try session.talk(&backEnd) == [] && backEnd.log.isEmpty)
  }

  @Test("status bits before DRIVER_OK go out as they come")
  mutating func status() throws {
    try connect()
    for status in [1, 3, 11] as [UInt8] {
      session.pursue(goal(rings: [], status: status))
      _ = try session.talk(&backEnd)
    }
    #expect(backEnd.names == [.setStatus, .setStatus, .setFeatures, .setStatus])
  }

  @Test("a new call eventfd is one message, and none is the flag for it")
  mutating func call() throws {
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    session.pursue(goal(rings: [ring(0, call: 301)]))
    #expect(try session.talk(&backEnd) == [] && backEnd.log.map { $0.descriptors } == [[301]])
    session.pursue(goal(rings: [ring(0, call: -1)]))
    _ = try session.talk(&backEnd)
    #expect(backEnd.names == [.setVringCall, .setVringCall])
    #expect(backEnd.log[1].payload == u64(0x100) && backEnd.log[1].descriptors.isEmpty)
  }

  @Test("new kick and error eventfds are one message each; the kick is to be signalled")
  mutating func rewire() throws {
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    var other = ring(0)
    (other.kick, other.error) = (400, 401)
    session.pursue(goal(rings: [other]))
    #expect(try session.talk(&backEnd) == [.ringStarted(0)])
    #expect(backEnd.names == [.setVringError, .setVringKick])
    #expect(backEnd.log.map { $0.descriptors } == [[401], [400]])
  }

  @Test("a ring that shall not run is stopped, and its base told")
  mutating func stop() throws {
    try connect()
    session.pursue(goal(rings: [ring(0), ring(1)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    backEnd.bases[1] = 99
    session.pursue(goal(rings: [ring(0)]))
    #expect(try session.talk(&backEnd) == [.ringStopped(1, base: 99)])
    #expect(backEnd.names == [.getVringBase])
  }

  @Test("a ring that moves is stopped and started")
  mutating func moved() throws {
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    var other = ring(0)
    other.used += 0x1000
    session.pursue(goal(rings: [other]))
    #expect(try session.talk(&backEnd) == [.ringStopped(0, base: 7), .ringStarted(0)])
    #expect(backEnd.names.first == .getVringBase && backEnd.names.contains(.setVringAddress))
  }

  @Test("a goal that changes while a ring is being started restarts that ring's messages", arguments: 0..<9)
  mutating func changedMidway(_ messages: Int) throws {
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    for _ in 0..<messages {
      guard let message = session.next(now: 0), let answer = backEnd.serve(message) else { break }
      try session.receive(answer.incoming())
    }
    var other = ring(0)
    (other.used, other.call) = (0x7000, 333)
    session.pursue(goal(rings: [other]))
    let events = try session.talk(&backEnd)
    #expect(events.last == .ringStarted(0) && session.isSettled)
    let address = backEnd.log.last { $0.header.request == 9 }
    #expect(address?.payload == SetVringAddress(index: 0, descriptors: 0, used: 0x7000, available: 0x1000).encode())
    #expect(backEnd.log.last { $0.header.request == 13 }?.descriptors == [333])
  }

  @Test("a packed ring stops with both indices; in a split ring such a base is impossible")
  mutating func packedBase() throws {
    try connect()
    backEnd.bases[0] = 0x8005_8005
    session.pursue(goal(rings: [ring(0)], features: 1 << 32 | 1 << 34))
    _ = try session.talk(&backEnd)
    session.pursue(goal(rings: [], features: 1 << 32 | 1 << 34))
    #expect(try session.talk(&backEnd) == [.ringStopped(0, base: 0x8005_8005)])
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    session.pursue(goal(rings: []))
    #expect(throws: FrontEndFault.impossibleBase(0x8005_8005)) { try session.talk(&backEnd) }
  }

  @Test("rings beyond the back-end's queues are not started")
  mutating func beyond() throws {
    try connect()
    session.pursue(goal(rings: (0..<40).map { ring($0) }))
    #expect(try session.talk(&backEnd) == (0..<4).map { .ringStarted($0) })
  }

  @Test("a log that does not fit its memory is the front-end's mistake, told in words")
  mutating func inflightTooSmall() throws {
    var setup = sampleSetup()
    setup.inflightBytes = 4096
    session = FrontEndSession(setup)
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    #expect(throws: FrontEndFault.inflightTooSmall(4 * 4160)) { try session.talk(&backEnd) }
  }

  // MARK: reset

  @Test("a reset stops the rings, resets the device, clears the status, reads the configuration again")
  mutating func reset() throws {
    try connect()
    session.pursue(goal(rings: [ring(0), ring(1)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    backEnd.config[0] = 77
    session.reset()
    #expect(session.isResetting)
    #expect(
      try session.talk(&backEnd) == [
        .ringStopped(0, base: 7), .ringStopped(1, base: 7), .resetDone, .configChanged,
      ])
    #expect(backEnd.names == [.getVringBase, .getVringBase, .resetDevice, .setStatus, .getConfig])
    #expect(backEnd.log[3].payload == u64(0) && !session.isResetting && session.config[0] == 77)
    backEnd.forget()
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    #expect(backEnd.names.contains(.setFeatures) && backEnd.names.contains(.setInflight))
  }

  @Test("without RESET_DEVICE and STATUS the stop of all rings is the reset; without REPLY_ACK a barrier ends it")
  mutating func plainReset() throws {
    backEnd.protocolFeatures = 1
    try connect()
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    backEnd.forget()
    session.reset()
    #expect(try session.talk(&backEnd) == [.ringStopped(0, base: 7), .resetDone])
    #expect(backEnd.names == [.getVringBase])
    session.reset()
    #expect(try session.talk(&backEnd) == [.resetDone])
  }

  @Test("a reset in the middle of a start wins, and the goal behind it is pursued", arguments: 0..<16)
  mutating func resetMidway(_ messages: Int) throws {
    try connect()
    session.pursue(goal(rings: [ring(0), ring(1)]))
    for _ in 0..<messages {
      guard let message = session.next(now: 0), let answer = backEnd.serve(message) else { break }
      try session.receive(answer.incoming())
    }
    session.reset()
    session.pursue(goal(rings: [nil, ring(1)]))
    let events = try session.talk(&backEnd)
    #expect(events.filter { $0 == .resetDone }.count == 1)
    #expect(events.last == .ringStarted(1) && session.isSettled)
    #expect(!events.drop { $0 != .resetDone }.contains(.ringStarted(0)))
  }

  // MARK: configuration space

  @Test("written bytes go out as runs, and what became of them is read")
  mutating func configWrites() throws {
    try connect()
    session.write(config: [1, 2], at: 4)
    session.write(config: [9], at: 5)
    session.write(config: [3], at: 8)
    session.write(config: [4, 5], at: 59)
    session.write(config: [6], at: 60)
    session.write(config: [6], at: -1)
    session.write(config: [6], at: .max)
    backEnd.config[4] = 1
    #expect(try session.talk(&backEnd) == [.configChanged])
    #expect(backEnd.names == [.setConfig, .setConfig, .setConfig, .getConfig])
    #expect(backEnd.log[0].payload == u32(4, 2, 0) + [1, 9])
    #expect(backEnd.log[1].payload == u32(8, 1, 0) + [3])
    #expect(backEnd.log[2].payload == u32(59, 1, 0) + [4])
    #expect(session.config[4] == 1)
  }

  @Test("a refused write is told, and the session lives")
  mutating func refusedWrite() throws {
    try connect()
    backEnd.deviate = { $0.header.request == 25 ? Answer(request: 25, payload: u64(1)) : $1 }
    session.write(config: [1], at: 0)
    #expect(try session.talk(&backEnd) == [.configRefused])
    #expect(session.fault == nil && session.isSettled)
  }

  @Test("without CONFIG writes go nowhere")
  mutating func noConfig() throws {
    backEnd.protocolFeatures &= ~(1 << 9)
    try connect()
    session.write(config: [1], at: 0)
    #expect(try session.talk(&backEnd) == [] && backEnd.log.isEmpty)
  }

  // MARK: the back-end's channel

  @Test(
    "CONFIG_CHANGE is acknowledged if that is wanted, and the configuration read again", arguments: [1, 9] as [UInt32])
  mutating func configChange(_ flags: UInt32) throws {
    try connect()
    backEnd.config[0] = 5
    let answer = try session.receive(onChannel: Answer(request: 2, flags: flags, payload: []).incoming())
    #expect(answer?.payload == (flags == 9 ? u64(0) : nil))
    #expect(answer?.header.flags == (flags == 9 ? 5 : nil))
    #expect(try session.talk(&backEnd) == [.configChanged])
    #expect(session.config[0] == 5)
  }

  @Test("a flood of CONFIG_CHANGE fills no queue")
  mutating func flood() throws {
    try connect()
    for i in 0..<100 {
      backEnd.config[0] = UInt8(i)
      _ = try session.receive(onChannel: Answer(request: 2, flags: 1, payload: []).incoming())
      while let message = session.next(now: 0) {
        if let answer = backEnd.serve(message) { try session.receive(answer.incoming()) }
      }
    }
    #expect(try session.talk(&backEnd) == [.configChanged])
  }

  @Test(
    "requests without their feature are refused and counted",
    arguments: [
      (1, u64(1, 2, 3, 0x101), 0), (3, u64(0x100, 0, 0), 0), (3, u64(0, 0, 0), 1), (4, u32(0, 0), 0),
      (5, u32(0, 0), 0), (6, [], 0), (9, [], 1),
    ] as [(UInt32, [UInt8], Int)])
  mutating func notNegotiated(_ request: UInt32, _ payload: [UInt8], _ descriptors: Int) throws {
    try connect()
    let message = Answer(request: request, flags: 9, payload: payload, descriptors: descriptors)
    #expect(try session.receive(onChannel: message.incoming())?.payload == u64(1))
    #expect(session.refusedRequests == 1 && session.fault == nil)
  }

  @Test(
    "what is no request on the channel ends the session",
    arguments: [
      (Answer(request: 11, flags: 1, payload: []), FrontEndFault.unknownRequest(11)),
      (Answer(request: 0, flags: 9, payload: []), .unknownRequest(0)),
      (Answer(request: 2, payload: []), .answerOnChannel(2)),
      (Answer(request: 2, flags: 1, payload: [0]), .malformed(.wrongSize(request: 2, size: 1))),
      (
        Answer(request: 2, flags: 1, payload: [], descriptors: 1),
        .malformed(.wrongDescriptorCount(request: 2, count: 1))
      ),
      (Answer(request: 4, flags: 1, payload: u32(0, 1)), .malformed(.impossible(request: 4, ""))),
    ])
  mutating func badChannel(_ message: Answer, _ fault: FrontEndFault) throws {
    try connect()
    #expect(throws: fault) { try session.receive(onChannel: message.incoming()) }
    #expect(session.fault == fault && session.next(now: 0) == nil)
  }

  // MARK: state

  @Test("state is transferred and checked while no ring runs, and not otherwise")
  mutating func state() throws {
    try connect()
    #expect(session.transferState(.save, pipe: 500) == true)
    #expect(!session.transferState(.save, pipe: 501) && !session.checkState())
    #expect(try session.talk(&backEnd) == [.stateTransfer(accepted: true)])
    #expect(backEnd.log[0].descriptors == [500])
    #expect(session.checkState() == true)
    #expect(try session.talk(&backEnd) == [.stateChecked(true)])
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    #expect(!session.transferState(.load, pipe: 500) && !session.checkState())
  }

  @Test("a back-end that refuses a state transfer lives; one with a channel of its own does not")
  mutating func stateRefused() throws {
    try connect()
    backEnd.deviate = { $0.header.request == 42 ? Answer(request: 42, payload: u64(0x101)) : $1 }
    #expect(session.transferState(.load, pipe: 500) == true)
    #expect(try session.talk(&backEnd) == [.stateTransfer(accepted: false)])
    for answer in [Answer(request: 42, payload: u64(0), descriptors: 1), Answer(request: 42, payload: u64(0))] {
      var other = session
      backEnd.deviate = { $0.header.request == 42 ? answer : $1 }
      #expect(other.transferState(.load, pipe: 500) == true)
      #expect(throws: FrontEndFault.ownStateChannel) { try other.talk(&backEnd) }
    }
  }

  @Test(
    "the log's size covers both layouts",
    arguments: [(1, 256, false, 4160), (1, 256, true, 8256), (32, 1024, false, 526_336)])
  func inflightSize(_ queues: Int, _ size: UInt16, _ packed: Bool, _ bytes: UInt64) {
    #expect(InflightArea.bytes(queues: queues, ringSize: size, packed: packed) == bytes)
  }
}
