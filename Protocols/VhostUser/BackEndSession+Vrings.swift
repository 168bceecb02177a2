import System

// The rings: set up while stopped, started by SET_VRING_KICK, stopped by GET_VRING_BASE ("Ring states").
extension BackEndSession {
  private func vring(_ index: UInt32) throws(BackEndFault) -> Int {
    guard index < UInt32(vrings.count) else { throw .ring(Int(index), "the device has no such ring") }
    return Int(index)
  }

  private func stoppedVring(_ index: UInt32) throws(BackEndFault) -> Int {
    let index = try vring(index)
    guard !vrings[index].isStarted else { throw .ring(index, "its set-up changes while it runs") }
    return index
  }

  mutating func setSize<Handler: BackEndHandler & ~Copyable>(
    _ message: SetVringSize, _ handler: borrowing Handler
  ) throws(BackEndFault) {
    let index = try stoppedVring(message.index)
    guard message.number <= handler.queueSize else { throw .ring(index, "it has more entries than the device takes") }
    vrings[index].size = message.number
  }

  mutating func setAddress(_ message: SetVringAddress) throws(BackEndFault) {
    let index = try vring(message.index)
    if vrings[index].isStarted {
      // A front-end says the same again to switch logging, which was never on, off.
      guard vrings[index].address == message else { throw .ring(index, "it moves while it runs") }
      return
    }
    guard message.flags == 0 else { throw .ring(index, "its writes are to be logged, which was not offered") }
    vrings[index].address = message
  }

  mutating func setBase(_ message: SetVringBase) throws(BackEndFault) {
    let index = try stoppedVring(message.index)
    vrings[index].base = message.number
  }

  mutating func enable<Handler: BackEndHandler & ~Copyable>(
    _ message: SetVringEnable, _ handler: inout Handler
  ) throws(BackEndFault) {
    // Not tied to bit 30 in SET_FEATURES: QEMU enables the rings of a network card before the driver accepts anything.
    handler.enable(try vring(message.index), message.number == 1)
  }

  /// A kick descriptor starts a stopped ring and replaces that of a running one.
  mutating func setKick<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let request = try decode(message, SetVringKick.self)
    let index = try vring(request.index)
    try handler.set(.kick, of: index, message.take(0))
    guard !vrings[index].isStarted else { return }
    try handler.start(index, try place(index))
    vrings[index].isStarted = true
  }

  mutating func setEvent<Handler: BackEndHandler & ~Copyable, M: VringDescriptorPayload>(
    _ event: VringEvent, _ request: M, _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    try handler.set(event, of: try vring(request.index), message.take(0))
  }

  mutating func getBase<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) -> BackEndAnswer {
    let request = try decode(message, GetVringBase.self)
    let index = try vring(request.index)
    if vrings[index].isStarted { stop(index, &handler, clean: true) }
    let reply = VringBaseReply(index: request.index, number: vrings[index].base ?? defaultBase)
    return BackEndAnswer(VhostOutgoing(reply: reply, to: message.request))
  }

  mutating func stopAll<Handler: BackEndHandler & ~Copyable>(_ handler: inout Handler, clean: Bool) {
    for index in vrings.indices where vrings[index].isStarted { stop(index, &handler, clean: clean) }
  }

  private mutating func stop<Handler: BackEndHandler & ~Copyable>(
    _ index: Int, _ handler: inout Handler, clean: Bool
  ) {
    vrings[index].base = handler.stop(index, clean: clean)
    vrings[index].isStarted = false
  }

  private func place(_ index: Int) throws(BackEndFault) -> VringPlace {
    let vring = vrings[index]
    guard let address = vring.address, vring.size > 0 else { throw .ring(index, "it starts without size or address") }
    guard features & RingFeature.version1 != 0 else { throw .ring(index, "it starts for a driver without VERSION_1") }
    let isPacked = features & RingFeature.packedRing != 0
    guard isPacked || vring.size & (vring.size - 1) == 0 else { throw .ring(index, "its size is no power of two") }
    return VringPlace(
      size: vring.size, descriptors: address.descriptors, available: address.available, used: address.used,
      base: vring.base ?? defaultBase, guestAddressed: protocolFeatures.contains(.guestAddresses))
  }

  /// Where a new ring begins: index 0, wrap counters 1 (virtio 1.3, 2.8.1).
  private var defaultBase: UInt32 { features & RingFeature.packedRing != 0 ? 0x8000_8000 : 0 }
}
