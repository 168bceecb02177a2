import Testing
import Virtqueue
import VirtqueueDriver

@Suite("Rings")
struct RingTests {
  @Test("an empty ring gives nothing", arguments: Layout.allCases)
  func empty(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    #expect(try bench.pop() == nil)
    let available = bench.device.hasAvailable
    #expect(!available)
  }

  @Test("a chain comes out with its readable part first", arguments: Layout.allCases, [false, true])
  func chain(layout: Layout, indirect: Bool) throws {
    let bench = try Bench(packed: layout.isPacked, tableEntries: 4)
    let buffers = [try bench.buffer(16), try bench.buffer(100), try bench.buffer(512, writable: true)]
    let id = bench.driver.add(buffers, indirect: indirect)
    let token = try #require(try bench.pop())
    #expect(bench.chain.readableCount == 2)
    #expect(bench.chain.writableCount == 1)
    #expect(bench.chain.readableBytes == 116)
    #expect(bench.chain.writableBytes == 512)
    bench.device.push(token, written: 7)
    #expect(bench.driver.collect() == UsedChain(id: try #require(id), written: 7))
    #expect(bench.driver.collect() == nil)
  }

  @Test("bytes go through the helpers in order", arguments: Layout.allCases)
  func bytes(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    let buffers = [
      try bench.buffer(3), try bench.buffer(5), try bench.buffer(2, writable: true),
      try bench.buffer(9, writable: true),
    ]
    for (index, buffer) in buffers[..<2].enumerated() {
      let start = bench.memory.base + Int(buffer.address - bench.memory.guestAddress)
      for byte in 0..<Int(buffer.length) {
        start.storeBytes(of: UInt8(index * 3 + byte), toByteOffset: byte, as: UInt8.self)
      }
    }
    _ = bench.driver.add(buffers)
    _ = try bench.pop()
    var copy = [UInt8](repeating: 0xff, count: 6)
    let read = copy.withUnsafeMutableBytes { bench.chain.read(at: 1, into: $0) }
    #expect(read == 6)
    #expect(copy == [1, 2, 3, 4, 5, 6])
    let written = [UInt8](1...20).withUnsafeBytes { bench.chain.write(at: 1, from: $0) }
    #expect(written == 10)
    let last = bench.memory.base + Int(buffers[3].address - bench.memory.guestAddress)
    #expect((0..<9).map { last.load(fromByteOffset: $0, as: UInt8.self) } == [UInt8](2...10))
  }

  @Test("a token pushed twice is ignored", arguments: Layout.allCases)
  func pushTwice(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    _ = bench.driver.add([try bench.buffer(4)])
    let token = try #require(try bench.pop())
    bench.device.push(token, written: 0)
    bench.device.push(token, written: 0)
    #expect(bench.driver.collect() != nil)
    #expect(bench.driver.collect() == nil)
    let outstanding = bench.device.outstanding
    #expect(outstanding == 0)
  }

  @Test("a chain that is put back is popped again, before those behind it", arguments: Layout.allCases)
  func unpop(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    _ = bench.driver.add([try bench.buffer(4), try bench.buffer(1)])
    _ = bench.driver.add([try bench.buffer(8)])
    let first = try #require(try bench.pop())
    let taken = bench.device.unpop(first)
    #expect(taken)
    let again = bench.device.unpop(first)
    #expect(!again)
    _ = try bench.pop()
    #expect(bench.chain.readableBytes == 5)
    _ = try bench.pop()
    #expect(bench.chain.readableBytes == 8)
    #expect(try bench.pop() == nil)
  }

  @Test(
    "a ring that is full of chains, many times over, loses none", arguments: Layout.allCases, [1, 2, 4, 8] as [UInt16])
  func wrap(layout: Layout, size: UInt16) throws {
    let bench = try Bench(size: size, packed: layout.isPacked, first: 0xff00)
    let buffer = try bench.buffer(64)
    for round in 0..<UInt32(2000 / Int(size)) {
      for _ in 0..<size { #expect(bench.driver.add([buffer]) != nil) }
      #expect(bench.driver.add([buffer]) == nil)
      while let token = try bench.pop() { bench.device.push(token, written: round) }
      for _ in 0..<size { #expect(bench.driver.collect()?.written == round) }
    }
  }

  @Test("a successor without log goes on at the base", arguments: Layout.allCases)
  func base(layout: Layout) throws {
    let bench = try Bench(size: 4, packed: layout.isPacked)
    let buffer = try bench.buffer(64)
    for _ in 0..<7 {
      _ = bench.driver.add([buffer])
      bench.device.push(try #require(try bench.pop()), written: 0)
      _ = bench.driver.collect()
    }
    let base = bench.device.base
    bench.device = try Virtqueue(
      size: 4, addresses: bench.driver.addresses, features: layout.isPacked ? RingFeature.all : 0, base: base,
      memory: bench.guest)
    let id = bench.driver.add([buffer])
    bench.device.push(try #require(try bench.pop()), written: 3)
    #expect(bench.driver.collect() == UsedChain(id: try #require(id), written: 3))
  }
}
