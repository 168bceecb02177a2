// The back-end half of vhost-user against a front-end that says anything. Protocols/VhostUser/README.md.

import FuzzSupport
import System
import VhostUser

/// Feeds a `BackEndSession` messages of the input: request, flags, descriptors, payload.
///
/// Promises: the handler is asked only for what it can do (rings that exist, that are stopped or running as they should be, sizes
/// within its limits, features that it offered, regions that do not wrap); an answer is due or not, and has its request's form.
enum VhostBackTarget {
  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    var handler = Handler()
    var session = BackEndSession(queueCount: handler.queueCount)
    for _ in 0..<512 where !source.isEmpty {
      guard let message = next(&source) else { return nil }
      guard feed(message, &session, &handler), handler.broken == nil else { break }
    }
    session.end(&handler)
    if let broken = handler.broken { return broken }
    return handler.running.isEmpty ? nil : "a ring runs behind the session's end"
  }

  private struct Message {
    var header: VhostHeader
    var payload: [UInt8]
    var descriptors: Int
  }

  /// Mostly messages of their right length, because others get no further.
  private static func next(_ source: inout ByteSource) -> Message? {
    let request = UInt32(source.byte())
    let shape = source.byte()
    let right = FrontEndRequest(rawValue: request).map { lengths($0) } ?? (0, 0)
    let count = shape & 0x80 == 0 ? right.0 : Int(source.byte())
    var payload = source.bytes(count)
    while payload.count < count { payload.append(0) }
    // The length of a configuration access is in it.
    if request == 24 || request == 25, shape & 0x80 == 0 { payload += source.bytes(Int(payload[4])) }
    let header = VhostHeader(
      request: request, flags: 1 | UInt32(shape & 12), payloadSize: UInt32(payload.count))
    return Message(header: header, payload: payload, descriptors: shape & 0x40 == 0 ? right.1 : Int(shape & 3))
  }

  private static func lengths(_ request: FrontEndRequest) -> (Int, Int) {
    switch request {
    case .setFeatures, .setProtocolFeatures, .setStatus, .setVringSize, .setVringBase, .getVringBase, .setVringEnable,
      .vringKick:
      (8, 0)
    case .setVringKick, .setVringCall, .setVringError: (8, 1)
    case .setMemoryTable: (8 + 32, 1)
    case .setVringAddress: (40, 0)
    case .setBackEndChannel, .setLogDescriptor: (0, 1)
    case .getConfig, .setConfig: (12, 0)
    case .getInflight: (20, 0)
    case .setInflight: (20, 1)
    case .addMemoryRegion: (40, 1)
    case .removeMemoryRegion: (40, 0)
    case .setDeviceState: (8, 1)
    default: (0, 0)
    }
  }

  /// False at the session's end.
  private static func feed(_ message: Message, _ session: inout BackEndSession, _ handler: inout Handler) -> Bool {
    var bundle = DescriptorBundle()
    for _ in 0..<message.descriptors { if let counter = try? EventCounter() { add(counter, to: &bundle) } }
    var incoming = VhostIncoming(header: message.header, payload: message.payload, descriptors: bundle)
    do throws(BackEndFault) {
      if let answer = try session.handle(&incoming, &handler) { check(answer, message, &handler) }
    } catch {
      if error.sentence.isEmpty { handler.broken = "a fault has no words" }
      return false
    }
    return true
  }

  private static func add(_ counter: borrowing EventCounter, to bundle: inout DescriptorBundle) {
    if let copy = try? counter.descriptor.duplicate() { bundle.add(copy) }
  }

  private static func check(_ answer: borrowing BackEndAnswer, _ message: Message, _ handler: inout Handler) {
    let header = answer.message.header
    guard header.isReply, header.request == message.header.request, (try? header.check()) != nil else {
      return handler.broken = "an answer is none"
    }
    guard let request = FrontEndRequest(rawValue: header.request) else {
      return handler.broken = "an unknown request is answered"
    }
    if !request.hasReply, !message.header.needsReply { handler.broken = "an answer was not asked for" }
  }

  /// A device of two rings that does nothing and checks everything.
  private struct Handler: BackEndHandler {
    let features: UInt64 = 1 << 34 | 1 << 32 | 1 << 30 | 1 << 29 | 0xff
    let queueCount = 2
    let queueSize: UInt32 = 256
    let memorySlots = 8
    let protocolFeatures = BackEndSession.protocolFeatures
    let needsReset = false
    var stateTransfer = StateTransferResult.failed
    var running: Set<Int> = []
    var broken: String?
    private var space = [UInt8](repeating: 0, count: 60)

    mutating func accept(features: UInt64) {
      if features & ~self.features != 0 || features & 1 << 30 != 0 {
        broken = "features were accepted that were not offered"
      }
      if !running.isEmpty { broken = "features change while a ring runs" }
    }
    mutating func replaceMemory(_ regions: [MemoryRegion], _ memory: [Int32]) throws(BackEndFault) {
      if regions.count != memory.count { broken = "a region has no descriptor" }
      for region in regions { check(region) }
    }
    mutating func add(_ region: MemoryRegion, _ memory: consuming FileDescriptor) throws(BackEndFault) { check(region) }
    mutating func remove(_ region: MemoryRegion) throws(BackEndFault) { check(region) }
    private mutating func check(_ region: MemoryRegion) {
      let ends = [region.guestAddress, region.userAddress, region.fileOffset].map {
        $0.addingReportingOverflow(region.size)
      }
      if region.size == 0 || ends.contains(where: { $0.overflow }) { broken = "a region is empty or wraps" }
    }
    mutating func useInflight(_ area: InflightArea, _ memory: consuming FileDescriptor) throws(BackEndFault) {
      if !running.isEmpty { broken = "the in-flight log changes while a ring runs" }
      if area.queues == 0 || area.ringSize == 0 { broken = "an in-flight log is for nothing" }
    }
    mutating func makeInflight(queues: UInt16, ringSize: UInt16) throws(BackEndFault) -> InflightMemory {
      if Int(queues) > queueCount || UInt32(ringSize) > queueSize {
        broken = "an in-flight log is larger than the device"
      }
      throw .resource("no memory for it")
    }
    mutating func start(_ index: Int, _ place: VringPlace) throws(BackEndFault) {
      if !(0..<queueCount).contains(index) || !running.insert(index).inserted { broken = "a ring starts that can't" }
      if place.size == 0 || place.size > queueSize { broken = "a ring starts with an impossible size" }
    }
    mutating func stop(_ index: Int, clean: Bool) -> UInt32 {
      if running.remove(index) == nil { broken = "a ring stops that does not run" }
      return 0
    }
    mutating func enable(_ index: Int, _ enabled: Bool) {
      if !(0..<queueCount).contains(index) { broken = "a ring is enabled that does not exist" }
    }
    mutating func set(_ event: VringEvent, of index: Int, _ descriptor: consuming FileDescriptor?) throws(BackEndFault)
    {
      if !(0..<queueCount).contains(index) { broken = "a ring is wired that does not exist" }
    }
    func config() -> [UInt8] { space }
    mutating func setConfig(offset: Int, _ bytes: [UInt8]) -> Bool {
      guard offset >= 0, offset + bytes.count <= space.count else {
        broken = "a write lies outside of configuration space"
        return false
      }
      space.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      return bytes.first != 1
    }
    mutating func note(_ sentence: String) {}
    mutating func useChannel(_ socket: consuming FileDescriptor) {}
    mutating func reset() { if !running.isEmpty { broken = "the device is reset while a ring runs" } }
    mutating func transferState(_ pipe: consuming FileDescriptor, loading: Bool) throws(BackEndFault) {
      if !running.isEmpty { broken = "state moves while a ring runs" }
      stateTransfer = .done
    }
  }

  /// A handshake, a start and a stop.
  static var seeds: [[UInt8]] {
    let none = [UInt8](repeating: 0, count: 0)
    func message(_ request: UInt8, _ payload: [UInt8] = []) -> [UInt8] { [request, 8] + payload }
    func words(_ values: UInt64...) -> [UInt8] {
      values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }
    }
    let shake = [message(1), message(15), [16, 0] + words(0x8b229), message(3), message(17), message(36)].reduce(
      none, +)
    let memory = message(37, words(0, 0x1000, 0x1000, 0x1000, 0)) + message(32, words(0x10000, 0) + [2, 0, 0, 1])
    let start = [
      message(2, words(0x1_4000_0000)), message(8, words(0x40_0000_0000)), message(10, words(0)),
      message(9, words(0, 0x1000, 0x1400, 0x1200, 0)), message(13, words(0)), message(14, words(0)),
      message(12, words(0)), message(18, words(0x1_0000_0000)), message(39, words(15)),
    ].reduce(none, +)
    return [shake + memory + start + message(11, words(0)) + message(34) + message(39, words(0)) + message(40)]
  }
}
