// Front-end → back-end: who speaks which features.

/// 1: which virtio features the back-end has; answered by `NumberReply`.
public struct GetFeatures: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getFeatures }
  public init() {}
}

/// 2: the virtio features in force; without bit 30 every ring is enabled at once.
public struct SetFeatures: FrontEndMessage, NumberPayload {
  public static var request: FrontEndRequest { .setFeatures }
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
}

/// 3: the session begins.
public struct SetOwner: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .setOwner }
  public init() {}
}

/// 4: deprecated; accepted and ignored, because some back-ends took it as the end of the session.
public struct ResetOwner: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .resetOwner }
  public init() {}
}

/// 15: which protocol features the back-end has; allowed before SET_FEATURES; answered by `NumberReply`.
public struct GetProtocolFeatures: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getProtocolFeatures }
  public init() {}
}

/// 16: the protocol features in force from the next message on.
public struct SetProtocolFeatures: FrontEndMessage, NumberPayload {
  public static var request: FrontEndRequest { .setProtocolFeatures }
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  /// The bits by name; unknown ones are kept.
  public var features: ProtocolFeatures { ProtocolFeatures(rawValue: value) }
  public var fault: StaticString? {
    features.isConsistent ? nil : "a protocol feature is set without one that it needs"
  }
}

/// 17: how many queues the back-end has (MQ); answered by `NumberReply`.
public struct GetQueueCount: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getQueueCount }
  public init() {}
}

/// 21: the back-end's own channel (BACKEND_REQ). Descriptor: its end of a stream socket pair.
public struct SetBackEndChannel: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .setBackEndChannel }
  public var descriptorCount: Int { 1 }
  public init() {}
}
