import System
import Testing
import VirtqueueDriver

@testable import Virtqueue

/// Logs as vhost-user has them ("Inflight I/O tracking"), read and written here by offset.
@Suite("In-flight log")
struct LogTests {
  @Test("regions have the sizes of libvhost-user")
  func sizes() {
    #expect(InflightArea.regionSize(queueSize: 128, packed: false) == 16 * 128 + 64)
    #expect(InflightArea.regionSize(queueSize: 1, packed: false) == 64)
    #expect(InflightArea.regionSize(queueSize: 128, packed: true) == 32 * 128 + 64)
    #expect(InflightArea.size(queues: 3, queueSize: 4, packed: false) == 3 * 128)
  }

  @Test("a split log holds head and counter of what is in flight")
  func split() throws {
    let log = try Log(packed: false, entries: 8)
    let bench = try Bench(packed: false, log: log.area)
    for _ in 0..<3 { _ = bench.driver.add([try bench.buffer(4)]) }
    let tokens = try (0..<3).map { _ in try #require(try bench.pop()) }
    bench.device.push(tokens[1], written: 0)
    #expect(log.u16(8) == 1)
    #expect(log.u16(10) == 8)
    #expect(log.u16(12) == 1)
    #expect(log.u16(14) == 1)
    #expect((0..<4).map { log.byte(16 + 16 * $0) } == [1, 0, 1, 0])
    #expect((0..<3).map { log.u64(16 + 16 * $0 + 8) } == [0, 1, 2])
  }

  @Test("a packed log holds the descriptors and both halves of each pair")
  func packed() throws {
    let log = try Log(packed: true, entries: 8)
    let bench = try Bench(packed: true, log: log.area)
    let buffers = [try bench.buffer(4), try bench.buffer(6, writable: true)]
    _ = bench.driver.add([buffers[0]])
    let id = try #require(bench.driver.add(buffers))
    let first = try #require(try bench.pop())
    _ = try bench.pop()
    bench.device.push(first, written: 0)
    #expect(log.u16(10) == 8)
    // Entry 0 is free again, ahead of 3.
    #expect([12, 14].map(log.u16) == [0, 0])
    #expect(log.u16(32 + 2) == 3)
    #expect([16, 18].map(log.u16) == [1, 1])
    #expect([20, 21].map(log.byte) == [1, 1])
    #expect([0, 1, 2].map { log.byte(32 + 32 * $0) } == [0, 1, 0])
    let chain = 32 + 32
    #expect([chain + 4, chain + 6].map(log.u16) == [2, 2])
    #expect(log.u64(chain + 8) == 1)
    // id, flags (WRITE, AVAIL), len, addr of the second descriptor.
    #expect([chain + 32 + 16, chain + 32 + 18].map(log.u16) == [id, 0x82])
    #expect(log.u64(chain + 32 + 16) >> 32 == 6)
    #expect(log.u64(chain + 32 + 24) == buffers[1].address)
  }

  @Test("an erased log is a fresh one: the base counts", arguments: Layout.allCases)
  func erase(layout: Layout) throws {
    let log = try Log(packed: layout.isPacked, entries: 8)
    let bench = try Bench(packed: layout.isPacked, log: log.area)
    _ = bench.driver.add([try bench.buffer(4)])
    _ = try bench.pop()
    log.area.erase(0, packed: layout.isPacked)
    let again = try bench.again(log)
    let (waits, base) = (again.hasResubmissions, again.base)
    #expect(!waits)
    #expect(base == bench.driver.firstBase)
  }

  @Test("a successor signals once, even if it pushes nothing", arguments: Layout.allCases)
  func owed(layout: Layout) throws {
    let log = try Log(packed: layout.isPacked, entries: 8)
    let bench = try Bench(packed: layout.isPacked, log: log.area)
    bench.device = try bench.again(log)
    let (first, second) = (bench.device.shouldSignal(), bench.device.shouldSignal())
    #expect(first)
    #expect(!second)
  }

  @Test("a log of the wrong size, version or queue is refused", arguments: Layout.allCases)
  func mismatch(layout: Layout) throws {
    let log = try Log(packed: layout.isPacked, entries: 8)
    let bench = try Bench(packed: layout.isPacked, log: log.area)
    for (offset, value) in [(8, 2), (10, 7)] as [(Int, UInt16)] {
      let before = log.u16(offset)
      log.mapping.base.storeBytes(of: value, toByteOffset: offset, as: UInt16.self)
      #expect(throws: VirtqueueError.badLog) { _ = try bench.again(log) }
      log.mapping.base.storeBytes(of: before, toByteOffset: offset, as: UInt16.self)
    }
    #expect(throws: VirtqueueError.badLog) { _ = try bench.again(log, queue: 1) }
    let short = try Log(packed: layout.isPacked, entries: 4)
    #expect(throws: VirtqueueError.badLog) { _ = try bench.again(short) }
  }

  /// Whatever a log says, taking it over ends, and what is popped is in memory.
  @Test("any bytes in a log are taken or refused", arguments: Layout.allCases)
  func scribbled(layout: Layout) throws {
    var random = Seeded(state: .random(in: 0 ... .max))
    let log = try Log(packed: layout.isPacked, entries: 8)
    let bench = try Bench(packed: layout.isPacked, log: log.area)
    for _ in 0..<4 { _ = bench.driver.add([try bench.buffer(4)]) }
    for _ in 0..<3 { _ = try bench.pop() }
    let good = Array(UnsafeRawBufferPointer(start: log.mapping.base, count: log.mapping.size))
    for _ in 0..<2000 {
      log.mapping.base.copyMemory(from: good, byteCount: good.count)
      for _ in 0...random.next(below: 3) {
        let at = Int(random.next(below: UInt64(good.count)))
        log.mapping.base.storeBytes(
          of: UInt8(truncatingIfNeeded: random.next(below: 12)), toByteOffset: at, as: UInt8.self)
      }
      guard var ring = try? bench.again(log) else { continue }
      var count = 0
      var chain = DescriptorChain(capacity: 16)
      while let more = try? ring.pop(into: &chain), more { count += 1 }
      try #require(count <= 16)
    }
  }
}

extension Bench {
  /// The next incarnation's ring.
  func again(_ log: Log, queue: Int = 0) throws(VirtqueueError) -> Virtqueue {
    try Virtqueue(
      index: queue, size: driver.size, addresses: driver.addresses,
      features: driver.isPacked ? RingFeature.all : RingFeature.indirect, base: driver.firstBase, memory: guest,
      log: log.area)
  }
}

extension Log {
  func byte(_ offset: Int) -> UInt8 { mapping.base.load(fromByteOffset: offset, as: UInt8.self) }
  func u16(_ offset: Int) -> UInt16 { mapping.base.load(fromByteOffset: offset, as: UInt16.self) }
  func u64(_ offset: Int) -> UInt64 { mapping.base.load(fromByteOffset: offset, as: UInt64.self) }
}
