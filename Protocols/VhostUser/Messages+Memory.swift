// Front-end → back-end: memory that both see.

/// 5: all memory regions at once, in place of those before. Descriptors: one for each region, in order.
public struct SetMemoryTable: FrontEndMessage {
  public static var request: FrontEndRequest { .setMemoryTable }
  /// 0...8 regions that do not overlap.
  public var regions: [MemoryRegion]
  public var descriptorCount: Int { regions.count }
  public init(_ regions: [MemoryRegion]) { self.regions = regions }
  public func encode(into payload: inout VhostWriter) {
    payload.put(UInt32(truncatingIfNeeded: regions.count))
    payload.pad(4)
    for region in regions { region.encode(into: &payload) }
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    let count = Int(try payload.u32())
    _ = try payload.u32()
    guard count <= VhostLimits.regions else { throw payload.impossible("there are more than 8 memory regions") }
    regions = []
    for _ in 0..<count { regions.append(try MemoryRegion(fields: &payload)) }
    // The specification's field has room for 8 regions, and front-ends may send all of it.
    let unused = (VhostLimits.regions - count) * MemoryRegion.encodedSize
    if payload.remaining == unused { _ = try payload.bytes(unused) }
  }
  public var fault: StaticString? {
    for (i, region) in regions.enumerated() {
      if let fault = region.fault { return fault }
      for other in regions[..<i] where region.overlaps(other) { return "two memory regions overlap" }
    }
    return nil
  }
}

/// 36: how many regions the back-end can hold (CONFIGURE_MEM_SLOTS); answered by `NumberReply`.
public struct GetMemorySlots: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .getMemorySlots }
  public init() {}
}

/// 37: one more region (CONFIGURE_MEM_SLOTS). Descriptor: its memory.
public struct AddMemoryRegion: FrontEndMessage, MemoryRegionPayload {
  public static var request: FrontEndRequest { .addMemoryRegion }
  public var region: MemoryRegion
  public var descriptorCount: Int { 1 }
  public init(_ region: MemoryRegion) { self.region = region }
}

/// 38: a region, named by addresses and size, goes (CONFIGURE_MEM_SLOTS); a descriptor that comes with it is closed unused.
public struct RemoveMemoryRegion: FrontEndMessage, MemoryRegionPayload {
  public static var request: FrontEndRequest { .removeMemoryRegion }
  public var region: MemoryRegion
  public init(_ region: MemoryRegion) { self.region = region }
  // Old front-ends send one, "for compatibility with existing incorrect implementations".
  public func accepts(descriptorCount count: Int) -> Bool { count <= 1 }
}

/// 6: the dirty log (LOG_SHMFD, which Atoll does not offer). Descriptor: its memory. Answered by `NumberReply`.
public struct SetLogBase: FrontEndMessage {
  public static var request: FrontEndRequest { .setLogBase }
  /// Bytes of the log.
  public var size: UInt64
  /// Where it starts in its file.
  public var offset: UInt64
  public var descriptorCount: Int { 1 }
  public init(size: UInt64, offset: UInt64) { (self.size, self.offset) = (size, offset) }
  public func encode(into payload: inout VhostWriter) {
    payload.put(size)
    payload.put(offset)
  }
  public init(fields payload: inout VhostReader) throws(VhostMessageError) {
    size = try payload.u64()
    offset = try payload.u64()
  }
  public var fault: StaticString? { size.addingReportingOverflow(offset).overflow ? "the dirty log wraps" : nil }
}

/// 7: an eventfd for "the log has changed"; accepted and never signalled. Descriptor: the eventfd.
public struct SetLogDescriptor: FrontEndMessage, EmptyPayload {
  public static var request: FrontEndRequest { .setLogDescriptor }
  public var descriptorCount: Int { 1 }
  public init() {}
}

/// 22: translations (ACCESS_PLATFORM, which Atoll does not offer); answered by `NumberReply`.
public struct IOTLBMessage: FrontEndMessage, IOTLBPayload {
  public static var request: FrontEndRequest { .iotlb }
  public var entry: IOTLBEntry
  public init(_ entry: IOTLBEntry) { self.entry = entry }
}

/// 31: asks for memory for the in-flight log (INFLIGHT_SHMFD); answered by `InflightReply` with its descriptor.
public struct GetInflight: FrontEndMessage, InflightPayload {
  public static var request: FrontEndRequest { .getInflight }
  public var area: InflightArea
  public init(_ area: InflightArea) { self.area = area }
  // Size and offset are the back-end's to choose.
  public var fault: StaticString? { inflightFault(area, sized: false) }
}

/// 32: the in-flight log to use (INFLIGHT_SHMFD); what it says is in flight is done again. Descriptor: its memory.
public struct SetInflight: FrontEndMessage, InflightPayload {
  public static var request: FrontEndRequest { .setInflight }
  public var area: InflightArea
  public var descriptorCount: Int { 1 }
  public init(_ area: InflightArea) { self.area = area }
  public var fault: StaticString? { inflightFault(area, sized: true) }
}

func inflightFault(_ area: InflightArea, sized: Bool) -> StaticString? {
  if area.queues == 0 || area.ringSize == 0 || UInt32(area.ringSize) > VhostLimits.ringSize {
    return "the in-flight log has no rings, or rings of an impossible size"
  }
  guard sized else { return nil }
  return area.size == 0 || area.size.addingReportingOverflow(area.offset).overflow
    ? "the in-flight log is empty or wraps" : nil
}
