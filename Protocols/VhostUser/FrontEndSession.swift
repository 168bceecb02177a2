/// The front-end's half of vhost-user, without socket and clock: goals and answers go in, messages and events come out.
///
///     connected? ── next() ──► send          pursue(goal), write(config), reset()
///        receive(answer) ◄── socket           what is not in force yet is sent, one message at a time
///
/// With REPLY_ACK every message is acknowledged before the next goes out; without it a GET_FEATURES behind a batch of messages
/// takes its place. So at most one answer is due, and a deadline belongs to it.
public struct FrontEndSession: Sendable {
  /// What the session works with.
  public let setup: FrontEndSetup
  /// What ended it, if something did; nothing is sent any more.
  public internal(set) var fault: FrontEndFault?
  /// True once the handshake is done.
  public internal(set) var isConnected = false
  /// Features for the guest to choose from; known once connected. Without those that are the transport's or the host's business.
  public internal(set) var features: UInt64 = 0
  /// Protocol features in force; known once connected.
  public internal(set) var protocolFeatures: ProtocolFeatures = []
  /// Rings, 1...32; known once connected.
  public internal(set) var queueCount = 0
  /// Configuration space as last read; known once connected.
  public internal(set) var config: [UInt8] = []
  /// Requests on the back-end's channel that were answered with an error.
  public internal(set) var refusedRequests = 0

  /// The device as the driver wants it.
  public internal(set) var goal = DeviceGoal()
  /// A reset was asked for and is not done.
  public internal(set) var isResetting = false

  var offered: UInt64 = 0
  var handshake = HandshakeStep.getFeatures
  var force = InForce()
  var configWrites = ConfigWrites()
  var configIsStale = false
  var stateRequest: StateRequest?
  var events: [FrontEndEvent] = []
  /// The request whose answer is due, and until when.
  var due: FrontEndRequest?
  var dueUntil: Int64 = 0
  /// The ring that the message due is about.
  var dueRing = 0
  /// Messages sent that nothing has confirmed: REPLY_ACK is not in force.
  var unconfirmed = false

  /// A session over a fresh connection, with nothing in force.
  public init(_ setup: FrontEndSetup) { self.setup = setup }

  // MARK: goals

  /// The driver's wishes from now on. Rings that run otherwise are stopped first.
  public mutating func pursue(_ goal: DeviceGoal) { self.goal = goal }

  /// The driver has written 0 to the device status: rings stop, the back-end resets; `resetDone` follows. The goal is empty.
  public mutating func reset() {
    goal = DeviceGoal()
    isResetting = true
    configWrites = ConfigWrites()
  }

  /// The driver has written to configuration space; what lies outside of it is ignored, as is all without CONFIG.
  public mutating func write(config bytes: [UInt8], at offset: Int) {
    guard protocolFeatures.contains(.config) else { return }
    configWrites.add(bytes, at: offset, limit: config.count)
  }

  /// Asks for the device's state to be written to, or read from, `pipe` (borrowed until the event); false if that can't be
  /// now: a ring runs, or DEVICE_STATE is not in force, or another transfer is under way. That no ring starts until `checkState`
  /// is answered is the caller's business.
  public mutating func transferState(_ direction: SetDeviceState.Direction, pipe: Int32) -> Bool {
    guard canTransferState else { return false }
    stateRequest = StateRequest(transfer: SetDeviceState(direction), pipe: pipe)
    return true
  }

  /// Asks whether the state went through whole; false if that can't be asked now.
  public mutating func checkState() -> Bool {
    guard canTransferState else { return false }
    stateRequest = StateRequest(transfer: nil, pipe: -1)
    return true
  }

  private var canTransferState: Bool {
    isConnected && fault == nil && stateRequest == nil && protocolFeatures.contains(.deviceState) && !force.anyRunning
  }

  /// True if all that was asked for is in force, and confirmed.
  public var isSettled: Bool {
    guard isConnected, fault == nil, due == nil, !isResetting, !unconfirmed, !configIsStale else { return false }
    return configWrites.isEmpty && stateRequest == nil && difference() == nil
  }

  // MARK: messages and events

  /// The next message to send; call until nil after everything that was told to the session. `now` is monotonic, in ns.
  public mutating func next(now: Int64) -> VhostOutgoing? {
    guard fault == nil, due == nil else { return nil }
    guard let message = isConnected ? nextInSession() : nextOfHandshake() else { return nil }
    if due != nil { dueUntil = now.addingReportingOverflow(setup.patience).partialValue }
    return message
  }

  /// The next event, or nil.
  public mutating func nextEvent() -> FrontEndEvent? { events.isEmpty ? nil : events.remove(at: 0) }

  /// When `elapse` is due, monotonic ns; nil: no answer is awaited.
  public var deadline: Int64? { due == nil || fault != nil ? nil : dueUntil }

  /// The time has come to `now`: a back-end that owes an answer for too long is at fault.
  public mutating func elapse(now: Int64) throws(FrontEndFault) {
    if let due, fault == nil, now >= dueUntil { throw fail(.silent(due)) }
  }

  /// Takes an answer of the back-end.
  public mutating func receive(_ message: borrowing VhostIncoming) throws(FrontEndFault) {
    if let fault { throw fault }
    guard message.header.isReply else { throw fail(.notAnAnswer(message.request)) }
    guard let due else { throw fail(.unsolicited(message.request)) }
    guard message.request == due.rawValue else { throw fail(.wrongAnswer(due: due, got: message.request)) }
    self.due = nil
    do throws(VhostMessageError) {
      try take(answer: message, to: due)
    } catch {
      throw fail(.malformed(error))
    }
    if let fault { throw fault }
  }

  // MARK: inside

  mutating func fail(_ fault: FrontEndFault) -> FrontEndFault {
    self.fault = fault
    return fault
  }

  /// A message that has an answer of its own.
  mutating func ask<M: FrontEndMessage>(_ message: M, descriptors: [Int32] = []) -> VhostOutgoing {
    due = M.request
    return VhostOutgoing(message, descriptors: descriptors)
  }

  /// A message that has none: acknowledged if that is in force.
  mutating func tell<M: FrontEndMessage>(_ message: M, descriptors: [Int32] = []) -> VhostOutgoing {
    let acknowledged = protocolFeatures.contains(.replyAcknowledge)
    if acknowledged { due = M.request } else { unconfirmed = true }
    return VhostOutgoing(message, descriptors: descriptors, acknowledge: acknowledged)
  }

  mutating func tell(event: FrontEndEvent) {
    // A back-end that changes its configuration all the time fills no queue.
    if event == .configChanged, events.last == .configChanged { return }
    events.append(event)
  }

  private mutating func take(answer: borrowing VhostIncoming, to request: FrontEndRequest) throws(VhostMessageError) {
    switch request {
    case .getVringBase: take(base: try answer.decode())
    case .getConfig: take(config: try answer.decode())
    case .setDeviceState where answer.descriptorCount > 0: _ = fail(.ownStateChannel)
    default: take(number: try answer.decode(NumberReply.self).value, to: request)
    }
  }

  private mutating func take(number: UInt64, to request: FrontEndRequest) {
    switch request {
    case .getFeatures: take(features: number)
    case .getProtocolFeatures: take(protocolFeatures: number)
    case .getQueueCount: take(queueCount: number)
    case .getMemorySlots: take(memorySlots: number)
    case .setDeviceState: take(stateTransfer: number)
    case .checkDeviceState: finishStateRequest(.stateChecked(number == 0))
    case .setConfig: take(configVerdict: number)
    default: if number != 0 { _ = fail(.refused(request, number)) }
    }
  }
}

/// What the back-end has been told.
struct InForce: Sendable {
  var features: UInt64?
  var status: UInt8 = 0
  var inflight = false
  var rings = [RingInForce](repeating: RingInForce(), count: FrontEndSession.maximumQueues)
  /// RESET_DEVICE was sent since the last ring ran.
  var resetSent = false

  var anyRunning: Bool { rings.contains { $0.running != nil } }
}

/// One ring as the back-end knows it.
struct RingInForce: Sendable {
  /// Set from SET_VRING_KICK to GET_VRING_BASE.
  var running: RingGoal?
  /// What it is being started as, or was, and the next message of that.
  var starting: RingGoal?
  var step = StartStep.size
}

/// The messages that start a ring, in order.
enum StartStep: Int, Sendable { case size, base, address, call, error, kick, enable, started, done }

/// A state transfer that was asked for, or without one the question how it went.
struct StateRequest: Sendable {
  var transfer: SetDeviceState?
  var pipe: Int32
  var sent = false
}

/// Bytes of configuration space that the driver wrote and the back-end does not know: at most 256, however often it writes.
struct ConfigWrites: Sendable {
  private var bytes = [UInt8](repeating: 0, count: VhostLimits.configBytes)
  private var written = [Bool](repeating: false, count: VhostLimits.configBytes)
  private var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func add(_ new: [UInt8], at offset: Int, limit: Int) {
    for (i, byte) in new.enumerated() {
      let position = offset.addingReportingOverflow(i).partialValue
      guard position >= 0, position < min(limit, bytes.count) else { continue }
      bytes[position] = byte
      if !written[position] { count += 1 }
      written[position] = true
    }
  }

  /// The first run of written bytes, which is then no longer to be written.
  mutating func next() -> SetConfig? {
    guard count > 0, let start = written.firstIndex(of: true) else { return nil }
    var run: [UInt8] = []
    var end = start
    while end < written.count, written[end] {
      run.append(bytes[end])
      written[end] = false
      end += 1
    }
    count -= run.count
    return SetConfig(offset: UInt32(truncatingIfNeeded: start), bytes: run)
  }
}
