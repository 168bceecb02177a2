import Testing
import VhostUser

/// The session against a back-end that does one thing wrong at one message.
@Suite("front-end session against a deviating back-end")
struct DeviationTests {
  /// Every message of a whole life.
  static let life: [FrontEndRequest] = [
    .getFeatures, .getProtocolFeatures, .setOwner, .getQueueCount, .getMemorySlots, .setBackEndChannel, .getConfig,
    .addMemoryRegion, .setFeatures, .setStatus, .setInflight, .setVringSize, .setVringBase, .setVringAddress,
    .setVringCall, .setVringKick, .setVringEnable, .getVringBase, .resetDevice,
  ]

  /// Handshake, start, stop, reset.
  static func live(_ backEnd: inout ScriptedBackEnd) throws(FrontEndFault) {
    var session = FrontEndSession(sampleSetup())
    _ = try session.talk(&backEnd)
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd)
    session.reset()
    _ = try session.talk(&backEnd)
  }

  static func fault(at request: FrontEndRequest, _ change: @escaping (Answer) -> Answer?) -> FrontEndFault? {
    var backEnd = ScriptedBackEnd()
    backEnd.deviate = { $0.header.request == request.rawValue ? change($1) : $1 }
    do throws(FrontEndFault) { try live(&backEnd) } catch { return error }
    return nil
  }

  @Test("a life without deviation has all these messages and no fault")
  func whole() throws {
    var backEnd = ScriptedBackEnd()
    try DeviationTests.live(&backEnd)
    #expect(Set(DeviationTests.life).subtracting(backEnd.names).isEmpty)
  }

  @Test("an answer that is a request", arguments: life)
  func notAnAnswer(_ request: FrontEndRequest) {
    let got = DeviationTests.fault(at: request) {
      Answer(request: $0.request, flags: 1, payload: $0.payload)
    }
    #expect(got == .notAnAnswer(request.rawValue))
  }

  @Test("an answer to something else", arguments: life)
  func wrongAnswer(_ request: FrontEndRequest) {
    let got = DeviationTests.fault(at: request) {
      Answer(request: $0.request + 1, payload: $0.payload)
    }
    #expect(got == .wrongAnswer(due: request, got: request.rawValue + 1))
  }

  @Test("an answer that is too short, too long, or has a descriptor", arguments: life)
  func wrongShape(_ request: FrontEndRequest) {
    for length in [1, 7, 9, 100, 4096] {
      let got = DeviationTests.fault(at: request) {
        Answer(request: $0.request, payload: Array(($0.payload + [UInt8](repeating: 0, count: 4096))[..<length]))
      }
      guard case .malformed = got else { return #expect(Bool(false), "\(length) bytes: \(String(describing: got))") }
    }
    let got = DeviationTests.fault(at: request) {
      Answer(request: $0.request, payload: $0.payload, descriptors: 1)
    }
    #expect(got == .malformed(.wrongDescriptorCount(request: request.rawValue, count: 1)))
  }

  @Test("an acknowledgement that says no", arguments: life.filter { !$0.hasReply })
  func refused(_ request: FrontEndRequest) {
    let got = DeviationTests.fault(at: request) { Answer(request: $0.request, payload: u64(22)) }
    #expect(got == .refused(request, 22))
  }

  @Test("silence is a fault at its deadline and not before", arguments: life)
  func silent(_ request: FrontEndRequest) throws {
    var backEnd = ScriptedBackEnd()
    backEnd.deviate = { $0.header.request == request.rawValue ? nil : $1 }
    var session = FrontEndSession(sampleSetup())
    _ = try session.talk(&backEnd, now: 5)
    session.pursue(goal(rings: [ring(0)]))
    _ = try session.talk(&backEnd, now: 5)
    session.reset()
    _ = try session.talk(&backEnd, now: 5)
    #expect(session.deadline == 10_000_000_005)
    try session.elapse(now: 10_000_000_004)
    #expect(throws: FrontEndFault.silent(request)) { try session.elapse(now: 10_000_000_005) }
    #expect(session.deadline == nil && session.next(now: 11_000_000_000) == nil)
    #expect(throws: FrontEndFault.silent(request)) {
      try session.receive(Answer(request: request.rawValue, payload: u64(0)).incoming())
    }
  }

  @Test("an answer when none is due, and one more than is due")
  func unsolicited() throws {
    var session = FrontEndSession(sampleSetup())
    var backEnd = ScriptedBackEnd()
    _ = try session.talk(&backEnd)
    #expect(throws: FrontEndFault.unsolicited(2)) {
      try session.receive(Answer(request: 2, payload: u64(0)).incoming())
    }
    #expect(session.fault == .unsolicited(2))
  }

  @Test(
    "answers that make no sense",
    arguments: [
      (FrontEndRequest.getFeatures, u64(1 << 30), FrontEndFault.legacy),
      (.getQueueCount, u64(0), .tooFewQueues(0)),
      (.getMemorySlots, u64(1), .tooFewMemorySlots(1)),
      (.getConfig, [], .configRefused(60)),
      (.getConfig, u32(0, 0, 0), .configRefused(60)),
      (.getConfig, u32(0, 4, 0, 0), .wrongConfig),
      (.getConfig, u32(4, 60, 0) + [UInt8](repeating: 0, count: 60), .wrongConfig),
      (.getVringBase, u32(1, 7), .impossibleBase(7)),
      (.getVringBase, u32(0, 0x10000), .impossibleBase(0x10000)),
    ])
  func nonsense(_ request: FrontEndRequest, _ payload: [UInt8], _ fault: FrontEndFault) {
    #expect(DeviationTests.fault(at: request) { Answer(request: $0.request, payload: payload) } == fault)
  }

  @Test("too few queues for the device")
  func tooFewQueues() {
    var setup = sampleSetup()
    setup.queues = 5
    var session = FrontEndSession(setup)
    var backEnd = ScriptedBackEnd()
    #expect(throws: FrontEndFault.tooFewQueues(4)) { try session.talk(&backEnd) }
  }

  @Test("libvhost-user's answers, which give need_reply back, are answers")
  func needReplyInAnswers() {
    for request in DeviationTests.life {
      let got = DeviationTests.fault(at: request) { Answer(request: $0.request, flags: 13, payload: $0.payload) }
      #expect(got == nil)
    }
  }

  @Test("every fault has a sentence of its own")
  func sentences() {
    let faults: [FrontEndFault] = [
      .malformed(.strayDescriptors), .notAnAnswer(1), .unsolicited(1), .wrongAnswer(due: .getConfig, got: 1),
      .silent(.setOwner), .refused(.setOwner, 1), .legacy, .tooFewQueues(1), .tooFewMemorySlots(1), .configRefused(1),
      .wrongConfig, .impossibleBase(1), .ownStateChannel, .unknownRequest(1), .answerOnChannel(1), .inflightTooSmall(1),
    ]
    #expect(Set(faults.map { $0.sentence }).count == faults.count)
  }
}
