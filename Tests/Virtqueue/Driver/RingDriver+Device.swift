import Virtqueue

extension RingDriver {
  /// The parts as SET_VRING_ADDR gives them where front-end addresses are guest physical ones.
  public var addresses: RingAddresses {
    RingAddresses(descriptors: descriptorAddress, driver: driverAddress, device: deviceAddress)
  }
}

extension DriverMemory {
  /// The region as a front-end describes it, user addresses being guest physical ones.
  public var region: MemoryRegion {
    MemoryRegion(guestAddress: guestAddress, userAddress: guestAddress, size: UInt64(size), fileOffset: 0)
  }

  /// A back-end's view of it.
  public func mapped() throws(MemoryError) -> GuestMemory {
    let memory = GuestMemory()
    try memory.add(region, descriptor: descriptor, sealed: true)
    return memory
  }
}
