import System
import Testing
import VhostUser
import VirtqueueDriver

@testable import VhostDevice

@Suite struct HostileTests {
  @Test(arguments: Hostile.all)
  func `A front-end that breaks the rules is sent away with a sentence, and the next one is served`(
    _ hostile: Hostile
  ) throws {
    let bench = try HostileTests.bench(hostile.stage)
    try? hostile.attack(bench)
    let sentence = bench.fault?.sentence ?? "(the session goes on)"
    #expect(sentence.contains(hostile.sentence), "\(sentence)")
    try HostileTests.expectNextIsServed(bench)
  }

  @Test(arguments: FrontEndRequest.allCases)
  func `Any request with any payload and descriptors ends in an answer, silence or a sentence`(
    _ request: FrontEndRequest
  ) throws {
    let bench = try HostileTests.bench(.running)
    for size in [0, 1, 7, 8, 12, 13, 20, 24, 40, 264, 268, 4096] {
      for byte: UInt8 in [0, 1, 0xff] {
        for descriptors in [0, 1, 8] {
          if bench.fault != nil {
            try bench.reconnect()
            try bench.negotiate()
          }
          let attached = [Int32](repeating: bench.memory.descriptor, count: descriptors)
          let payload = [UInt8](repeating: byte, count: size)
          try? bench.send(
            VhostOutgoing(
              request: request.rawValue, flags: VhostHeader.needReply, payload: payload, descriptors: attached))
        }
      }
    }
    try HostileTests.expectNextIsServed(bench)
  }

  @Test(arguments: 0..<40)
  func `Random conversations end in a sentence or go on`(_ seed: UInt64) throws {
    var random = Random(seed)
    let bench = try HostileTests.bench(.negotiated)
    for _ in 0..<500 {
      if bench.fault != nil { try bench.reconnect() }
      try? bench.send(random.message(bench))
      while try bench.answer(AnyReply.self) != nil {}
    }
    if bench.fault == nil { bench.hangUp() }
    try HostileTests.expectNextIsServed(bench)
  }

  @Test func `Acknowledged refusals leave the session alive`() throws {
    let bench = try HostileTests.bench(.shared)
    let region = VhostUser.MemoryRegion(guestAddress: 0, size: 1 << 30, userAddress: 0, fileOffset: 0)
    #expect(try bench.acknowledged(AddMemoryRegion(region), [bench.memory.descriptor]) == 1)
    #expect(try bench.acknowledged(RemoveMemoryRegion(region)) == 1)
    #expect(try bench.acknowledged(SetOwner()) == 0)
    #expect(bench.fault == nil)
  }

  @Test func `Repeated messages are as good as one`() throws {
    let (bench, ring) = try Bench.running()
    for _ in 0..<3 {
      try bench.send(SetOwner())
      try bench.send(ResetOwner())
      try bench.send(SetFeatures(Bench.version1 | Bench.protocolBit))
      try bench.send(SetVringCall(index: 0, hasDescriptor: true), [ring.call.descriptor.raw])
      try bench.send(SetVringKick(index: 0, hasDescriptor: true), [ring.kick.descriptor.raw])
      try bench.send(SetVringEnable(index: 0, number: 1))
      try bench.shareMemory()
    }
    try ring.request(5)
    bench.settle()
    #expect(ring.answers() == [5] && bench.fault == nil)
  }

  @Test func `A front-end that does not read its answers is sent away`() throws {
    let bench = try HostileTests.bench(.fresh)
    // Many in one go: the socket's buffer and 256 KiB have to be filled.
    for _ in 0..<100_000 where bench.fault == nil { try? bench.send(GetFeatures()) }
    #expect(bench.fault?.sentence.contains("does not read") ?? false)
    try HostileTests.expectNextIsServed(bench)
  }

  @Test func `Memory that goes while a request is outstanding stays mapped until the request has ended`() throws {
    let (bench, ring) = try Bench.running()
    bench.notes.holds = true
    try ring.request(1)
    bench.settle()
    #expect(try bench.acknowledged(SetMemoryTable([])) == 0)
    #expect(bench.loop.host.memory.count == 0)
    bench.hangUp()
    #expect(bench.notes.held.isEmpty)
    try HostileTests.expectNextIsServed(bench)
  }

  // MARK: helpers

  static func bench(_ stage: Hostile.Stage) throws -> Bench {
    if stage == .running { return try Bench.running().0 }
    let bench = try Bench()
    if stage != .fresh { try bench.negotiate() }
    if stage == .shared { try bench.shareMemory() }
    return bench
  }

  /// Nothing of the earlier front-end is left, and a new one gets its rings served.
  static func expectNextIsServed(_ bench: Bench) throws {
    if bench.fault == nil { bench.hangUp() }
    #expect(!bench.loop.host.rings.isAnyStarted && bench.loop.host.memory.count == 0)
    bench.notes.holds = false
    try bench.reconnect()
    bench.memory.rewind(to: 512 << 10)
    (bench.memory.base + (512 << 10)).initializeMemory(as: UInt8.self, repeating: 0, count: 512 << 10)
    let ring = try TestRing(bench.memory)
    try bench.negotiate()
    try bench.shareMemory()
    try bench.start(ring)
    try ring.request(77)
    bench.settle()
    #expect(ring.answers() == [77])
  }
}

/// Whatever comes.
struct AnyReply: VhostPayload {
  init(fields payload: inout VhostReader) throws(VhostMessageError) { _ = try payload.bytes(payload.remaining) }
  func encode(into payload: inout VhostWriter) {}
  func accepts(descriptorCount count: Int) -> Bool { true }
}

/// A repeatable source of messages that are nearly right.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  mutating func message(_ bench: Bench) -> VhostOutgoing {
    let all = FrontEndRequest.allCases
    let request = all[below(all.count)]
    var payload = VhostWriter()
    let words = [0, 1, 2, 2, 2, 4, 5, 6][below(8)]
    for _ in 0..<words { payload.put(word(bench)) }
    let descriptors = [Int32](repeating: bench.memory.descriptor, count: [0, 0, 1, 1, 2][below(5)])
    return VhostOutgoing(
      request: request.rawValue, flags: below(2) == 0 ? 0 : VhostHeader.needReply, payload: payload.bytes,
      descriptors: descriptors)
  }

  private mutating func word(_ bench: Bench) -> UInt64 {
    switch below(8) {
    case 0: 0
    case 1: UInt64(below(4)) | UInt64(below(64)) << 32
    case 2: bench.memory.guestAddress + UInt64(below(1 << 20))
    case 3: 1 << UInt64(below(64))
    case 4: 64 << 32
    case 5: UInt64(below(2))
    case 6: 4096
    default: next()
    }
  }
}
