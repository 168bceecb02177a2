// Front-end → back-end: the device behind the rings.

/// 24: asks for a piece of configuration space (CONFIG); answered by `ConfigReply` of the same size.
public struct GetConfig: FrontEndMessage, ConfigPayload {
  public static var request: FrontEndRequest { .getConfig }
  public var offset: UInt32
  public var size: UInt32
  public var flags: UInt32
  /// Room for the answer: its content means nothing.
  public var bytes: [UInt8]
  public init(offset: UInt32, size: UInt32, flags: UInt32 = 0, bytes: [UInt8]) {
    (self.offset, self.size, self.flags, self.bytes) = (offset, size, flags, bytes)
  }
  public init(offset: UInt32, size: UInt32) {
    self.init(offset: offset, size: size, bytes: [UInt8](repeating: 0, count: Int(min(size, 256))))
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    offset = try payload.u32()
    size = try payload.u32()
    flags = try payload.u32()
    // QEMU and rust-vmm send as many bytes as they ask for; the specification does not say that one must.
    bytes = payload.remaining == 0 ? [] : try payload.bytes(Int(size))
  }
  public var fault: StaticString? { rangeFault(smallest: 1) }
}

/// 25: the guest has written configuration space (CONFIG); read-only fields are refused.
public struct SetConfig: FrontEndMessage, ConfigPayload {
  public static var request: FrontEndRequest { .setConfig }
  public var offset: UInt32
  public var size: UInt32
  public var flags: UInt32
  public var bytes: [UInt8]
  public init(offset: UInt32, size: UInt32, flags: UInt32, bytes: [UInt8]) {
    (self.offset, self.size, self.flags, self.bytes) = (offset, size, flags, bytes)
  }
  public init(offset: UInt32, bytes: [UInt8]) {
    self.init(offset: offset, size: UInt32(truncatingIfNeeded: bytes.count), flags: 0, bytes: bytes)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    offset = try payload.u32()
    size = try payload.u32()
    flags = try payload.u32()
    bytes = try payload.bytes(Int(size))
  }
  public var fault: StaticString? { rangeFault(smallest: 1) }
}

/// 34: the device as it was at first; the session and the memory stay (RESET_DEVICE).
public struct ResetDevice: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .resetDevice }
  public init() {}
}

/// 39: the device status that the driver has written, virtio 1.3, 2.1 (STATUS).
public struct SetStatus: FrontEndMessage, NumberPayload {
  public static var request: FrontEndRequest { .setStatus }
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public var fault: StaticString? { value < 256 ? nil : "a device status has more than 8 bits" }
}

/// 40: asks for the device status (STATUS); answered by `NumberReply`.
public struct GetStatus: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getStatus }
  public init() {}
}

/// 42: a pipe for the device's state (DEVICE_STATE); answered by `NumberReply`: bits 0–7 are 0 for done, bit 8 = no other
/// descriptor comes back. Descriptor: the back-end's end.
public struct SetDeviceState: FrontEndMessage {
  public static var request: FrontEndRequest { .setDeviceState }
  /// Which way the state goes.
  public enum Direction: UInt32, Sendable {
    /// Out of the back-end.
    case save = 0
    /// Into the back-end.
    case load = 1
  }
  /// 0 save, 1 load.
  public var direction: UInt32
  /// 0: the rings are stopped. No other phase is defined.
  public var phase: UInt32
  public var descriptorCount: Int { 1 }
  public init(_ direction: Direction) { (self.direction, phase) = (direction.rawValue, 0) }
  public func encode(into payload: inout VhostWriter) {
    payload.put(direction)
    payload.put(phase)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    direction = try payload.u32()
    phase = try payload.u32()
  }
  public var fault: StaticString? {
    direction <= 1 && phase == 0 ? nil : "the direction or the phase of a state transfer does not exist"
  }
}

/// 43: did the state arrive whole (DEVICE_STATE)? Answered by `NumberReply`, 0 for yes.
public struct CheckDeviceState: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .checkDeviceState }
  public init() {}
}

/// 44: asks for the device's shared memory regions (SHMEM_MAP, which Atoll does not offer); answered by `SharedMemoryReply`.
public struct GetSharedMemoryConfig: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getSharedMemoryConfig }
  public init() {}
}
