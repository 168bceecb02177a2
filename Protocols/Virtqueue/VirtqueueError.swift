/// What is wrong with a ring. The driver, a front-end or an earlier incarnation did it: the ring is of no use until it is set
/// up anew, and nobody else is harmed.
public enum VirtqueueError: Error, Sendable, Equatable {
  /// A ring size of 0, above 32768, or for a split ring no power of two (virtio 1.3, 2.7 and 2.8.10.1).
  case badSize(UInt16)
  /// A part of the ring is not in one region of guest memory, or not aligned (virtio 1.3, 2.7 and 2.8.10.1).
  case badAddress
  /// The driver offers more chains than the ring has room for.
  case availableJump(UInt16)
  /// A head, or a `next`, that is not in its table.
  case indexOutOfRange(UInt16)
  /// A head that the driver has already given and not got back.
  case headInFlight(UInt16)
  /// A chain with more descriptors than its table, or than the ring has left: a loop.
  case loop
  /// More descriptors, or more pieces, than this device takes.
  case tooManyDescriptors
  /// A device-readable descriptor behind a device-writable one (virtio 1.3, 2.7.4.2).
  case readableAfterWritable
  /// Bytes that are not guest memory.
  case addressOutOfRange(UInt64)
  /// More than 4 GiB in one chain (virtio 1.3, 2.7.5.1).
  case tooLong
  /// An indirect descriptor, though the feature was not negotiated.
  case indirectNotNegotiated
  /// An indirect descriptor in an indirect table (virtio 1.3, 2.7.5.3.1).
  case nestedIndirect
  /// An indirect descriptor that says that another one follows, or in a packed ring one that follows another.
  case chainedIndirect
  /// An indirect table that is empty, no multiple of 16 bytes, or has more than 65536 entries.
  case badTableSize(UInt32)
  /// An indirect table that is not in one region of guest memory, or not at a multiple of 8.
  case badTableAddress(UInt64)
  /// The in-flight log is too small, or does not describe this ring.
  case badLog

  /// One sentence.
  public var sentence: String {
    switch self {
    case .badSize(let size): "the ring has an impossible size, \(size)"
    case .badAddress: "a part of the ring is outside guest memory or not aligned"
    case .availableJump(let count): "the driver offers \(count) chains at once, more than the ring holds"
    case .indexOutOfRange(let index): "descriptor \(index) is outside its table"
    case .headInFlight(let head): "the driver offers descriptor \(head) again before it has got it back"
    case .loop: "a descriptor chain has more descriptors than its table: it loops"
    case .tooManyDescriptors: "a descriptor chain has more pieces than this device takes"
    case .readableAfterWritable: "a descriptor chain has a readable part behind a writable one"
    case .addressOutOfRange(let address): "a descriptor points at \(address), which is not guest memory"
    case .tooLong: "a descriptor chain is longer than 4 GiB"
    case .indirectNotNegotiated: "an indirect descriptor was used without being negotiated"
    case .nestedIndirect: "an indirect table holds an indirect descriptor"
    case .chainedIndirect: "an indirect descriptor is linked to another one"
    case .badTableSize(let bytes): "an indirect table has \(bytes) bytes"
    case .badTableAddress(let address): "the indirect table at \(address) is outside guest memory or not aligned"
    case .badLog: "the in-flight log does not describe this ring"
    }
  }
}
