// Answers. They have the number of their request, and the reply flag.

/// A number: features, a count, a status, or an acknowledgement (0 done, others failed).
public struct NumberReply: NumberPayload {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
}

/// The answer to GET_VRING_BASE: where the ring has stopped; the number is as in `SetVringBase`.
public struct VringBaseReply: VringStatePayload {
  public var index: UInt32
  /// The base.
  public var number: UInt32
  public init(index: UInt32, number: UInt32) { (self.index, self.number) = (index, number) }
}

/// The answer to GET_CONFIG: as many bytes as asked for. An empty payload, or size 0, means that the back-end refuses.
public struct ConfigReply: ConfigPayload {
  public var offset: UInt32
  public var size: UInt32
  public var flags: UInt32
  public var bytes: [UInt8]
  public init(offset: UInt32, size: UInt32, flags: UInt32, bytes: [UInt8]) {
    (self.offset, self.size, self.flags, self.bytes) = (offset, size, flags, bytes)
  }
  /// The refusal.
  public static var refusal: ConfigReply { ConfigReply(offset: 0, size: 0, flags: 0, bytes: []) }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    self = .refusal
    if payload.count == 0 { return }
    offset = try payload.u32()
    size = try payload.u32()
    flags = try payload.u32()
    bytes = try payload.bytes(Int(size))
  }
  public var fault: StaticString? { rangeFault(smallest: 0) }
}

/// The answer to GET_INFLIGHT_FD. Descriptor: the log's memory.
public struct InflightReply: InflightPayload {
  public var area: InflightArea
  public var descriptorCount: Int { 1 }
  public init(_ area: InflightArea) { self.area = area }
  public var fault: StaticString? { inflightFault(area, sized: true) }
}

/// The answer to GET_SHMEM_CONFIG: the size of each of 256 regions, 0 = not used.
public struct SharedMemoryReply: VhostPayload {
  /// 256 sizes, each a multiple of the page size.
  public var sizes: [UInt64]
  /// `sizes` by region.
  public init(_ sizes: [UInt64]) { self.sizes = sizes }
  public func encode(into payload: inout VhostWriter) {
    payload.put(UInt32(truncatingIfNeeded: sizes.filter { $0 != 0 }.count))
    payload.pad(4)
    for i in 0..<256 { payload.put(i < sizes.count ? sizes[i] : 0) }
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    let count = try payload.u32()
    _ = try payload.u32()
    sizes = []
    for _ in 0..<256 { sizes.append(try payload.u64()) }
    guard sizes.filter({ $0 != 0 }).count == Int(count) else {
      throw payload.impossible("the number of shared memory regions is not that of their sizes")
    }
  }
  public var fault: StaticString? {
    sizes.allSatisfy { $0 % 4096 == 0 } ? nil : "a shared memory region is no multiple of the page size"
  }
}
