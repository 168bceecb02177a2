import CSystem
import Glibc
import System
import Testing
import Virtqueue
import VirtqueueDriver

@Suite("Guest memory")
struct GuestMemoryTests {
  let page = UInt64(Process.pageSize)

  func region(_ guest: UInt64, _ size: UInt64, user: UInt64? = nil, offset: UInt64 = 0) -> MemoryRegion {
    MemoryRegion(guestAddress: guest, userAddress: user ?? guest + 0x1000_0000_0000, size: size, fileOffset: offset)
  }

  @Test("a region is found by either address, to its last byte and no further")
  func lookup() throws {
    let memory = GuestMemory()
    let file = try MemoryFile.create("test", size: Int(4 * page))
    try memory.add(region(0x10000, 2 * page, offset: page), descriptor: file.raw, sealed: true)
    let whole = try #require(memory.segment(guestAddress: 0x10000, count: Int(2 * page)))
    #expect(memory.segment(userAddress: 0x1000_0001_0000, count: Int(2 * page))?.base == whole.base)
    #expect(memory.segment(guestAddress: 0x10000 + 2 * page - 1, count: 1) != nil)
    #expect(memory.segment(guestAddress: 0x10000 + 2 * page - 1, count: 2) == nil)
    #expect(memory.segment(guestAddress: 0xffff, count: 1) == nil)
    #expect(memory.segment(guestAddress: 0x10000, count: -1) == nil)
    #expect(memory.segment(userAddress: 0x1000_0001_0000 + 2 * page, count: 0) == nil)
  }

  @Test(
    "impossible regions are refused",
    arguments: [
      (0x1000, 0, 0, MemoryError.badRange), (UInt64.max - 10, 4096, 0, .badRange), (0, .max, 0, .badRange),
      (0x1000, 4096, .max, .badRange), (0x1000, 4 * 4096 + 1, 0, .fileTooShort),
      (0x1000, 4096, 4 * 4096, .fileTooShort),
    ] as [(UInt64, UInt64, UInt64, MemoryError)])
  func refused(guest: UInt64, size: UInt64, offset: UInt64, error: MemoryError) throws {
    let memory = GuestMemory()
    let file = try MemoryFile.create("test", size: 4 * 4096)
    #expect(throws: error) {
      try memory.add(
        MemoryRegion(guestAddress: guest, userAddress: 0, size: size, fileOffset: offset), descriptor: file.raw,
        sealed: true)
    }
    #expect(memory.count == 0)
  }

  @Test("overlaps are refused, in guest and in front-end addresses")
  func overlap() throws {
    let memory = GuestMemory()
    let file = try MemoryFile.create("test", size: Int(2 * page))
    try memory.add(region(0x10000, page), descriptor: file.raw, sealed: true)
    #expect(throws: MemoryError.overlap) {
      try memory.add(region(0x10000 + page - 1, page), descriptor: file.raw, sealed: true)
    }
    #expect(throws: MemoryError.overlap) {
      try memory.add(region(0x80000, page, user: 0x1000_0001_0000), descriptor: file.raw, sealed: true)
    }
    try memory.add(region(0x10000 + page, page), descriptor: file.raw, sealed: true)
  }

  @Test("a memfd that can shrink is sealed; a file that cannot be is refused or measured")
  func seals() throws {
    let open = atoll_memfd("test", UInt(page), 0)
    let ordinary = try #require(tmpfile())
    defer {
      close(open)
      fclose(ordinary)
    }
    let closed = fileno(ordinary)
    #expect(ftruncate(closed, Int(page)) == 0)
    let memory = GuestMemory()
    try memory.add(region(0, page), descriptor: open, sealed: true)
    #expect(ftruncate(open, 0) != 0)
    #expect(throws: MemoryError.notSealed) { try memory.add(region(page, page), descriptor: closed, sealed: true) }
    try memory.add(region(page, page), descriptor: closed, sealed: false)
    #expect(throws: MemoryError.fileTooShort) {
      try memory.add(region(4 * page, page + 1), descriptor: closed, sealed: false)
    }
  }

  @Test("a descriptor across two adjacent regions becomes two segments, across a gap an error")
  func borders() throws {
    let driver = try DriverMemory(size: Int(4 * page))
    let ring = try #require(RingDriver(size: 4, packed: false, in: driver))
    let memory = GuestMemory()
    let start = driver.guestAddress
    for index in [0, 1, 3] as [UInt64] {
      try memory.add(
        region(start + index * page, page, user: start + index * page, offset: index * page),
        descriptor: driver.descriptor, sealed: true)
    }
    var device = try Virtqueue(size: 4, addresses: ring.addresses, features: 0, base: 0, memory: memory)
    var chain = DescriptorChain(capacity: 4)
    _ = ring.add([DriverBuffer(address: start + page - 10, length: 30, isWritable: false)])
    _ = ring.add([DriverBuffer(address: start + 2 * page - 10, length: 30, isWritable: false)])
    #expect(try device.pop(into: &chain))
    #expect(chain.readable.map(\.count) == [10, 20])
    #expect(throws: VirtqueueError.addressOutOfRange(start + 2 * page)) { _ = try device.pop(into: &chain) }
  }

  @Test("a region that goes while a chain points into it stays mapped until the chain is pushed")
  func retired() throws {
    let first = try DriverMemory(size: Int(4 * page))
    let second = try DriverMemory(size: Int(page), guestAddress: 0x9000_0000)
    let ring = try #require(RingDriver(size: 4, packed: false, in: first))
    let memory = try first.mapped()
    try memory.add(second.region, descriptor: second.descriptor, sealed: true)
    var device = try Virtqueue(size: 4, addresses: ring.addresses, features: 0, base: 0, memory: memory)
    var chain = DescriptorChain(capacity: 4)
    _ = ring.add([DriverBuffer(address: second.guestAddress, length: 16, isWritable: true)])
    #expect(try device.pop(into: &chain))
    try memory.remove(guestAddress: second.guestAddress, userAddress: second.guestAddress, size: page)
    #expect(memory.segment(guestAddress: second.guestAddress, count: 1) == nil)
    #expect([UInt8](repeating: 7, count: 16).withUnsafeBytes { chain.write(at: 0, from: $0) } == 16)
    #expect(second.base.load(fromByteOffset: 15, as: UInt8.self) == 7)
    device.push(chain.token, written: 16)
    memory.releaseRetired()
    #expect(ring.collect()?.written == 16)
    _ = ring.add([DriverBuffer(address: second.guestAddress, length: 16, isWritable: true)])
    #expect(throws: VirtqueueError.addressOutOfRange(second.guestAddress)) { _ = try device.pop(into: &chain) }
  }

  @Test("a new table keeps the mapping of a region that has not changed; rings go on")
  func replaced() throws {
    let driver = try DriverMemory(size: Int(4 * page))
    let other = try DriverMemory(size: Int(page), guestAddress: 0x9000_0000)
    let ring = try #require(RingDriver(size: 4, packed: true, in: driver))
    let memory = try driver.mapped()
    var device = try Virtqueue(
      size: 4, addresses: ring.addresses, features: RingFeature.packed, base: ring.firstBase, memory: memory)
    let before = memory.segment(guestAddress: driver.guestAddress, count: 1)?.base
    try memory.replace(
      [other.region, driver.region], descriptors: [other.descriptor, driver.descriptor], sealed: true)
    #expect(memory.segment(guestAddress: driver.guestAddress, count: 1)?.base == before)
    #expect(memory.count == 2)
    var chain = DescriptorChain(capacity: 4)
    _ = ring.add([DriverBuffer(address: other.guestAddress, length: 1, isWritable: false)])
    #expect(try device.pop(into: &chain))
    device.push(chain.token, written: 0)
    try memory.replace([other.region], descriptors: [other.descriptor], sealed: true)
    #expect(throws: VirtqueueError.badAddress) { _ = try device.pop(into: &chain) }
  }
}
