// Back-end → front-end, on the back-end's channel.

/// 1: a translation is missing or was misused (ACCESS_PLATFORM, which Atoll does not acknowledge).
public struct BackEndIOTLB: BackEndMessage, IOTLBPayload {
  public static var request: BackEndRequest { .iotlb }
  public var entry: IOTLBEntry
  public init(_ entry: IOTLBEntry) { self.entry = entry }
}

/// 2: configuration space has changed: the front-end reads it again and tells the guest (CONFIG).
public struct ConfigChanged: BackEndMessage, EmptyPayload {
  public static var request: BackEndRequest { .configChanged }
  public init() {}
}

/// 3: a doorbell page of the back-end's own (HOST_NOTIFIER, never acknowledged). Descriptor: the page, or none to take it back.
public struct SetHostNotifier: BackEndMessage {
  public static var request: BackEndRequest { .setHostNotifier }
  /// Bits 0–7 ring, bit 8 "no descriptor".
  public var value: UInt64
  /// Bytes.
  public var size: UInt64
  /// Where it starts in its file.
  public var offset: UInt64
  public var descriptorCount: Int { value & 0x100 == 0 ? 1 : 0 }
  public init(value: UInt64, size: UInt64, offset: UInt64) {
    (self.value, self.size, self.offset) = (value, size, offset)
  }
  public func encode(into payload: inout VhostWriter) { for field in [value, size, offset] { payload.put(field) } }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    value = try payload.u64()
    size = try payload.u64()
    offset = try payload.u64()
  }
  public var fault: StaticString? { value < 0x200 ? nil : "a bit above 8 is set in a doorbell message" }
}

/// 4: buffers were used, without eventfd (INBAND_NOTIFICATIONS, never acknowledged).
public struct BackEndVringCall: BackEndMessage, VringStatePayload {
  public static var request: BackEndRequest { .vringCall }
  public var index: UInt32
  /// Reserved, 0.
  public var number: UInt32
  public init(index: UInt32, number: UInt32 = 0) { (self.index, self.number) = (index, number) }
  public var numberFault: StaticString? { number == 0 ? nil : "a reserved field is not 0" }
}

/// 5: a ring is broken, without eventfd (INBAND_NOTIFICATIONS, never acknowledged).
public struct BackEndVringError: BackEndMessage, VringStatePayload {
  public static var request: BackEndRequest { .vringError }
  public var index: UInt32
  /// Reserved, 0.
  public var number: UInt32
  public init(index: UInt32, number: UInt32 = 0) { (self.index, self.number) = (index, number) }
  public var numberFault: StaticString? { number == 0 ? nil : "a reserved field is not 0" }
}
