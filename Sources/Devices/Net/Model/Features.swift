// Feature bits and configuration space of a network device (virtio 1.3, 5.1.3 and 5.1.4).

/// Feature bits that Atoll knows.
public enum NetFeature {
  /// The host takes frames whose checksum is still to be computed.
  public static let hostChecksum: UInt64 = 1 << 0
  /// The guest takes frames with such checksums, or with ones that were checked.
  public static let guestChecksum: UInt64 = 1 << 1
  /// The guest may switch its offloads at run time.
  public static let guestOffloadControl: UInt64 = 1 << 2
  public static let mtu: UInt64 = 1 << 3
  public static let mac: UInt64 = 1 << 5
  public static let guestTSO4: UInt64 = 1 << 7
  public static let guestTSO6: UInt64 = 1 << 8
  public static let guestECN: UInt64 = 1 << 9
  public static let hostTSO4: UInt64 = 1 << 11
  public static let hostTSO6: UInt64 = 1 << 12
  public static let hostECN: UInt64 = 1 << 13
  /// A received frame may fill several buffers.
  public static let mergeableBuffers: UInt64 = 1 << 15
  public static let status: UInt64 = 1 << 16
  public static let controlQueue: UInt64 = 1 << 17
  public static let receiveModes: UInt64 = 1 << 18
  public static let multiQueue: UInt64 = 1 << 22
  public static let macControl: UInt64 = 1 << 23

  /// What every link can do.
  public static let always = mac | mtu | status | mergeableBuffers
  /// What the kernel's tap driver does for both sides.
  public static let tap =
    always | hostChecksum | guestChecksum | guestTSO4 | guestTSO6 | guestECN | hostTSO4 | hostTSO6 | hostECN
    | guestOffloadControl
  /// With a user-mode stack: the sums of the guest's frames are finished here, those of the stack's are right.
  public static let user = always | hostChecksum | guestChecksum
  /// What a control queue is needed for.
  public static let control = controlQueue | receiveModes | macControl
}

/// An Ethernet address.
public struct MACAddress: Sendable, Equatable {
  /// In the order of transmission.
  public let bytes: InlineArray<6, UInt8>

  public init(_ bytes: InlineArray<6, UInt8>) { self.bytes = bytes }

  /// Reads "52:54:00:12:34:56"; nil for anything else, and for multicast addresses, which no card can have.
  public init?(_ text: String) {
    var bytes = InlineArray<6, UInt8>(repeating: 0)
    var digits = 0
    for byte in text.utf8 {
      if digits % 3 == 2 {
        guard byte == 0x3a else { return nil }
      } else {
        guard digits < 17, let digit = MACAddress.digit(byte) else { return nil }
        bytes[digits / 3] = bytes[digits / 3] << 4 | digit
      }
      digits += 1
    }
    guard digits == 17, bytes[0] & 1 == 0 else { return nil }
    self.bytes = bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  public static func == (a: MACAddress, b: MACAddress) -> Bool {
    for i in 0..<6 where a.bytes[i] != b.bytes[i] { return false }
    return true
  }
}

/// The device's configuration space: 12 bytes, all read-only for the driver.
public struct NetConfiguration: Sendable {
  /// The card's address.
  public var mac: MACAddress
  /// Pairs of queues that the driver may use, from 1.
  public var queuePairs: UInt16
  /// Largest frame payload in bytes.
  public var mtu: UInt16
  /// The cable is plugged in.
  public var linkUp = true

  public init(mac: MACAddress, queuePairs: UInt16, mtu: UInt16) {
    (self.mac, self.queuePairs, self.mtu) = (mac, queuePairs, mtu)
  }

  /// mac, status, max_virtqueue_pairs, mtu.
  public var bytes: [UInt8] {
    var all: [UInt8] = []
    for i in 0..<6 { all.append(mac.bytes[i]) }
    for word in [linkUp ? 1 : 0, queuePairs, mtu] {
      all.append(UInt8(truncatingIfNeeded: word))
      all.append(UInt8(truncatingIfNeeded: word >> 8))
    }
    return all
  }
}
