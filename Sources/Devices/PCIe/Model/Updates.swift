// What happens to functions from the side of their back-ends. Each of these is a transaction of its own for the process.

/// What a back-end says of itself when it is connected.
public struct BackEndOffer: Sendable {
  /// Virtio device number.
  public var deviceID: UInt32
  /// Virtio features of the back-end, or of the front-end on its behalf; bits that do not concern a guest are taken out.
  public var features: UInt64
  /// Queues, 1 to 32.
  public var queues: Int
  /// Device-specific configuration, at most 256 bytes.
  public var config: [UInt8]

  public init(deviceID: UInt32, features: UInt64, queues: Int, config: [UInt8]) {
    (self.deviceID, self.features, self.queues, self.config) = (deviceID, features, queues, config)
  }
}

/// Why a back-end cannot serve a function.
public enum OfferError: Error, Sendable, Equatable {
  /// A device number, on the bus or virtio's, that does not exist.
  case slot
  /// The 17th.
  case tooManyFunctions
  /// Not 1 to 32.
  case queueCount
  /// No doorbells are left.
  case tooManyQueues
  /// Over 256 bytes.
  case configSize
  /// No VIRTIO_F_VERSION_1.
  case legacy
  /// It returned as something else.
  case otherDevice
  /// It returned with less than the driver may use.
  case fewerQueues

  /// One sentence without a full stop.
  public var sentence: StaticString {
    switch self {
    case .slot: "a virtio function's device number must be 1 to 31"
    case .tooManyFunctions: "there are 16 virtio functions already"
    case .queueCount: "the back-end offers no queue or more than 32"
    case .tooManyQueues: "all functions together would have more than 160 queues"
    case .configSize: "the back-end's configuration is larger than 256 bytes"
    case .legacy: "the back-end does not offer VIRTIO_F_VERSION_1"
    case .otherDevice: "the back-end is for another type of device than before"
    case .fewerQueues: "the back-end has fewer queues than before"
    }
  }
}

extension PCIeDevice {
  /// A back-end for `slot` is connected: the function appears, or an existing one goes on. A driver that relies on features
  /// that the back-end has no more is told to reset.
  public mutating func connect(_ slot: Int, _ offer: BackEndOffer) throws(OfferError) {
    guard slot >= 1, slot < PCIeLimits.slots, offer.deviceID >= 1, offer.deviceID < 64 else { throw .slot }
    guard offer.config.count <= PCIeLimits.config else { throw .configSize }
    guard offer.features & Feature.version1 != 0 else { throw .legacy }
    let index = try place(slot, offer)
    touch(index)
    functions[index].abandoned = false
    functions[index].offered = offer.features & Feature.passed & ~Feature.withheld(deviceID: offer.deviceID)
    if functions[index].negotiated & ~functions[index].offered != 0 { functions[index].breakDown() }
    change(config: offer.config, of: index)
  }

  /// The index of the slot's function, which is added if there is none.
  private mutating func place(_ slot: Int, _ offer: BackEndOffer) throws(OfferError) -> Int {
    guard let index = index(of: slot) else { return try add(slot, offer) }
    try checkResumable(index, offer)
    return index
  }

  private func checkResumable(_ index: Int, _ offer: BackEndOffer) throws(OfferError) {
    guard functions[index].deviceID == offer.deviceID else { throw .otherDevice }
    guard functions[index].queues.count <= offer.queues else { throw .fewerQueues }
  }

  private mutating func add(_ slot: Int, _ offer: BackEndOffer) throws(OfferError) -> Int {
    guard functions.count < PCIeLimits.functions else { throw .tooManyFunctions }
    guard offer.queues >= 1, offer.queues <= PCIeLimits.queues else { throw .queueCount }
    var doorbells = 0
    var messages = 0
    for function in functions {
      doorbells = max(doorbells, function.firstDoorbell + function.queues.count)
      messages = max(messages, function.firstMessage + function.vectors.vectors.count)
    }
    guard doorbells + offer.queues <= PCIeLimits.bindings else { throw .tooManyQueues }
    // Two vectors are kept for each function that may still come: with them a driver shares one among its queues.
    let kept = 2 * (PCIeLimits.functions - functions.count - 1)
    let vectors = min(offer.queues + 1, PCIeLimits.bindings - messages - kept)
    functions.append(
      VirtioFunction(
        slot: slot, deviceID: offer.deviceID, queues: offer.queues, vectors: vectors, firstDoorbell: doorbells,
        firstMessage: messages))
    functions[functions.count - 1].config = offer.config
    places[slot] = Int8(functions.count - 1)
    return functions.count - 1
  }

  /// The back-end's configuration is `config` now; the driver is told if that is news.
  public mutating func changeConfig(_ slot: Int, _ config: [UInt8]) {
    guard let index = index(of: slot), config.count <= PCIeLimits.config else { return }
    touch(index)
    change(config: config, of: index)
  }

  private mutating func change(config: [UInt8], of index: Int) {
    let before = functions[index].visibleConfig
    functions[index].config = config
    guard functions[index].visibleConfig != before else { return }
    // A driver that has not started yet reads it anyway, but may be in the middle of reading: then the generation tells.
    functions[index].announceConfigChange()
  }

  /// The back-end has been reset: nothing of the driver's rings is in use any more.
  public mutating func finishReset(_ slot: Int) {
    guard let index = index(of: slot), functions[index].resetting else { return }
    touch(index)
    functions[index].resetting = false
  }

  /// A ring is broken, or the back-end refused the driver's set-up.
  public mutating func breakDown(_ slot: Int) {
    guard let index = index(of: slot) else { return }
    touch(index)
    functions[index].breakDown()
  }

  /// The back-end will not come back: the driver is told, and what it reads stays readable.
  public mutating func abandon(_ slot: Int) {
    guard let index = index(of: slot) else { return }
    touch(index)
    functions[index].abandoned = true
    functions[index].resetting = false
    functions[index].breakDown()
  }

  /// For a new incarnation: a change of configuration or status may have been announced in the registers alone.
  public mutating func announceAgain(_ slot: Int) {
    guard let index = index(of: slot), functions[index].isr & 2 != 0 else { return }
    guard functions[index].configVector != Queue.noVector else { return }
    fire(slot, vector: Int(functions[index].configVector))
  }

  /// Vector `vector` fired at the back-end while it could not be sent.
  public mutating func fire(_ slot: Int, vector: Int) {
    guard let index = index(of: slot), vector >= 0 else { return }
    touch(index)
    functions[index].vectors.fire(vector)
  }

  // MARK: What must be done once

  /// Queues of function `index` whose doorbells came through the access ring since the last call, as bits. A successor of a
  /// process that dies rings them all.
  public mutating func takeKicks(_ index: Int) -> UInt32 {
    defer { functions[index].kicks = 0 }
    return functions[index].kicks
  }

  /// Vectors of function `index` whose message must be sent now, as bits. A successor of a process that dies sends all.
  public mutating func takeFired(_ index: Int) -> UInt64 {
    defer { functions[index].vectors.fired = 0 }
    return functions[index].vectors.fired
  }
}
