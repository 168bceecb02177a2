// The payloads that several messages share, each taken apart and checked in one place.

/// No payload.
public protocol EmptyPayload: VhostPayload {
  init()
}

extension EmptyPayload {
  public func encode(into payload: inout VhostWriter) {}
  public init(fields payload: inout VhostReader) throws(VhostMessageError) { self.init() }
}

/// One u64.
public protocol NumberPayload: VhostPayload {
  /// The number.
  var value: UInt64 { get }
  init(_ value: UInt64)
}

extension NumberPayload {
  public func encode(into payload: inout VhostWriter) { payload.put(value) }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) { self.init(try payload.u64()) }
}

/// "A vring state description": u32 index, u32 number.
public protocol VringStatePayload: VhostPayload {
  /// Which ring, 0...255.
  var index: UInt32 { get }
  /// What it means is the message's business.
  var number: UInt32 { get }
  init(index: UInt32, number: UInt32)
  /// What is wrong with `number`, or nil.
  var numberFault: StaticString? { get }
}

extension VringStatePayload {
  public func encode(into payload: inout VhostWriter) {
    payload.put(index)
    payload.put(number)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    let index = try payload.u32()
    self.init(index: index, number: try payload.u32())
  }
  public var numberFault: StaticString? { nil }
  public var fault: StaticString? {
    index < VhostLimits.vringIndices ? numberFault : "a ring's index is above 255"
  }
}

/// A ring's eventfd: u64 with the index in bits 0–7; bit 8 = there is no descriptor.
public protocol VringDescriptorPayload: VhostPayload {
  /// Bits 0–7 index, bit 8 "no descriptor"; the others must be 0.
  var value: UInt64 { get }
  init(value: UInt64)
}

extension VringDescriptorPayload {
  /// The message for ring `index`, with or without a descriptor.
  public init(index: UInt32, hasDescriptor: Bool) {
    self.init(value: UInt64(index & 0xff) | (hasDescriptor ? 0 : 0x100))
  }
  /// Which ring, 0...255.
  public var index: UInt32 { UInt32(truncatingIfNeeded: value & 0xff) }
  /// False: polling is used instead of an eventfd.
  public var hasDescriptor: Bool { value & 0x100 == 0 }
  public var descriptorCount: Int { hasDescriptor ? 1 : 0 }
  public func encode(into payload: inout VhostWriter) { payload.put(value) }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) { self.init(value: try payload.u64()) }
  public var fault: StaticString? { value < 0x200 ? nil : "a bit above 8 is set in a ring's descriptor message" }
}

/// A piece of guest memory that front-end and back-end share: 32 bytes on the wire.
public struct MemoryRegion: Sendable, Equatable {
  /// Guest physical address of the first byte.
  public var guestAddress: UInt64
  /// Bytes, at least 1.
  public var size: UInt64
  /// The front-end's name for the first byte: ring addresses are in these. Atoll's front-end uses the guest address.
  public var userAddress: UInt64
  /// Where the region starts in its descriptor's file.
  public var fileOffset: UInt64

  /// Bytes on the wire.
  public static let encodedSize = 32

  public init(guestAddress: UInt64, size: UInt64, userAddress: UInt64, fileOffset: UInt64) {
    (self.guestAddress, self.size) = (guestAddress, size)
    (self.userAddress, self.fileOffset) = (userAddress, fileOffset)
  }

  func encode(into payload: inout VhostWriter) {
    for field in [guestAddress, size, userAddress, fileOffset] { payload.put(field) }
  }

  init(fields payload: inout VhostReader) throws(VhostMessageError) {
    guestAddress = try payload.u64()
    size = try payload.u64()
    userAddress = try payload.u64()
    fileOffset = try payload.u64()
  }

  var fault: StaticString? {
    if size == 0 { return "a memory region is empty" }
    let wraps =
      guestAddress.addingReportingOverflow(size).overflow || userAddress.addingReportingOverflow(size).overflow
      || fileOffset.addingReportingOverflow(size).overflow
    return wraps ? "a memory region wraps" : nil
  }

  /// True if the two share a guest address or a user address.
  public func overlaps(_ other: MemoryRegion) -> Bool {
    // Compared by difference: the sum of address and size is known not to wrap only after `fault`.
    func meet(_ a: UInt64, _ n: UInt64, _ b: UInt64, _ m: UInt64) -> Bool { a <= b ? b - a < n : a - b < m }
    return meet(guestAddress, size, other.guestAddress, other.size)
      || meet(userAddress, size, other.userAddress, other.size)
  }
}

/// u64 padding and one region.
public protocol MemoryRegionPayload: VhostPayload {
  /// The region.
  var region: MemoryRegion { get }
  init(_ region: MemoryRegion)
}

extension MemoryRegionPayload {
  public func encode(into payload: inout VhostWriter) {
    payload.pad(8)
    region.encode(into: &payload)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    _ = try payload.u64()
    self.init(try MemoryRegion(fields: &payload))
  }
  public var fault: StaticString? { region.fault }
}

/// Where the in-flight log lies in its memory, and for which rings: u64 size, u64 offset, u16 queues, u16 ring size.
public protocol InflightPayload: VhostPayload {
  /// The four numbers.
  var area: InflightArea { get }
  init(_ area: InflightArea)
}

/// "Inflight description" of the specification.
public struct InflightArea: Sendable, Equatable {
  /// Bytes of the log.
  public var size: UInt64
  /// Where it starts in its descriptor's file.
  public var offset: UInt64
  /// Rings that it has room for.
  public var queues: UInt16
  /// Entries of each ring.
  public var ringSize: UInt16

  public init(size: UInt64, offset: UInt64, queues: UInt16, ringSize: UInt16) {
    (self.size, self.offset, self.queues, self.ringSize) = (size, offset, queues, ringSize)
  }
}

extension InflightPayload {
  public func encode(into payload: inout VhostWriter) {
    payload.put(area.size)
    payload.put(area.offset)
    payload.put(area.queues)
    payload.put(area.ringSize)
    // The specification has 20 bytes; QEMU and the rust-vmm crates send C's padding too, and the latter demand it.
    payload.pad(4)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    let size = try payload.u64()
    let offset = try payload.u64()
    let queues = try payload.u16()
    self.init(InflightArea(size: size, offset: offset, queues: queues, ringSize: try payload.u16()))
    if payload.remaining == 4 { _ = try payload.u32() }
  }
}

/// A piece of configuration space: u32 offset, u32 size, u32 flags, bytes.
public protocol ConfigPayload: VhostPayload {
  /// First byte, 0...255.
  var offset: UInt32 { get }
  /// Bytes asked for; offset + size ≤ 256.
  var size: UInt32 { get }
  /// 0 the guest writes a writable field, 1 migration.
  var flags: UInt32 { get }
  /// `size` bytes.
  var bytes: [UInt8] { get }
  init(offset: UInt32, size: UInt32, flags: UInt32, bytes: [UInt8])
}

extension ConfigPayload {
  public func encode(into payload: inout VhostWriter) {
    for field in [offset, size, flags] { payload.put(field) }
    payload.put(bytes)
  }
  func rangeFault(smallest: UInt32) -> StaticString? {
    guard size >= smallest, size <= UInt32(VhostLimits.configBytes),
      offset <= UInt32(VhostLimits.configBytes) - size
    else { return "a piece of configuration space is empty or ends beyond 256 bytes" }
    return flags <= 1 ? nil : "flags of a configuration access are neither 0 nor 1"
  }
}

/// "An IOTLB message": 32 bytes.
public protocol IOTLBPayload: VhostPayload {
  /// The fields.
  var entry: IOTLBEntry { get }
  init(_ entry: IOTLBEntry)
}

/// One translation, or the lack of one.
public struct IOTLBEntry: Sendable, Equatable {
  /// What is said about it.
  public enum Kind: UInt8, Sendable { case miss = 1, update, invalidate, accessFail }
  /// Address in the device's space.
  public var iova: UInt64
  /// Bytes.
  public var size: UInt64
  /// User address that it means.
  public var userAddress: UInt64
  /// Bit 0 read, bit 1 write.
  public var permissions: UInt8
  /// 1...4, `Kind`.
  public var kind: UInt8

  public init(iova: UInt64, size: UInt64, userAddress: UInt64, permissions: UInt8, kind: Kind) {
    (self.iova, self.size, self.userAddress, self.permissions) = (iova, size, userAddress, permissions)
    self.kind = kind.rawValue
  }
}

extension IOTLBPayload {
  public func encode(into payload: inout VhostWriter) {
    for field in [entry.iova, entry.size, entry.userAddress] { payload.put(field) }
    payload.put(entry.permissions)
    payload.put(entry.kind)
    payload.pad(6)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    var entry = IOTLBEntry(iova: 0, size: 0, userAddress: 0, permissions: 0, kind: .miss)
    entry.iova = try payload.u64()
    entry.size = try payload.u64()
    entry.userAddress = try payload.u64()
    entry.permissions = try payload.u8()
    entry.kind = try payload.u8()
    _ = try payload.bytes(6)
    self.init(entry)
  }
  public var fault: StaticString? {
    if entry.permissions > 3 { return "permissions of a translation are not 0 to 3" }
    return IOTLBEntry.Kind(rawValue: entry.kind) == nil ? "the kind of a translation message is not 1 to 4" : nil
  }
}
