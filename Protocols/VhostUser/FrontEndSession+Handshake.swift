/// The messages of the handshake, in order; those that are not due are skipped.
enum HandshakeStep: Sendable, Equatable {
  case getFeatures, getProtocolFeatures, setProtocolFeatures, setOwner, getQueueCount, getMemorySlots, setBackEndChannel
  case getConfig, addMemory(Int), setMemory, finish
}

extension FrontEndSession {
  /// Rings of one function.
  public static let maximumQueues = 32
  /// Protocol features that this half can use.
  public static let knownProtocolFeatures: ProtocolFeatures = [
    .multipleQueues, .replyAcknowledge, .backEndRequests, .config, .inflightMemory, .resetDevice, .memorySlots, .status,
    .deviceState,
  ]
  /// Feature bits that no guest sees: 24 NOTIFY_ON_EMPTY and 27 ANY_LAYOUT are legacy's, 26 is vhost's LOG_ALL, 30 vhost-user's own,
  /// and 33 ACCESS_PLATFORM would need IOTLB messages.
  public static let hiddenFeatures: UInt64 =
    1 << 24 | 1 << 26 | 1 << 27 | RingFeature.protocolFeatures | RingFeature.accessPlatform

  var hasProtocol: Bool { offered & RingFeature.protocolFeatures != 0 }

  mutating func nextOfHandshake() -> VhostOutgoing? {
    while !isConnected {
      let step = handshake
      handshake = following(step)
      if let message = message(for: step) { return message }
      // The barrier leaves the step where it is, and fault or connection end the loop.
      if fault != nil || due != nil { return nil }
    }
    return nil
  }

  private func following(_ step: HandshakeStep) -> HandshakeStep {
    switch step {
    case .getFeatures: .getProtocolFeatures
    case .getProtocolFeatures: .setProtocolFeatures
    case .setProtocolFeatures: .setOwner
    case .setOwner: .getQueueCount
    case .getQueueCount: .getMemorySlots
    case .getMemorySlots: .setBackEndChannel
    case .setBackEndChannel: .getConfig
    case .getConfig: protocolFeatures.contains(.memorySlots) ? .addMemory(0) : .setMemory
    case .addMemory(let i): i + 1 < setup.regions.count ? .addMemory(i + 1) : .finish
    case .setMemory, .finish: .finish
    }
  }

  private mutating func message(for step: HandshakeStep) -> VhostOutgoing? {
    switch step {
    case .getFeatures: return ask(GetFeatures())
    case .getProtocolFeatures: return hasProtocol ? ask(GetProtocolFeatures()) : nil
    case .setProtocolFeatures: return hasProtocol ? setProtocolFeatures() : nil
    case .setOwner: return tell(SetOwner())
    case .getQueueCount: return protocolFeatures.contains(.multipleQueues) ? ask(GetQueueCount()) : nil
    case .getMemorySlots: return protocolFeatures.contains(.memorySlots) ? ask(GetMemorySlots()) : nil
    case .setBackEndChannel:
      return protocolFeatures.contains(.backEndRequests)
        ? tell(SetBackEndChannel(), descriptors: [setup.backEndChannel]) : nil
    case .getConfig: return readConfig()
    case .addMemory(let i):
      return tell(AddMemoryRegion(setup.regions[i]), descriptors: [setup.memory[i]])
    case .setMemory: return tell(SetMemoryTable(setup.regions), descriptors: setup.memory)
    case .finish: return finish()
    }
  }

  /// Sent without need_reply: whether it may be is what it says.
  private mutating func setProtocolFeatures() -> VhostOutgoing {
    VhostOutgoing(SetProtocolFeatures(protocolFeatures.rawValue))
  }

  /// Asks for configuration space, if the back-end has it and somebody wants it.
  mutating func readConfig() -> VhostOutgoing? {
    guard protocolFeatures.contains(.config), setup.configBytes > 0 else { return nil }
    return ask(GetConfig(offset: 0, size: UInt32(truncatingIfNeeded: setup.configBytes)))
  }

  private mutating func finish() -> VhostOutgoing? {
    if unconfirmed { return ask(GetFeatures()) }
    if queueCount == 0 { queueCount = setup.queues == 0 ? 1 : min(setup.queues, FrontEndSession.maximumQueues) }
    if protocolFeatures.isDisjoint(with: .config) || setup.configBytes == 0 { config = setup.config }
    isConnected = true
    tell(event: .connected)
    return nil
  }

  // MARK: answers

  mutating func take(features: UInt64) {
    // As a barrier it says only that everything before it was done.
    unconfirmed = false
    guard handshake == .getProtocolFeatures else { return }
    guard features & RingFeature.version1 != 0 else { return _ = fail(.legacy) }
    offered = features
    self.features = features & ~FrontEndSession.hiddenFeatures
    if !setup.offersPacked { self.features &= ~RingFeature.packedRing }
  }

  mutating func take(protocolFeatures bits: UInt64) {
    protocolFeatures = ProtocolFeatures(rawValue: bits).intersection(FrontEndSession.knownProtocolFeatures)
    if setup.backEndChannel < 0 { protocolFeatures.remove(.backEndRequests) }
    if setup.inflight < 0 { protocolFeatures.remove(.inflightMemory) }
  }

  mutating func take(queueCount count: UInt64) {
    guard count >= 1, count >= UInt64(setup.queues) else { return _ = fail(.tooFewQueues(count)) }
    let wanted = setup.queues == 0 ? UInt64(FrontEndSession.maximumQueues) : UInt64(setup.queues)
    queueCount = Int(min(count, wanted, UInt64(FrontEndSession.maximumQueues)))
  }

  mutating func take(memorySlots count: UInt64) {
    if count < UInt64(setup.regions.count) { _ = fail(.tooFewMemorySlots(count)) }
  }

  mutating func take(config reply: ConfigReply) {
    let asked = setup.configBytes
    guard reply.size > 0 else { return _ = fail(.configRefused(asked)) }
    guard reply.offset == 0, reply.bytes.count == asked else { return _ = fail(.wrongConfig) }
    configIsStale = false
    if isConnected, config != reply.bytes { tell(event: .configChanged) }
    config = reply.bytes
  }
}
