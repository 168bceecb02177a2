// After the handshake: from what is in force to what is wanted, one message at a time.

extension FrontEndSession {
  /// Device status bits, virtio 1.3, 2.1.
  static let featuresOK: UInt8 = 8
  static let driverOK: UInt8 = 4

  /// What has to be done next to get to the goal; nil: nothing.
  enum Difference {
    case stop(Int), resetDevice, clearStatus, resetDone, features, status(UInt8), inflight, start(Int), rewire(Int)
  }

  mutating func nextInSession() -> VhostOutgoing? {
    while fault == nil {
      // Asked for while no ring ran: it must be out before one does.
      if let message = nextStateMessage() { return message }
      if let difference = difference() {
        if let message = message(for: difference) { return message }
        continue
      }
      if let write = configWrites.next() {
        // What the device made of it is what the driver shall read.
        configIsStale = true
        return tell(write)
      }
      if configIsStale, let message = readConfig() { return message }
      configIsStale = false
      return unconfirmed ? ask(GetFeatures()) : nil
    }
    return nil
  }

  // MARK: what to do

  func difference() -> Difference? {
    if let index = ringToStop() { return .stop(index) }
    if isResetting { return resetDifference() }
    let rings = goal.rings.contains { $0 != nil }
    if rings || goal.status & FrontEndSession.featuresOK != 0, force.features != goal.features { return .features }
    let early = goal.status & ~FrontEndSession.driverOK
    if hasStatus, force.status & early != early { return .status(early | force.status) }
    if rings, !force.inflight, protocolFeatures.contains(.inflightMemory) { return .inflight }
    for i in 0..<min(goal.rings.count, queueCount) {
      guard let wanted = goal.rings[i] else { continue }
      if force.rings[i].running == nil || force.rings[i].step != .done { return .start(i) }
      if rewiring(i, wanted) { return .rewire(i) }
    }
    return hasStatus && goal.status != 0 && force.status != goal.status ? .status(goal.status) : nil
  }

  private var hasStatus: Bool { protocolFeatures.contains(.status) }

  private func resetDifference() -> Difference {
    if protocolFeatures.contains(.resetDevice), !force.resetSent { return .resetDevice }
    return hasStatus && force.status != 0 ? .clearStatus : .resetDone
  }

  /// A ring that runs and shall not, or not like this.
  private func ringToStop() -> Int? {
    for (i, ring) in force.rings.enumerated() {
      guard let running = ring.running else { continue }
      if isResetting || force.features != goal.features { return i }
      guard i < goal.rings.count, let wanted = goal.rings[i], wanted.continues(running) else { return i }
    }
    return nil
  }

  private func rewiring(_ i: Int, _ wanted: RingGoal) -> Bool {
    guard let running = force.rings[i].running else { return false }
    return running.call != wanted.call || running.kick != wanted.kick || running.error != wanted.error
  }

  // MARK: doing it

  private mutating func message(for difference: Difference) -> VhostOutgoing? {
    switch difference {
    case .stop(let i):
      dueRing = i
      return ask(GetVringBase(index: UInt32(truncatingIfNeeded: i)))
    case .resetDevice:
      force.resetSent = true
      return tell(ResetDevice())
    case .clearStatus:
      force.status = 0
      return tell(SetStatus(0))
    case .resetDone: return finishReset()
    case .features:
      force.features = goal.features
      return tell(SetFeatures(goal.features | (offered & RingFeature.protocolFeatures)))
    case .status(let status):
      force.status = status
      return tell(SetStatus(UInt64(status)))
    case .inflight: return setInflight()
    case .start(let i): return start(i)
    case .rewire(let i): return rewire(i)
    }
  }

  private mutating func finishReset() -> VhostOutgoing? {
    // The driver may reuse its memory as soon as it reads status 0: all before must be done, not only sent.
    if unconfirmed { return ask(GetFeatures()) }
    isResetting = false
    force = InForce()
    configIsStale = protocolFeatures.contains(.config)
    tell(event: .resetDone)
    return nil
  }

  private mutating func setInflight() -> VhostOutgoing? {
    let packed = goal.features & RingFeature.packedRing != 0
    let needed = InflightArea.bytes(queues: queueCount, ringSize: setup.ringSize, packed: packed)
    guard needed <= setup.inflightBytes else {
      _ = fail(.inflightTooSmall(needed))
      return nil
    }
    force.inflight = true
    let area = InflightArea(
      size: setup.inflightBytes, offset: 0, queues: UInt16(truncatingIfNeeded: queueCount), ringSize: setup.ringSize)
    return tell(SetInflight(area), descriptors: [setup.inflight])
  }

  /// The next message that starts ring `i`; nil if this step has none.
  private mutating func start(_ i: Int) -> VhostOutgoing? {
    guard let wanted = goal.rings[i] else { return nil }
    if force.rings[i].running == nil, force.rings[i].starting != wanted {
      // The driver has changed its mind before the ring ran.
      force.rings[i] = RingInForce()
      force.rings[i].starting = wanted
    }
    let ring = force.rings[i].starting ?? wanted
    let step = force.rings[i].step
    force.rings[i].step = StartStep(rawValue: step.rawValue + 1) ?? .done
    return message(for: step, of: UInt32(truncatingIfNeeded: i), ring)
  }

  private mutating func message(for step: StartStep, of index: UInt32, _ ring: RingGoal) -> VhostOutgoing? {
    switch step {
    case .size: return tell(SetVringSize(index: index, number: UInt32(ring.size)))
    case .base: return tell(SetVringBase(index: index, number: ring.base))
    case .address:
      return tell(
        SetVringAddress(index: index, descriptors: ring.descriptors, used: ring.used, available: ring.available))
    case .call: return setCall(index, ring.call)
    case .error: return ring.error < 0 ? nil : setError(index, ring.error)
    case .kick: return setKick(index, ring)
    case .enable: return hasProtocol ? tell(SetVringEnable(index: index, number: 1)) : nil
    case .started, .done:
      tell(event: .ringStarted(Int(index)))
      return nil
    }
  }

  private mutating func setKick(_ index: UInt32, _ ring: RingGoal) -> VhostOutgoing {
    force.rings[Int(index)].running = ring
    force.resetSent = false
    return tell(SetVringKick(index: index, hasDescriptor: true), descriptors: [ring.kick])
  }

  private mutating func setCall(_ index: UInt32, _ call: Int32) -> VhostOutgoing {
    tell(SetVringCall(index: index, hasDescriptor: call >= 0), descriptors: call >= 0 ? [call] : [])
  }

  private mutating func setError(_ index: UInt32, _ error: Int32) -> VhostOutgoing {
    tell(SetVringError(index: index, hasDescriptor: error >= 0), descriptors: error >= 0 ? [error] : [])
  }

  /// Gives a running ring another eventfd, one of three at a time.
  private mutating func rewire(_ i: Int) -> VhostOutgoing? {
    guard let wanted = goal.rings[i], let running = force.rings[i].running else { return nil }
    let index = UInt32(truncatingIfNeeded: i)
    if running.call != wanted.call {
      force.rings[i].running?.call = wanted.call
      return setCall(index, wanted.call)
    }
    if running.error != wanted.error {
      force.rings[i].running?.error = wanted.error
      return setError(index, wanted.error)
    }
    force.rings[i].running?.kick = wanted.kick
    tell(event: .ringStarted(i))
    return tell(SetVringKick(index: index, hasDescriptor: true), descriptors: [wanted.kick])
  }

  mutating func take(base reply: VringBaseReply) {
    let packed = (force.features ?? 0) & RingFeature.packedRing != 0
    guard reply.index == UInt32(truncatingIfNeeded: dueRing), packed || reply.number <= 0xffff else {
      return _ = fail(.impossibleBase(reply.number))
    }
    force.rings[dueRing] = RingInForce()
    tell(event: .ringStopped(dueRing, base: reply.number))
  }

  mutating func take(configVerdict verdict: UInt64) {
    if verdict != 0 { tell(event: .configRefused) }
  }
}

extension InflightArea {
  /// Bytes of a log that every back-end's layout of it fits into: a head of at most 32 bytes and one entry for each descriptor,
  /// 16 bytes for a split ring and 32 for a packed one, each ring's part on a multiple of 64 ("Inflight I/O tracking").
  public static func bytes(queues: Int, ringSize: UInt16, packed: Bool) -> UInt64 {
    let one = 32 + UInt64(ringSize) * (packed ? 32 : 16)
    return UInt64(max(0, queues)) * ((one + 63) & ~63)
  }
}
