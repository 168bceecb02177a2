// What a driver asks for: the 16 bytes at the start of every request. virtio 1.3, 5.2.6.

/// The first 16 bytes of a request: what to do, and where.
public struct RequestHeader: Equatable, Sendable {
  /// Bytes of it, at the start of the device-readable part.
  public static let size = 16
  /// One of `RequestType`, or anything.
  public let type: UInt32
  /// First sector of a read or write, in units of 512 bytes whatever the disk's block size is.
  public let sector: UInt64

  /// A header of its own.
  public init(type: UInt32, sector: UInt64) {
    self.type = type
    self.sector = sector
  }

  /// Takes a header apart that was loaded as two little-endian words. The field between type and sector is reserved
  /// (once a priority) and ignored.
  public init(words first: UInt64, _ second: UInt64) {
    self.init(type: UInt32(truncatingIfNeeded: first), sector: second)
  }
}

/// The request types that this device knows.
///
/// Deliberately absent: GET_LIFETIME and SECURE_ERASE, which a file has no answer to, and all zone commands.
public enum RequestType {
  /// VIRTIO_BLK_T_IN: the device fills the data.
  public static let read: UInt32 = 0
  /// VIRTIO_BLK_T_OUT: the device stores the data.
  public static let write: UInt32 = 1
  /// VIRTIO_BLK_T_FLUSH: writes that have completed are made stable.
  public static let flush: UInt32 = 4
  /// VIRTIO_BLK_T_GET_ID: the serial number, 20 bytes.
  public static let identify: UInt32 = 8
  /// VIRTIO_BLK_T_DISCARD: the content of a range is no longer needed.
  public static let discard: UInt32 = 11
  /// VIRTIO_BLK_T_WRITE_ZEROES: a range reads as zeroes from then on.
  public static let writeZeroes: UInt32 = 13
}

/// The last byte of the device-writable part: how the request ended.
public enum RequestStatus: UInt8, Sendable {
  /// VIRTIO_BLK_S_OK.
  case done = 0
  /// VIRTIO_BLK_S_IOERR: the disk's or the driver's fault.
  case failed = 1
  /// VIRTIO_BLK_S_UNSUPP: no such request, or a flag that is not known.
  case unsupported = 2
}

/// Sectors: the protocol's unit, whatever the block size.
public enum Sector {
  /// Bytes of one.
  public static let size = 512
  /// log2 of it.
  public static let shift = 9
}
