import System
import VhostUser

/// An answer as bytes: what a test changes to make a back-end deviate.
struct Answer: Sendable {
  var request: UInt32
  var flags: UInt32 = VhostHeader.version | VhostHeader.reply
  var payload: [UInt8]
  var descriptors = 0

  /// The message as a connection would give it.
  func incoming() -> VhostIncoming {
    var bundle = DescriptorBundle()
    for _ in 0..<descriptors { if let file = try? EventCounter() { bundle.add(try! file.descriptor.duplicate()) } }
    let header = VhostHeader(request: request, flags: flags, payloadSize: UInt32(payload.count))
    return VhostIncoming(header: header, payload: payload, descriptors: bundle)
  }
}

/// A back-end that answers as the specification says, unless a test changes an answer.
struct ScriptedBackEnd {
  var features: UInt64 = 1 << 30 | 1 << 32 | 1 << 29 | 1 << 28 | 1 << 34 | 0x2000
  var protocolFeatures: UInt64 = 0xff_ffff
  var queues: UInt64 = 4
  var slots: UInt64 = 8
  var config: [UInt8] = (0..<60).map { $0 }
  /// By ring.
  var bases: [UInt32] = [UInt32](repeating: 7, count: 32)
  /// Changes answers; nil: it says nothing.
  var deviate: (VhostOutgoing, Answer) -> Answer? = { $1 }
  /// Everything that came, in order.
  private(set) var log: [VhostOutgoing] = []

  /// Takes a message and answers it, if it is to be answered.
  mutating func serve(_ message: VhostOutgoing) -> Answer? {
    log.append(message)
    guard let request = FrontEndRequest(rawValue: message.header.request) else { return nil }
    let payload: [UInt8]
    switch request {
    case .getFeatures: payload = u64(features)
    case .getProtocolFeatures: payload = u64(protocolFeatures)
    case .getQueueCount: payload = u64(queues)
    case .getMemorySlots: payload = u64(slots)
    case .getConfig: payload = u32(0, UInt64(config.count), 0) + config
    case .getVringBase: payload = Array(message.payload[..<4]) + u32(UInt64(bases[Int(message.payload[0])]))
    case .setDeviceState: payload = u64(0x100)
    case .checkDeviceState: payload = u64(0)
    default:
      guard message.header.flags & VhostHeader.needReply != 0 else { return nil }
      payload = u64(0)
    }
    return deviate(message, Answer(request: message.header.request, payload: payload))
  }

  /// Names of what came, without counting GET_FEATURES behind the handshake.
  var names: [FrontEndRequest] { log.compactMap { FrontEndRequest(rawValue: $0.header.request) } }
  mutating func forget() { log = [] }
}

extension FrontEndSession {
  /// Lets session and back-end talk until neither has anything to say; the events that came of it.
  mutating func talk(_ backEnd: inout ScriptedBackEnd, now: Int64 = 0) throws(FrontEndFault) -> [FrontEndEvent] {
    var events: [FrontEndEvent] = []
    for _ in 0..<10000 {
      while let event = nextEvent() { events.append(event) }
      guard let message = next(now: now) else { break }
      if let answer = backEnd.serve(message) { try receive(answer.incoming()) }
    }
    if let fault { throw fault }
    while let event = nextEvent() { events.append(event) }
    return events
  }
}

func sampleSetup() -> FrontEndSetup {
  var setup = FrontEndSetup(regions: [region, otherRegion], memory: [100, 101])
  (setup.backEndChannel, setup.inflight, setup.inflightBytes) = (102, 103, 1 << 20)
  (setup.configBytes, setup.ringSize) = (60, 256)
  return setup
}

func ring(_ i: Int, call: Int32 = 300) -> RingGoal {
  let at = UInt64(i) << 16
  return RingGoal(
    size: 256, descriptors: at, available: at + 0x1000, used: at + 0x2000, base: 0, kick: 200 + Int32(i), call: call)
}

func goal(rings: [RingGoal?], features: UInt64 = 1 << 32, status: UInt8 = 15) -> DeviceGoal {
  var goal = DeviceGoal()
  (goal.rings, goal.features, goal.status) = (rings, features, status)
  return goal
}
