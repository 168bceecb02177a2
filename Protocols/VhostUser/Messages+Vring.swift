// Front-end → back-end: the rings.

/// 8: the entries of a ring, 1...32768.
public struct SetVringSize: FrontEndMessage, VringStatePayload {
  public static var request: FrontEndRequest { .setVringSize }
  public var index: UInt32
  /// Entries.
  public var number: UInt32
  public init(index: UInt32, number: UInt32) { (self.index, self.number) = (index, number) }
  public var numberFault: StaticString? {
    number >= 1 && number <= VhostLimits.ringSize ? nil : "a ring's size is not 1 to 32768"
  }
}

/// 9: where a ring's three parts are, in user addresses.
public struct SetVringAddress: FrontEndMessage {
  public static var request: FrontEndRequest { .setVringAddress }
  /// Flags bit 0: writes to the used ring are logged.
  public static let logged: UInt32 = 1
  /// Which ring, 0...255.
  public var index: UInt32
  /// 0 or `logged`.
  public var flags: UInt32
  /// Descriptor table; packed: descriptor ring.
  public var descriptors: UInt64
  /// Used ring; packed: device event suppression.
  public var used: UInt64
  /// Available ring; packed: driver event suppression.
  public var available: UInt64
  /// Guest address for logging; no meaning here.
  public var log: UInt64

  public init(index: UInt32, flags: UInt32 = 0, descriptors: UInt64, used: UInt64, available: UInt64, log: UInt64 = 0) {
    (self.index, self.flags, self.log) = (index, flags, log)
    (self.descriptors, self.used, self.available) = (descriptors, used, available)
  }
  public func encode(into payload: inout VhostWriter) {
    payload.put(index)
    payload.put(flags)
    for field in [descriptors, used, available, log] { payload.put(field) }
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    index = try payload.u32()
    flags = try payload.u32()
    descriptors = try payload.u64()
    used = try payload.u64()
    available = try payload.u64()
    log = try payload.u64()
  }
  public var fault: StaticString? {
    if index >= VhostLimits.vringIndices { return "a ring's index is above 255" }
    return flags <= SetVringAddress.logged ? nil : "a flag of a ring's addresses has no meaning"
  }
}

/// 10: from where a ring goes on; split: bits 0–15 next available index; packed: bits 0–15 available, 16–31 used, each with its
/// wrap counter as highest bit.
public struct SetVringBase: FrontEndMessage, VringStatePayload {
  public static var request: FrontEndRequest { .setVringBase }
  public var index: UInt32
  /// The base.
  public var number: UInt32
  public init(index: UInt32, number: UInt32) { (self.index, self.number) = (index, number) }
}

/// 11: stops a ring when its requests are done; answered by `VringBaseReply`.
public struct GetVringBase: FrontEndMessage, VringStatePayload {
  public static var request: FrontEndRequest { .getVringBase }
  public var index: UInt32
  /// Reserved; not checked, because front-ends exist that leave it as it was.
  public var number: UInt32
  public init(index: UInt32, number: UInt32 = 0) { (self.index, self.number) = (index, number) }
}

/// 12: a ring starts; its kicks come on this eventfd. Descriptor: the eventfd, unless polling is meant.
public struct SetVringKick: FrontEndMessage, VringDescriptorPayload {
  public static var request: FrontEndRequest { .setVringKick }
  public var value: UInt64
  public init(value: UInt64) { self.value = value }
}

/// 13: the eventfd to signal for used buffers. Descriptor: the eventfd, unless none is wanted.
public struct SetVringCall: FrontEndMessage, VringDescriptorPayload {
  public static var request: FrontEndRequest { .setVringCall }
  public var value: UInt64
  public init(value: UInt64) { self.value = value }
}

/// 14: the eventfd to signal for a broken ring. Descriptor: the eventfd, unless none is wanted.
public struct SetVringError: FrontEndMessage, VringDescriptorPayload {
  public static var request: FrontEndRequest { .setVringError }
  public var value: UInt64
  public init(value: UInt64) { self.value = value }
}

/// 18: a ring takes part (1) or is served without effects (0).
public struct SetVringEnable: FrontEndMessage, VringStatePayload {
  public static var request: FrontEndRequest { .setVringEnable }
  public var index: UInt32
  /// 0 or 1.
  public var number: UInt32
  public init(index: UInt32, number: UInt32) { (self.index, self.number) = (index, number) }
  public var numberFault: StaticString? { number <= 1 ? nil : "a ring is neither enabled nor disabled" }
}

/// 35: a kick without eventfd (INBAND_NOTIFICATIONS, which Atoll does not offer).
public struct VringKick: FrontEndMessage, VringStatePayload {
  public static var request: FrontEndRequest { .vringKick }
  public var index: UInt32
  /// Reserved, 0.
  public var number: UInt32
  public init(index: UInt32, number: UInt32 = 0) { (self.index, self.number) = (index, number) }
  public var numberFault: StaticString? { number == 0 ? nil : "a reserved field is not 0" }
}
