import System

// Guest memory and the in-flight log. Memory may change while rings run: what chains point at stays mapped until they are
// given back, and a ring whose own parts are gone is broken.
extension BackEndSession {
  mutating func setMemoryTable<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let regions = try decode(message, SetMemoryTable.self).regions
    for region in regions { try check(region, .setMemoryTable) }
    var bundle = DescriptorBundle()
    var raws: [Int32] = []
    for index in regions.indices {
      guard let descriptor = message.take(index) else { throw .refused(.setMemoryTable, "a descriptor is missing") }
      raws.append(descriptor.raw)
      bundle.add(descriptor)
    }
    try handler.replaceMemory(regions, raws)
  }

  mutating func addMemoryRegion<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let region = try decode(message, AddMemoryRegion.self).region
    try require(.memorySlots, .addMemoryRegion)
    try check(region, .addMemoryRegion)
    guard let memory = message.take(0) else { throw .refused(.addMemoryRegion, "a descriptor is missing") }
    try handler.add(region, memory)
  }

  mutating func removeMemoryRegion<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let region = try decode(message, RemoveMemoryRegion.self).region
    try require(.memorySlots, .removeMemoryRegion)
    try handler.remove(region)
  }

  private func check(_ region: MemoryRegion, _ request: FrontEndRequest) throws(BackEndFault) {
    guard !protocolFeatures.contains(.guestAddresses) || region.userAddress == region.guestAddress else {
      throw .refused(request, "GPA_ADDRESSES is negotiated and a region's two addresses differ")
    }
  }

  mutating func setInflight<Handler: BackEndHandler & ~Copyable>(
    _ message: inout VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) {
    let area = try decode(message, SetInflight.self).area
    try prepareInflight(area, .setInflight)
    guard let memory = message.take(0) else { throw .refused(.setInflight, "a descriptor is missing") }
    try handler.useInflight(area, memory)
  }

  mutating func getInflight<Handler: BackEndHandler & ~Copyable>(
    _ message: borrowing VhostIncoming, _ handler: inout Handler
  ) throws(BackEndFault) -> BackEndAnswer {
    let wanted = try decode(message, GetInflight.self).area
    try prepareInflight(wanted, .getInflight)
    guard Int(wanted.queues) <= vrings.count, UInt32(wanted.ringSize) <= handler.queueSize else {
      throw .refused(.getInflight, "more or larger rings than the device has")
    }
    let made = try handler.makeInflight(queues: wanted.queues, ringSize: wanted.ringSize)
    return BackEndAnswer(VhostOutgoing(reply: InflightReply(made.area), to: message.request), made.memory)
  }

  private func prepareInflight(_ area: InflightArea, _ request: FrontEndRequest) throws(BackEndFault) {
    try require(.inflightMemory, request)
    guard !isActive else { throw .refused(request, "the in-flight log changes while a ring runs") }
  }
}
