// Commands of the control queue (virtio 1.3, 5.1.6.5). Filters are accepted and not applied: a guest that sees frames for
// others on its own link learns nothing that it could not learn anyway.

/// What a command asks of the link.
public enum NetCommand: Sendable, Equatable {
  /// Use `pairs` pairs of queues from now on.
  case queuePairs(UInt16)
  /// The guest takes these offloads, as feature bits.
  case offloads(UInt64)
  /// Accepted; nothing follows from it.
  case filter
}

/// Reading commands.
public enum NetControl {
  /// Bytes of the longest command that is looked at: a table of 1024 addresses.
  public static let maximumBytes = 2 + 2 * (4 + 1024 * 6)
  public static let acknowledged: UInt8 = 0
  public static let refused: UInt8 = 1

  /// The command in `bytes` (class, command, data); nil if it is to be refused. `pairs` is the device's number of queue
  /// pairs, `features` what was negotiated.
  public static func parse(_ bytes: Span<UInt8>, pairs: UInt16, features: UInt64) -> NetCommand? {
    guard bytes.count >= 2, features & NetFeature.controlQueue != 0 else { return nil }
    switch (bytes[0], bytes[1]) {
    case (0, 0...5): return features & NetFeature.receiveModes != 0 && bytes.count == 3 ? .filter : nil
    case (1, 0): return .filter
    case (1, 1): return features & NetFeature.macControl != 0 && bytes.count == 8 ? .filter : nil
    case (4, 0): return queuePairs(bytes, pairs, features)
    case (5, 0): return offloads(bytes, features)
    default: return nil
    }
  }

  private static func queuePairs(_ bytes: Span<UInt8>, _ pairs: UInt16, _ features: UInt64) -> NetCommand? {
    guard features & NetFeature.multiQueue != 0, bytes.count == 4 else { return nil }
    let wanted = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
    return wanted >= 1 && wanted <= pairs ? .queuePairs(wanted) : nil
  }

  private static func offloads(_ bytes: Span<UInt8>, _ features: UInt64) -> NetCommand? {
    guard features & NetFeature.guestOffloadControl != 0, bytes.count == 10 else { return nil }
    var wanted: UInt64 = 0
    for at in 0..<8 { wanted |= UInt64(bytes[2 + at]) << UInt64(8 * at) }
    let switchable =
      features & (NetFeature.guestChecksum | NetFeature.guestTSO4 | NetFeature.guestTSO6 | NetFeature.guestECN)
    return wanted & ~switchable == 0 ? .offloads(wanted) : nil
  }
}
