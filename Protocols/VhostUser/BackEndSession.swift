import System

/// An answer, and the descriptor that goes with it.
public struct BackEndAnswer: ~Copyable {
  /// Without descriptor, which is this value's.
  public let message: VhostOutgoing
  /// At most one goes with any answer; number -1: none.
  public let descriptor: FileDescriptor
  /// Whether there is one.
  public var hasDescriptor: Bool { descriptor.raw >= 0 }

  init(_ message: VhostOutgoing, _ descriptor: consuming FileDescriptor = FileDescriptor(owning: -1)) {
    self.message = message
    self.descriptor = descriptor
  }
}

/// The back-end half of one vhost-user conversation: what was negotiated, what may come now, and what is answered.
///
/// It has no socket and no memory; `BackEndHandler` has. A front-end that breaks the rules gets `BackEndFault`, and the
/// conversation is over: call `end`, and take the next front-end with a new session. What the host refuses (a mapping, a
/// read-only field) is said in the acknowledgement if one was asked for, and ends the session if not.
///
/// Deliberately absent: the dirty log, IOTLB, in-band notifications, postcopy, RARP, MTU, crypto, shared objects, and shared
/// memory regions. None is offered, so that their messages are faults.
public struct BackEndSession: ~Copyable {
  /// What the session knows of one ring.
  struct Vring {
    var size: UInt32 = 0
    var address: SetVringAddress?
    /// Nil until the front-end has said one or the ring has stopped.
    var base: UInt32?
    var isStarted = false
  }

  /// Everything that this type serves.
  public static var protocolFeatures: ProtocolFeatures {
    [
      .multipleQueues, .replyAcknowledge, .backEndRequests, .config, .inflightMemory, .resetDevice, .memorySlots,
      .status,
      .deviceState, .guestAddresses,
    ]
  }

  var protocolFeatures: ProtocolFeatures = []
  /// As SET_FEATURES said, bit 30 included.
  var features: UInt64 = 0
  var status: UInt8 = 0
  var vrings: [Vring]
  /// CHECK_DEVICE_STATE waits for the end of the transfer: nothing may be read from the front-end before `stateAnswer`.
  public internal(set) var awaitsState = false

  /// A new conversation about a device with `queueCount` rings.
  public init(queueCount: Int) { vrings = [Vring](repeating: Vring(), count: queueCount) }

  /// Whether any ring is started: the device is not suspended ("Suspended device state").
  public var isActive: Bool {
    for vring in vrings where vring.isStarted { return true }
    return false
  }

  /// Whether the front-end is to be told of changes of configuration space now. A suspended device sends nothing.
  public var mayTellConfigChange: Bool { isActive && protocolFeatures.isSuperset(of: [.config, .backEndRequests]) }

  /// Carries out one message and returns what is to be sent; nil: nothing, or with `awaitsState` not yet.
  public mutating func handle<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) -> BackEndAnswer? {
    guard let request = FrontEndRequest(rawValue: message.request) else {
      throw .message(.unknownRequest(message.request))
    }
    guard !message.header.isReply else { throw .message(.unexpectedFlags(message.header.flags)) }
    // REPLY_ACK is in force from the message after its negotiation.
    let acknowledges = message.header.needsReply && !request.hasReply && protocolFeatures.contains(.replyAcknowledge)
    if request.hasReply { return try answer(request, &message, &handler) }
    var result: UInt64 = 0
    do throws(BackEndFault) {
      try carryOut(request, &message, &handler)
    } catch {
      guard acknowledges, BackEndSession.isRefusal(error) else { throw error }
      handler.note(error.sentence)
      result = 1
    }
    return acknowledges ? BackEndAnswer(VhostOutgoing(reply: NumberReply(result), to: message.request)) : nil
  }

  /// The front-end is gone or is being sent away: requests are finished and rings stopped, so that a later front-end with the
  /// same in-flight log goes on where this one was.
  public mutating func end<Handler: BackEndHandler & ~Copyable>(_ handler: inout Handler) {
    stopAll(&handler, clean: false)
  }

  // MARK: messages without an answer of their own

  private mutating func carryOut<Handler: BackEndHandler & ~Copyable>(
    _ request: FrontEndRequest, _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    switch request {
    case .setOwner: _ = try decode(message, SetOwner.self)
    case .resetOwner: _ = try decode(message, ResetOwner.self)
    case .setFeatures: try setFeatures(try decode(message, SetFeatures.self).value, &handler)
    case .setProtocolFeatures: try setProtocolFeatures(try decode(message, SetProtocolFeatures.self).features, handler)
    case .setMemoryTable: try setMemoryTable(&message, &handler)
    case .addMemoryRegion: try addMemoryRegion(&message, &handler)
    case .removeMemoryRegion: try removeMemoryRegion(message, &handler)
    case .setInflight: try setInflight(&message, &handler)
    case .setVringSize: try setSize(try decode(message, SetVringSize.self), handler)
    case .setVringAddress: try setAddress(try decode(message, SetVringAddress.self))
    case .setVringBase: try setBase(try decode(message, SetVringBase.self))
    case .setVringEnable: try enable(try decode(message, SetVringEnable.self), &handler)
    case .setVringKick: try setKick(&message, &handler)
    case .setVringCall: try setEvent(.call, try decode(message, SetVringCall.self), &message, &handler)
    case .setVringError: try setEvent(.error, try decode(message, SetVringError.self), &message, &handler)
    case .setConfig: try setConfig(message, &handler)
    case .setStatus: try setStatus(message, &handler)
    case .resetDevice: try resetDevice(message, &handler)
    case .setBackEndChannel: try setBackEndChannel(&message, &handler)
    default: throw .refused(request, "the message is not served here")
    }
  }

  // MARK: messages with an answer

  private mutating func answer<Handler: BackEndHandler & ~Copyable>(
    _ request: FrontEndRequest, _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) -> BackEndAnswer? {
    switch request {
    case .getFeatures:
      _ = try decode(message, GetFeatures.self)
      return number(handler.features, request)
    case .getProtocolFeatures:
      _ = try decode(message, GetProtocolFeatures.self)
      return number(handler.protocolFeatures.rawValue, request)
    case .getQueueCount:
      _ = try decode(message, GetQueueCount.self)
      return number(UInt64(vrings.count), request)
    case .getMemorySlots:
      _ = try decode(message, GetMemorySlots.self)
      try require(.memorySlots, request)
      return number(UInt64(handler.memorySlots), request)
    case .getVringBase: return try getBase(message, &handler)
    case .getConfig: return try getConfig(message, handler)
    case .getInflight: return try getInflight(message, &handler)
    case .getStatus: return try getStatus(message, handler)
    case .setDeviceState: return try setDeviceState(&message, &handler)
    case .checkDeviceState: return try checkDeviceState(message, handler)
    default: throw .refused(request, "the message is not served here")
    }
  }

  // MARK: features

  private mutating func setFeatures<Handler: BackEndHandler & ~Copyable>(
    _ value: UInt64, _ handler: inout Handler
  ) throws(BackEndFault) {
    guard value & ~handler.features == 0 else { throw .refused(.setFeatures, "a feature was not offered") }
    if isActive {
      // Front-ends repeat it, for instance to switch a dirty log off that was never on.
      guard value == features else { throw .refused(.setFeatures, "features change while a ring runs") }
      return
    }
    features = value
    handler.accept(features: value & ~RingFeature.protocolFeatures)
    guard value & RingFeature.protocolFeatures == 0 else { return }
    for index in vrings.indices { handler.enable(index, true) }
  }

  private mutating func setProtocolFeatures<Handler: BackEndHandler & ~Copyable>(
    _ value: ProtocolFeatures, _ handler: borrowing Handler
  ) throws(BackEndFault) {
    guard handler.protocolFeatures.isSuperset(of: value) else {
      throw .refused(.setProtocolFeatures, "a protocol feature was not offered")
    }
    guard !isActive || value == protocolFeatures else {
      throw .refused(.setProtocolFeatures, "protocol features change while a ring runs")
    }
    protocolFeatures = value
  }

  // MARK: helpers

  func require(_ feature: ProtocolFeatures, _ request: FrontEndRequest) throws(BackEndFault) {
    guard protocolFeatures.contains(feature) else {
      throw .refused(request, "the protocol feature that it belongs to was not negotiated")
    }
  }

  func number(_ value: UInt64, _ request: FrontEndRequest) -> BackEndAnswer {
    BackEndAnswer(VhostOutgoing(reply: NumberReply(value), to: request.rawValue))
  }

  func decode<M: FrontEndMessage>(_ message: borrowing VhostIncoming, _ type: M.Type) throws(BackEndFault) -> M {
    do throws(VhostMessageError) { return try message.decode(type) } catch { throw .message(error) }
  }

  /// Whether the front-end can do something else after it: the host or the device said no, nobody broke a rule.
  private static func isRefusal(_ fault: BackEndFault) -> Bool {
    switch fault {
    case .resource, .system: true
    case .closed, .message, .refused, .ring: false
    }
  }
}
