/// Virtio feature bits that the transport itself looks at; a device's own bits (0–23, 50–63) pass through untouched.
/// virtio 1.3, 6; bit 30 is vhost-user's.
public enum RingFeature {
  /// 28: a descriptor may name a table of descriptors.
  public static let indirectDescriptors: UInt64 = 1 << 28
  /// 29: kicks and interrupts are asked for by ring index.
  public static let eventIndex: UInt64 = 1 << 29
  /// 30: the back-end knows protocol features. Never offered to a guest.
  public static let protocolFeatures: UInt64 = 1 << 30
  /// 32: not a legacy device.
  public static let version1: UInt64 = 1 << 32
  /// 33: addresses are the IOMMU's. Never acknowledged here: it needs IOTLB messages.
  public static let accessPlatform: UInt64 = 1 << 33
  /// 34: packed rings.
  public static let packedRing: UInt64 = 1 << 34
  /// 35: buffers are used in the order in which they were made available.
  public static let inOrder: UInt64 = 1 << 35
  /// 40: single rings can be reset.
  public static let ringReset: UInt64 = 1 << 40
}

/// vhost-user protocol features, "Protocol features" of the specification.
public struct ProtocolFeatures: OptionSet, Sendable, Equatable {
  /// The bits as they travel.
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// 0: GET_QUEUE_NUM.
  public static let multipleQueues = ProtocolFeatures(rawValue: 1 << 0)
  /// 1: the dirty log is shared memory. Not offered and not acknowledged here: there is no migration.
  public static let logMemory = ProtocolFeatures(rawValue: 1 << 1)
  /// 2: SEND_RARP. Never used here.
  public static let rarp = ProtocolFeatures(rawValue: 1 << 2)
  /// 3: every message can be acknowledged.
  public static let replyAcknowledge = ProtocolFeatures(rawValue: 1 << 3)
  /// 4: NET_SET_MTU. Never used here.
  public static let mtu = ProtocolFeatures(rawValue: 1 << 4)
  /// 5: the back-end has a channel of its own.
  public static let backEndRequests = ProtocolFeatures(rawValue: 1 << 5)
  /// 6: SET_VRING_ENDIAN, for legacy devices. Never used here.
  public static let crossEndian = ProtocolFeatures(rawValue: 1 << 6)
  /// 7: crypto sessions. Never used here.
  public static let cryptoSession = ProtocolFeatures(rawValue: 1 << 7)
  /// 8: postcopy migration. Never used here.
  public static let pageFault = ProtocolFeatures(rawValue: 1 << 8)
  /// 9: GET_CONFIG, SET_CONFIG.
  public static let config = ProtocolFeatures(rawValue: 1 << 9)
  /// 10: the back-end's channel may carry descriptors. Never used here.
  public static let backEndDescriptors = ProtocolFeatures(rawValue: 1 << 10)
  /// 11: doorbell pages that the back-end owns. Never used here.
  public static let hostNotifier = ProtocolFeatures(rawValue: 1 << 11)
  /// 12: requests in flight are recorded in shared memory that survives the back-end.
  public static let inflightMemory = ProtocolFeatures(rawValue: 1 << 12)
  /// 13: RESET_DEVICE.
  public static let resetDevice = ProtocolFeatures(rawValue: 1 << 13)
  /// 14: kicks and calls as messages; needs 3 and 5.
  public static let inbandNotifications = ProtocolFeatures(rawValue: 1 << 14)
  /// 15: memory regions come and go one by one.
  public static let memorySlots = ProtocolFeatures(rawValue: 1 << 15)
  /// 16: SET_STATUS, GET_STATUS.
  public static let status = ProtocolFeatures(rawValue: 1 << 16)
  /// 17: Xen's memory regions. Never used here: it changes the layout of every region.
  public static let xenMemory = ProtocolFeatures(rawValue: 1 << 17)
  /// 18: dma-buf table. Never used here.
  public static let sharedObject = ProtocolFeatures(rawValue: 1 << 18)
  /// 19: SET_DEVICE_STATE_FD, CHECK_DEVICE_STATE.
  public static let deviceState = ProtocolFeatures(rawValue: 1 << 19)
  /// 20: GET_VRING_BASE may leave requests in flight, recorded; needs 12.
  public static let vringBaseInflight = ProtocolFeatures(rawValue: 1 << 20)
  /// 21: ring addresses are guest physical addresses.
  public static let guestAddresses = ProtocolFeatures(rawValue: 1 << 21)
  /// 22: shared memory regions of virtio.
  public static let sharedMemory = ProtocolFeatures(rawValue: 1 << 22)

  /// True unless a bit lacks one that the specification says it needs.
  public var isConsistent: Bool {
    if contains(.inbandNotifications), !isSuperset(of: [.backEndRequests, .replyAcknowledge]) { return false }
    if contains(.vringBaseInflight), !contains(.inflightMemory) { return false }
    return true
  }
}

/// The numbers of the protocol, and those that bound what a peer can make us hold.
public enum VhostLimits {
  /// Descriptors with one message ("Back-end communication", and regions of SET_MEM_TABLE).
  public static let descriptors = 8
  /// Bytes of a payload that this module reads; the largest defined message is GET_SHMEM_CONFIG's answer, 2056.
  public static let payload = 4096
  /// Regions of SET_MEM_TABLE.
  public static let regions = 8
  /// Bytes of configuration space (QEMU's VHOST_USER_MAX_CONFIG_SIZE).
  public static let configBytes = 256
  /// Vring indices are bits 0–7 of SET_VRING_KICK's payload.
  public static let vringIndices: UInt32 = 256
  /// Entries of the largest ring (virtio 1.3, 2.7).
  public static let ringSize: UInt32 = 32768
}
