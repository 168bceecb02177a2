/// The disk's serial number, which GET_ID returns and Linux shows in /sys/block/vda/serial and /dev/disk/by-id.
public struct DiskIdentity: Equatable, Sendable {
  /// Bytes of it; a shorter text is padded with zeroes, one of 20 bytes has no final zero (virtio 1.3, 5.2.6).
  public static let size = 20
  /// Exactly 20 bytes.
  public let bytes: [UInt8]

  /// The identity `text`: at most 20 printable ASCII characters; nil otherwise.
  public init?(_ text: String) {
    let given = Array(text.utf8)
    guard given.count <= Self.size, given.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
    bytes = given + [UInt8](repeating: 0, count: Self.size - given.count)
  }

  /// No serial number.
  public static var none: DiskIdentity { DiskIdentity(padding: 0) }

  private init(padding: UInt8) { bytes = [UInt8](repeating: padding, count: Self.size) }
}
