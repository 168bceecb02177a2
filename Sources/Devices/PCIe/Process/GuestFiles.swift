import CSystem
import DeviceBus
import System
import VhostUser

/// What an `attachFunction` brought beside the socket: guest memory, which this process forwards and reads two bytes of, and
/// the in-flight log, which it forwards and zeroes. Nothing is mapped but for the zeroing.
final class GuestFiles {
  let regions: [DeviceBus.MemoryRegion]
  /// One descriptor for each region, owned.
  let memory: [Int32]
  /// The in-flight log.
  let inflight: FileDescriptor

  /// Takes over the descriptors.
  init(regions: [DeviceBus.MemoryRegion], memory: [Int32], inflight: consuming FileDescriptor) {
    (self.regions, self.memory) = (regions, memory)
    self.inflight = inflight
  }

  deinit { for descriptor in memory { _ = atoll_close(descriptor) } }

  /// The regions as vhost-user names them: the front-end's addresses are the guest's.
  var table: [VhostUser.MemoryRegion] {
    regions.map {
      VhostUser.MemoryRegion(
        guestAddress: $0.guestAddress, size: $0.size, userAddress: $0.guestAddress, fileOffset: $0.fileOffset)
    }
  }

  /// Whether `count` bytes at a guest physical address lie in one region.
  func holds(_ address: UInt64, _ count: Int) -> Bool { place(address, count) != nil }

  private func place(_ address: UInt64, _ count: Int) -> (region: Int, offset: UInt64)? {
    for (index, region) in regions.enumerated() where address >= region.guestAddress {
      let offset = address - region.guestAddress
      if offset < region.size, region.size - offset >= UInt64(count) { return (index, region.fileOffset + offset) }
    }
    return nil
  }

  /// The used ring's index (virtio 1.3, 2.7.8), 0 if it cannot be read: where a split ring goes on if nothing is in flight.
  func usedIndex(ring: UInt64) -> UInt16 {
    guard let place = place(ring &+ 2, 2) else { return 0 }
    var value: UInt16 = 0
    let got = atoll_pread(memory[place.region], &value, 2, Int(truncatingIfNeeded: place.offset))
    return got == 2 ? UInt16(littleEndian: value) : 0
  }

  /// Forgets what the in-flight log says, of as many rings as the back-end has.
  func clearInflight(queues: Int, ringSize: UInt16) throws(SystemError) {
    // Every layout fits into that of packed rings.
    let bytes = min(BusLimits.inflightBytes, Int(InflightArea.bytes(queues: queues, ringSize: ringSize, packed: true)))
    let mapping = try Mapping.shared(inflight, size: bytes)
    mapping.base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  }
}
