// The front-end half of vhost-user against a back-end that says anything. Protocols/VhostUser/README.md.

import FuzzSupport
import VhostUser

/// Drives a `FrontEndSession`: the input chooses the driver's wishes and the back-end's answers, honest, spoilt or arbitrary.
///
/// Promises: every message sent is one that a back-end may be sent then; at most one answer is due; a session that has ended says
/// nothing more; what a back-end says fills no queue.
enum VhostFrontTarget {
  static func run(_ input: [UInt8]) -> String? {
    var bench = Bench(input)
    while !bench.source.isEmpty, bench.broken == nil { bench.step() }
    return bench.broken
  }

  /// A whole life with honest answers.
  static var seeds: [[UInt8]] {
    let answers = [UInt8](repeating: 0, count: 40)
    let whole: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 8]
    return [whole + answers + [2, 7, 15, 1] + answers + [3] + answers + [4, 8, 2, 1, 1] + answers]
  }

  private struct Bench {
    var source: ByteSource
    var session: FrontEndSession
    var broken: String?
    /// What the back-end offers.
    private let features: UInt64
    private let queues: UInt64
    private let slots: UInt64
    private var due: VhostOutgoing?
    private var running: Set<UInt32> = []
    private var now: Int64 = 0

    init(_ input: [UInt8]) {
      source = ByteSource(input)
      features = source.integer(UInt64.self)
      queues = UInt64(source.byte())
      slots = UInt64(source.byte())
      let region = MemoryRegion(guestAddress: 0, size: 1 << 20, userAddress: 0, fileOffset: 0)
      var setup = FrontEndSetup(regions: [region], memory: [100])
      (setup.backEndChannel, setup.inflight, setup.inflightBytes) = (101, 102, 1 << 20)
      (setup.configBytes, setup.ringSize, setup.patience) = (60, 256, 1000)
      session = FrontEndSession(setup)
      pump()
    }

    mutating func step() {
      switch source.byte() {
      case 0: answer(honestly: true)
      case 1: answer(honestly: false)
      case 2: pursue()
      case 3: session.reset()
      case 4: session.write(config: source.bytes(Int(source.byte())), at: Int(source.integer(Int16.self)))
      case 5: receive(request: source.integer(UInt32.self), flags: source.integer(UInt32.self))
      case 6: receiveOnChannel()
      case 7:
        now &+= Int64(source.byte()) * 16
        try? session.elapse(now: now)
      case 8: _ = session.transferState(source.byte() & 1 == 0 ? .save : .load, pipe: 103)
      case 9: _ = session.checkState()
      default: answer(honestly: true)
      }
      pump()
    }

    // MARK: the driver

    private mutating func pursue() {
      var goal = DeviceGoal()
      let rings = source.byte()
      goal.status = source.byte()
      goal.features = source.byte() & 1 == 0 ? 1 << 32 : 1 << 32 | RingFeature.packedRing
      for i in 0..<8 {
        guard rings >> UInt8(i) & 1 == 1 else {
          goal.rings.append(nil)
          continue
        }
        let choice = source.byte()
        goal.rings.append(
          RingGoal(
            size: UInt16(1) << UInt16(choice & 7), descriptors: UInt64(choice >> 3 & 1) << 12, available: 0x2000,
            used: 0x3000,
            base: 0, kick: 200 + Int32(choice >> 4 & 1), call: choice & 0x20 == 0 ? 300 : -1,
            error: choice & 0x40 == 0 ? 301 : -1))
      }
      session.pursue(goal)
    }

    // MARK: the back-end

    private mutating func answer(honestly: Bool) {
      guard let due, let request = FrontEndRequest(rawValue: due.header.request) else { return }
      var payload = honestPayload(request, due)
      if !honestly {
        let place = source.byte()
        switch source.byte() & 3 {
        case 0: payload = Array(payload.prefix(Int(place)))
        case 1: payload += source.bytes(Int(place))
        case 2: payload = source.bytes(Int(place))
        default: if !payload.isEmpty { payload[Int(place) % payload.count] ^= source.byte() }
        }
      }
      deliver(request.rawValue, VhostHeader.version | VhostHeader.reply, payload)
    }

    private func honestPayload(_ request: FrontEndRequest, _ message: VhostOutgoing) -> [UInt8] {
      switch request {
      case .getFeatures: NumberReply(features).encode()
      case .getProtocolFeatures: NumberReply(features.byteSwapped).encode()
      case .getQueueCount: NumberReply(queues).encode()
      case .getMemorySlots: NumberReply(slots).encode()
      case .getVringBase: VringBaseReply(index: UInt32(message.payload[0]), number: 0).encode()
      case .getConfig: ConfigReply(offset: 0, size: 60, flags: 0, bytes: [UInt8](repeating: 1, count: 60)).encode()
      case .setDeviceState: NumberReply(0x100).encode()
      default: NumberReply(0).encode()
      }
    }

    private mutating func receive(request: UInt32, flags: UInt32) {
      deliver(request, flags, source.bytes(Int(source.byte())))
    }

    private mutating func deliver(_ request: UInt32, _ flags: UInt32, _ payload: [UInt8]) {
      let header = VhostHeader(request: request, flags: flags, payloadSize: UInt32(payload.count))
      do throws(FrontEndFault) {
        try session.receive(VhostIncoming(header: header, payload: payload))
        due = nil
      } catch {
        if session.fault == nil { broken = "an answer was refused, and the session goes on" }
      }
    }

    private mutating func receiveOnChannel() {
      let header = VhostHeader(request: UInt32(source.byte()), flags: 1 | UInt32(source.byte() & 12), payloadSize: 0)
      let message = VhostIncoming(header: header, payload: source.bytes(Int(source.byte())))
      guard let answer = try? session.receive(onChannel: message) else { return }
      if answer.payload.count != 8 || !answer.header.isReply { broken = "an answer on the channel is none" }
    }

    // MARK: what is sent

    private mutating func pump() {
      let ended = session.fault != nil
      var count = 0
      while let message = session.next(now: now) {
        count += 1
        if ended || due != nil || count > 1000 { broken = "a message was sent that was not due" }
        check(message)
        guard broken == nil else { return }
      }
      var events = 0
      while session.nextEvent() != nil { events += 1 }
      if events > 200 { broken = "there are \(events) events" }
      _ = session.isSettled
      if (session.deadline != nil) != (due != nil && session.fault == nil) {
        broken = "the deadline is not that of an answer"
      }
    }

    private mutating func check(_ message: VhostOutgoing) {
      guard let request = FrontEndRequest(rawValue: message.header.request), (try? message.header.check()) != nil,
        Int(message.header.payloadSize) == message.payload.count,
        VhostFrontTarget.isValid(request, message.payload, message.descriptors.count)
      else { return broken = "a message is not valid" }
      if request.hasReply || message.header.needsReply { due = message }
      trackRing(request, message)
    }

    /// A ring is set up while it does not run, and stopped while it does.
    private mutating func trackRing(_ request: FrontEndRequest, _ message: VhostOutgoing) {
      guard let first = message.payload.first else { return }
      let ring = UInt32(first)
      switch request {
      case .setVringSize, .setVringBase, .setVringAddress:
        if running.contains(ring) { broken = "a ring is set up while it runs" }
        if Int(ring) >= session.queueCount { broken = "a ring is set up that the back-end does not have" }
      case .setVringKick: running.insert(ring)
      case .getVringBase: if running.remove(ring) == nil { broken = "a ring is stopped that does not run" }
      case .setFeatures, .setInflight, .resetDevice, .setDeviceState:
        if !running.isEmpty { broken = "a message for a device at rest was sent while rings run" }
      default: break
      }
    }
  }

  /// Whether a back-end would take it.
  static func isValid(_ request: FrontEndRequest, _ payload: [UInt8], _ descriptors: Int) -> Bool {
    func decodes<M: FrontEndMessage>(_ type: M.Type) -> Bool {
      (try? M(decoding: payload, descriptors: descriptors, request: request.rawValue)) != nil
    }
    return switch request {
    case .getFeatures: decodes(GetFeatures.self)
    case .setFeatures: decodes(SetFeatures.self)
    case .setOwner: decodes(SetOwner.self)
    case .setMemoryTable: decodes(SetMemoryTable.self)
    case .setVringSize: decodes(SetVringSize.self)
    case .setVringAddress: decodes(SetVringAddress.self)
    case .setVringBase: decodes(SetVringBase.self)
    case .getVringBase: decodes(GetVringBase.self)
    case .setVringKick: decodes(SetVringKick.self)
    case .setVringCall: decodes(SetVringCall.self)
    case .setVringError: decodes(SetVringError.self)
    case .getProtocolFeatures: decodes(GetProtocolFeatures.self)
    case .setProtocolFeatures: decodes(SetProtocolFeatures.self)
    case .getQueueCount: decodes(GetQueueCount.self)
    case .setVringEnable: decodes(SetVringEnable.self)
    case .setBackEndChannel: decodes(SetBackEndChannel.self)
    case .getConfig: decodes(GetConfig.self)
    case .setConfig: decodes(SetConfig.self)
    case .setInflight: decodes(SetInflight.self)
    case .resetDevice: decodes(ResetDevice.self)
    case .getMemorySlots: decodes(GetMemorySlots.self)
    case .addMemoryRegion: decodes(AddMemoryRegion.self)
    case .setStatus: decodes(SetStatus.self)
    case .setDeviceState: decodes(SetDeviceState.self)
    case .checkDeviceState: decodes(CheckDeviceState.self)
    default: false
    }
  }
}
