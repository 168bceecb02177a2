import System
import Testing
import Virtqueue
import VirtqueueDriver

/// A ring with both its ends, and memory for buffers.
final class Bench {
  let memory: DriverMemory
  let driver: RingDriver
  let guest: GuestMemory
  var device: Virtqueue
  var chain = DescriptorChain(capacity: 256)

  init(
    size: UInt16 = 8, packed: Bool, features: UInt64 = RingFeature.all, tableEntries: Int = 0,
    first: UInt16 = 0, log: InflightArea? = nil
  ) throws {
    let features = packed ? features : features & ~RingFeature.packed
    memory = try DriverMemory(size: 1 << 20)
    driver = try #require(
      RingDriver(
        size: size, packed: packed, eventIndex: features & RingFeature.eventIndex != 0, tableEntries: tableEntries,
        first: first, in: memory))
    guest = try memory.mapped()
    device = try Virtqueue(
      size: size, addresses: driver.addresses, features: features, base: driver.firstBase, memory: guest, log: log)
  }

  /// A buffer of fresh memory.
  func buffer(_ length: UInt32, writable: Bool = false) throws -> DriverBuffer {
    let offset = try #require(memory.allocate(Int(length)))
    return DriverBuffer(address: memory.address(offset), length: length, isWritable: writable)
  }

  func pop() throws(VirtqueueError) -> ChainToken? {
    try device.pop(into: &chain) ? chain.token : nil
  }
}

/// Both layouts.
enum Layout: String, CaseIterable, CustomTestStringConvertible {
  case split, packed

  var isPacked: Bool { self == .packed }
  var testDescription: String { rawValue }
}

/// An in-flight log and its file.
final class Log {
  let file: FileDescriptor
  let mapping: Mapping
  let area: InflightArea
  let packed: Bool
  let entries: UInt16

  init(packed: Bool, entries: UInt16) throws {
    let size = InflightArea.size(queues: 1, queueSize: entries, packed: packed)
    file = try InflightArea.create(queues: 1, queueSize: entries, packed: packed)
    mapping = try Mapping.shared(file, size: size)
    area = try InflightArea(
      descriptor: file.raw, offset: 0, size: UInt64(size), queues: 1, queueSize: entries, sealed: true)
    (self.packed, self.entries) = (packed, entries)
  }
}
