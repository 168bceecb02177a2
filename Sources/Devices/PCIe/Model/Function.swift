/// A virtio function as the guest sees it: configuration space, MSI-X, virtio's structures in BAR 0.
///
/// It holds everything that the guest must find again after a restart, and knows nothing of its back-end but what that
/// said when it was connected. What has to be done about a change is for the process to find out by comparing.
public struct VirtioFunction: Sendable {
  // MARK: Set when it is added

  /// Device number on bus 0, 1 to 31.
  public let slot: Int
  /// Virtio device number (virtio 5).
  public let deviceID: UInt32
  /// The first of its ids for doorbells; queue q has id firstDoorbell + q.
  public let firstDoorbell: Int
  /// The first of its ids for messages; vector v has id firstMessage + v.
  public let firstMessage: Int

  // MARK: PCI

  var command = Command.memorySpace
  /// Base address; 64 KiB aligned.
  var bar: UInt64
  var cacheLine: UInt8 = 0
  var interruptLine: UInt8 = 0
  var window = AccessWindow()
  /// MSI-X.
  public internal(set) var vectors: VectorTable

  // MARK: Virtio

  /// What the driver may choose from.
  public internal(set) var offered: UInt64
  var deviceFeatureSelect: UInt32 = 0
  var driverFeatureSelect: UInt32 = 0
  /// What the driver has chosen; counts once FEATURES_OK is set.
  public internal(set) var driverFeatures: UInt64 = 0
  /// Vector for configuration changes, or `Queue.noVector`.
  public internal(set) var configVector = Queue.noVector
  var queueSelect: UInt16 = 0
  /// Device status; see `statusRegister` for what the guest reads.
  public internal(set) var status: UInt8 = 0
  /// The driver asked for a reset and the back-end has not been reset yet.
  public internal(set) var resetting = false
  /// The back-end will not come back.
  public internal(set) var abandoned = false
  var configGeneration: UInt8 = 0
  var isr: UInt8 = 0
  /// The virtqueues.
  public internal(set) var queues: [Queue]
  /// Device-specific configuration.
  public internal(set) var config: [UInt8]
  /// The cache mode that the driver of a block device wrote (virtio 5.2.5, writeback), nil if it did not.
  public internal(set) var cacheMode: UInt8?

  // MARK: Not part of the state

  /// Queues whose doorbell was rung through the access ring.
  var kicks: UInt32 = 0
  /// How many slots of the state page have an older version of this function, 0 to 2.
  var staleCopies: UInt8 = 2

  init(slot: Int, deviceID: UInt32, queues: Int, vectors: Int, firstDoorbell: Int, firstMessage: Int) {
    self.slot = slot
    self.deviceID = deviceID
    self.firstDoorbell = firstDoorbell
    self.firstMessage = firstMessage
    // As firmware would leave it, so that a guest without a PCI allocator finds its devices.
    bar = PCIWindow.memoryBase + UInt64(slot) * BARLayout.size
    self.vectors = VectorTable(count: vectors)
    offered = 0
    self.queues = [Queue](repeating: Queue(), count: queues)
    config = []
  }

  // MARK: What should be in force

  /// Whether the driver runs the device, and the device may touch memory and is in order.
  public var runs: Bool {
    status & (DeviceStatus.driverOK | DeviceStatus.needsReset) == DeviceStatus.driverOK && !resetting && !abandoned
      && command & Command.busMaster != 0
  }

  /// The negotiated features; 0 before the driver has settled them.
  public var negotiated: UInt64 { status & DeviceStatus.featuresOK != 0 ? driverFeatures : 0 }

  /// Whether the rings are packed.
  public var isPacked: Bool { negotiated & Feature.ringPacked != 0 }

  /// Whether queue `index` should be served by the back-end.
  public func runs(_ index: Int) -> Bool { runs && queues[index].enabled }

  /// Guest physical address of queue `index`'s doorbell; nil while the BAR is not decoded.
  public func doorbell(_ index: Int) -> UInt64? {
    guard decodesMemory, bar >= PCIWindow.memoryBase else { return nil }
    guard bar - PCIWindow.memoryBase <= UInt64(PCIWindow.memorySize) - BARLayout.size else { return nil }
    return bar + UInt64(BARLayout.notify) + UInt64(index) * UInt64(BARLayout.notifyStride)
  }

  var decodesMemory: Bool { command & Command.memorySpace != 0 }

  /// Vectors that something uses, as bits.
  public var vectorsInUse: UInt64 {
    var used: UInt64 = configVector == Queue.noVector ? 0 : 1 << UInt64(configVector)
    for queue in queues where queue.vector != Queue.noVector { used |= 1 << UInt64(queue.vector) }
    return used
  }
}

/// The writable part of the capability for access through configuration space (virtio 4.1.4.9).
struct AccessWindow: Equatable, Sendable {
  var bar: UInt8 = 0
  var offset: UInt32 = 0
  var length: UInt32 = 0
}
