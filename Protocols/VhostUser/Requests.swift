/// What a front-end asks of a back-end: the number in the header.
public enum FrontEndRequest: UInt32, Sendable, CaseIterable {
  case getFeatures = 1
  case setFeatures = 2
  case setOwner = 3
  case resetOwner = 4
  case setMemoryTable = 5
  case setLogBase = 6
  case setLogDescriptor = 7
  case setVringSize = 8
  case setVringAddress = 9
  case setVringBase = 10
  case getVringBase = 11
  case setVringKick = 12
  case setVringCall = 13
  case setVringError = 14
  case getProtocolFeatures = 15
  case setProtocolFeatures = 16
  case getQueueCount = 17
  case setVringEnable = 18
  case sendRARP = 19
  case setMTU = 20
  case setBackEndChannel = 21
  case iotlb = 22
  case setVringEndian = 23
  case getConfig = 24
  case setConfig = 25
  case createCryptoSession = 26
  case closeCryptoSession = 27
  case postcopyAdvise = 28
  case postcopyListen = 29
  case postcopyEnd = 30
  case getInflight = 31
  case setInflight = 32
  case setGPUSocket = 33
  case resetDevice = 34
  case vringKick = 35
  case getMemorySlots = 36
  case addMemoryRegion = 37
  case removeMemoryRegion = 38
  case setStatus = 39
  case getStatus = 40
  case getSharedObject = 41
  case setDeviceState = 42
  case checkDeviceState = 43
  case getSharedMemoryConfig = 44

  /// True if it has an answer of its own, so that need_reply changes nothing.
  public var hasReply: Bool {
    switch self {
    case .getFeatures, .getProtocolFeatures, .getVringBase, .setLogBase, .getInflight, .getQueueCount, .getConfig,
      .getMemorySlots, .getStatus, .iotlb, .postcopyAdvise, .postcopyEnd, .createCryptoSession, .getSharedObject,
      .setDeviceState, .checkDeviceState, .getSharedMemoryConfig:
      true
    default: false
    }
  }

  /// The name that the specification gives it, without VHOST_USER_.
  public var name: StaticString {
    switch self {
    case .getFeatures: "GET_FEATURES"
    case .setFeatures: "SET_FEATURES"
    case .setOwner: "SET_OWNER"
    case .resetOwner: "RESET_OWNER"
    case .setMemoryTable: "SET_MEM_TABLE"
    case .setLogBase: "SET_LOG_BASE"
    case .setLogDescriptor: "SET_LOG_FD"
    case .setVringSize: "SET_VRING_NUM"
    case .setVringAddress: "SET_VRING_ADDR"
    case .setVringBase: "SET_VRING_BASE"
    case .getVringBase: "GET_VRING_BASE"
    case .setVringKick: "SET_VRING_KICK"
    case .setVringCall: "SET_VRING_CALL"
    case .setVringError: "SET_VRING_ERR"
    case .getProtocolFeatures: "GET_PROTOCOL_FEATURES"
    case .setProtocolFeatures: "SET_PROTOCOL_FEATURES"
    case .getQueueCount: "GET_QUEUE_NUM"
    case .setVringEnable: "SET_VRING_ENABLE"
    case .sendRARP: "SEND_RARP"
    case .setMTU: "NET_SET_MTU"
    case .setBackEndChannel: "SET_BACKEND_REQ_FD"
    case .iotlb: "IOTLB_MSG"
    case .setVringEndian: "SET_VRING_ENDIAN"
    case .getConfig: "GET_CONFIG"
    case .setConfig: "SET_CONFIG"
    case .createCryptoSession: "CREATE_CRYPTO_SESSION"
    case .closeCryptoSession: "CLOSE_CRYPTO_SESSION"
    case .postcopyAdvise: "POSTCOPY_ADVISE"
    case .postcopyListen: "POSTCOPY_LISTEN"
    case .postcopyEnd: "POSTCOPY_END"
    case .getInflight: "GET_INFLIGHT_FD"
    case .setInflight: "SET_INFLIGHT_FD"
    case .setGPUSocket: "GPU_SET_SOCKET"
    case .resetDevice: "RESET_DEVICE"
    case .vringKick: "VRING_KICK"
    case .getMemorySlots: "GET_MAX_MEM_SLOTS"
    case .addMemoryRegion: "ADD_MEM_REG"
    case .removeMemoryRegion: "REM_MEM_REG"
    case .setStatus: "SET_STATUS"
    case .getStatus: "GET_STATUS"
    case .getSharedObject: "GET_SHARED_OBJECT"
    case .setDeviceState: "SET_DEVICE_STATE_FD"
    case .checkDeviceState: "CHECK_DEVICE_STATE"
    case .getSharedMemoryConfig: "GET_SHMEM_CONFIG"
    }
  }
}

/// What a back-end asks of a front-end, on the back-end's channel.
public enum BackEndRequest: UInt32, Sendable, CaseIterable {
  case iotlb = 1
  case configChanged = 2
  case setHostNotifier = 3
  case vringCall = 4
  case vringError = 5
  case addSharedObject = 6
  case removeSharedObject = 7
  case lookUpSharedObject = 8
  case mapSharedMemory = 9
  case unmapSharedMemory = 10

  /// The name that the specification gives it, without VHOST_USER_.
  public var name: StaticString {
    switch self {
    case .iotlb: "BACKEND_IOTLB_MSG"
    case .configChanged: "BACKEND_CONFIG_CHANGE_MSG"
    case .setHostNotifier: "BACKEND_VRING_HOST_NOTIFIER_MSG"
    case .vringCall: "BACKEND_VRING_CALL"
    case .vringError: "BACKEND_VRING_ERR"
    case .addSharedObject: "BACKEND_SHARED_OBJECT_ADD"
    case .removeSharedObject: "BACKEND_SHARED_OBJECT_REMOVE"
    case .lookUpSharedObject: "BACKEND_SHARED_OBJECT_LOOKUP"
    case .mapSharedMemory: "BACKEND_SHMEM_MAP"
    case .unmapSharedMemory: "BACKEND_SHMEM_UNMAP"
    }
  }
}
