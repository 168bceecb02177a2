import System
import Testing
import VirtqueueDriver

@testable import Virtqueue

/// Rings written word by word, as no driver would.
@Suite("Hostile rings")
struct HostileTests {
  /// A descriptor, by its fields.
  struct Raw: Sendable {
    var address: UInt64 = 0x1_0000_0000
    var length: UInt32 = 16
    var flags: UInt16 = 0
    var link: UInt16 = 0
  }

  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var descriptors: [Raw]
    /// Descriptors at 0x1_0000_8000.
    var table: [Raw] = []
    var split: VirtqueueError?
    var packed: VirtqueueError?
    var testDescription: String { name }
  }

  static let table: UInt64 = 0x1_0000_8000
  static let last: UInt64 = 0x1_0000_0000 + 1 << 20

  // Flags: 1 NEXT, 2 WRITE, 4 INDIRECT.
  static let cases: [Case] = [
    Case(name: "a descriptor that links to itself", descriptors: [Raw(flags: 1, link: 0)], split: .loop, packed: nil),
    Case(
      name: "a loop through all descriptors", descriptors: (0..<8).map { Raw(flags: 1, link: ($0 + 1) % 8) },
      split: .loop, packed: .loop),
    Case(
      name: "a link out of the table", descriptors: [Raw(flags: 1, link: 8)], split: .indexOutOfRange(8), packed: nil),
    Case(
      name: "an address below memory", descriptors: [Raw(address: 0)], split: .addressOutOfRange(0),
      packed: .addressOutOfRange(0)),
    Case(
      name: "an address behind memory", descriptors: [Raw(address: last)], split: .addressOutOfRange(last),
      packed: .addressOutOfRange(last)),
    Case(
      name: "a length across the end of memory", descriptors: [Raw(address: last - 8)],
      split: .addressOutOfRange(last), packed: .addressOutOfRange(last)),
    Case(
      name: "a length that wraps around", descriptors: [Raw(address: .max - 3)], split: .addressOutOfRange(.max - 3),
      packed: .addressOutOfRange(.max - 3)),
    Case(
      name: "4 GiB in one descriptor", descriptors: [Raw(length: .max)], split: .addressOutOfRange(last),
      packed: .addressOutOfRange(last)),
    Case(
      name: "readable behind writable", descriptors: [Raw(flags: 3, link: 1), Raw(link: 1)],
      split: .readableAfterWritable, packed: .readableAfterWritable),
    Case(
      name: "an indirect descriptor that goes on", descriptors: [Raw(address: table, flags: 5, link: 1), Raw(link: 1)],
      table: [Raw()], split: .chainedIndirect, packed: .chainedIndirect),
    Case(
      name: "an indirect descriptor behind a direct one",
      descriptors: [Raw(flags: 1, link: 1), Raw(address: table, flags: 4, link: 1)], table: [Raw()],
      split: nil, packed: .chainedIndirect),
    Case(
      name: "a table in a table", descriptors: [Raw(address: table, flags: 4)], table: [Raw(address: table, flags: 4)],
      split: .nestedIndirect, packed: .nestedIndirect),
    Case(
      name: "an empty table", descriptors: [Raw(address: table, length: 0, flags: 4)], split: .badTableSize(0),
      packed: .badTableSize(0)),
    Case(
      name: "a table of one entry and a half", descriptors: [Raw(address: table, length: 24, flags: 4)],
      split: .badTableSize(24), packed: .badTableSize(24)),
    Case(
      name: "a table of 65537 entries", descriptors: [Raw(address: table, length: 16 * 65537, flags: 4)],
      split: .badTableSize(16 * 65537), packed: .badTableSize(16 * 65537)),
    Case(
      name: "a table of 65536 entries that leaves memory",
      descriptors: [Raw(address: table, length: 16 * 65536, flags: 4)], split: .badTableAddress(table),
      packed: .badTableAddress(table)),
    Case(
      name: "a table at an odd address", descriptors: [Raw(address: table + 4, flags: 4)],
      split: .badTableAddress(table + 4), packed: .badTableAddress(table + 4)),
    Case(
      name: "a table that loops", descriptors: [Raw(address: table, length: 32, flags: 4)],
      table: [Raw(flags: 1, link: 1), Raw(flags: 1, link: 0)], split: .loop, packed: nil),
    Case(
      name: "a table that links out of itself", descriptors: [Raw(address: table, length: 16, flags: 4)],
      table: [Raw(flags: 1, link: 1)], split: .indexOutOfRange(1), packed: nil),
    Case(
      name: "a descriptor of no bytes at no address", descriptors: [Raw(address: 0, length: 0)], split: nil, packed: nil
    ),
  ]

  @Test("is refused with its own word, and nothing is in flight", arguments: cases, Layout.allCases)
  func refused(hostile: Case, layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    write(hostile, bench)
    let expected = layout.isPacked ? hostile.packed : hostile.split
    var error: VirtqueueError?
    do throws(VirtqueueError) { _ = try bench.pop() } catch let thrown { error = thrown }
    #expect(error == expected)
    let outstanding = bench.device.outstanding
    #expect(outstanding == (expected == nil ? 1 : 0))
  }

  @Test("a table of 65536 entries is refused for its length, without a loop over it", arguments: Layout.allCases)
  func longTable(layout: Layout) throws {
    let memory = try DriverMemory(size: 4 << 20)
    let driver = try #require(RingDriver(size: 8, packed: layout.isPacked, tableEntries: 65536 / 8, in: memory))
    let buffer = DriverBuffer(address: memory.address(0), length: 0, isWritable: false)
    _ = driver.add(Array(repeating: buffer, count: 65536 / 8), indirect: true)
    var chain = DescriptorChain(capacity: 1024)
    var device = try Virtqueue(
      size: 8, addresses: driver.addresses, features: layout.isPacked ? RingFeature.all : RingFeature.indirect,
      base: driver.firstBase, memory: memory.mapped())
    #expect(throws: VirtqueueError.tooManyDescriptors) { _ = try device.pop(into: &chain) }
  }

  @Test("an indirect descriptor that was not negotiated is refused", arguments: Layout.allCases)
  func notNegotiated(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked, features: RingFeature.packed, tableEntries: 2)
    _ = bench.driver.add([try bench.buffer(4)], indirect: true)
    #expect(throws: VirtqueueError.indirectNotNegotiated) { try bench.pop() }
  }

  @Test("an available index too far ahead is refused", arguments: [9, 0x8000, 0xffff] as [UInt16])
  func jump(index: UInt16) throws {
    let bench = try Bench(packed: false)
    bench.part(bench.driver.driverAddress).storeBytes(of: index, toByteOffset: 2, as: UInt16.self)
    #expect(throws: VirtqueueError.availableJump(index)) { try bench.pop() }
  }

  @Test("a head outside the table is refused")
  func head() throws {
    let bench = try Bench(packed: false)
    bench.offer(heads: [8])
    #expect(throws: VirtqueueError.indexOutOfRange(8)) { try bench.pop() }
  }

  @Test("a head that is in flight is refused")
  func twice() throws {
    let bench = try Bench(packed: false)
    write(Case(name: "", descriptors: [Raw()]), bench)
    bench.offer(heads: [0, 0])
    #expect(try bench.pop() != nil)
    #expect(throws: VirtqueueError.headInFlight(0)) { try bench.pop() }
  }

  @Test("a packed driver that takes places back before they are used is refused")
  func overrun() throws {
    let bench = try Bench(size: 4, packed: true)
    write(Case(name: "", descriptors: [Raw(), Raw(), Raw(), Raw()]), bench)
    for _ in 0..<4 { #expect(try bench.pop() != nil) }
    write(Case(name: "", descriptors: [Raw(flags: 0x8000 ^ 0x80)]), bench)
    #expect(throws: VirtqueueError.loop) { try bench.pop() }
  }

  @Test("a ring that does not fit into memory is refused", arguments: Layout.allCases)
  func placement(layout: Layout) throws {
    let bench = try Bench(packed: layout.isPacked)
    let good = bench.driver.addresses
    var bad: [RingAddresses] = []
    for address in [0, HostileTests.last - 1, .max - 15, 0x1_0000_0001] as [UInt64] {
      bad.append(RingAddresses(descriptors: address, driver: good.driver, device: good.device))
      bad.append(RingAddresses(descriptors: good.descriptors, driver: address, device: good.device))
      bad.append(RingAddresses(descriptors: good.descriptors, driver: good.driver, device: address))
    }
    for addresses in bad {
      #expect(throws: VirtqueueError.badAddress) {
        _ = try Virtqueue(
          size: 8, addresses: addresses, features: layout.isPacked ? RingFeature.packed : 0, base: 0,
          memory: bench.guest)
      }
    }
  }

  @Test(
    "an impossible ring size is refused", arguments: [(0, false), (3, false), (40000, false), (0, true), (32769, true)])
  func size(size: Int, packed: Bool) throws {
    let bench = try Bench(packed: packed)
    #expect(throws: VirtqueueError.badSize(UInt16(size))) {
      _ = try Virtqueue(
        size: UInt16(size), addresses: bench.driver.addresses, features: packed ? RingFeature.packed : 0, base: 0,
        memory: bench.guest)
    }
  }

  @Test("descriptors that change while they are read give old ones, new ones, or errors", arguments: Layout.allCases)
  func rewritten(layout: Layout) throws {
    let bench = try Bench(size: 4, packed: layout.isPacked)
    let inside = bench.memory.address(0)...bench.memory.address(bench.memory.size)
    let writer = Scribbler(bench.memory.base, bytes: 4 * 16)
    defer { writer.stop() }
    for round in 0..<5000 {
      if !layout.isPacked { bench.offer(heads: [UInt16(round % 4)], from: UInt16(truncatingIfNeeded: round)) }
      guard let token = try? bench.pop() else {
        // The ring is broken: a new one in its place.
        let base = layout.isPacked ? bench.driver.firstBase : UInt32(UInt16(truncatingIfNeeded: round + 1))
        bench.device = try Virtqueue(
          size: 4, addresses: bench.driver.addresses,
          features: layout.isPacked ? RingFeature.all : RingFeature.indirect,
          base: base, memory: bench.guest)
        continue
      }
      for segment in Array(bench.chain.readable) + Array(bench.chain.writable) {
        let offset = UInt64(segment.base - bench.hostBase)
        try #require(inside.contains(bench.memory.guestAddress + offset + UInt64(segment.count)))
      }
      bench.device.push(token, written: 0)
    }
  }

  /// Puts descriptors from place 0 on, tables, and for a split ring head 0 into the available ring.
  private func write(_ hostile: Case, _ bench: Bench) {
    let ring = bench.part(bench.driver.descriptorAddress)
    for (index, raw) in hostile.descriptors.enumerated() { store(raw, ring + 16 * index, bench.driver.isPacked, 0x80) }
    let table = bench.part(HostileTests.table)
    for (index, raw) in hostile.table.enumerated() { store(raw, table + 16 * index, bench.driver.isPacked, 0) }
    if !bench.driver.isPacked { bench.offer(heads: [0]) }
  }

  private func store(_ raw: Raw, _ at: UnsafeMutableRawPointer, _ packed: Bool, _ available: UInt16) {
    at.storeBytes(of: raw.address, as: UInt64.self)
    at.storeBytes(of: raw.length, toByteOffset: 8, as: UInt32.self)
    at.storeBytes(of: packed ? raw.link : raw.flags, toByteOffset: 12, as: UInt16.self)
    at.storeBytes(of: packed ? raw.flags ^ available : raw.link, toByteOffset: 14, as: UInt16.self)
  }
}

extension Bench {
  /// Memory at a guest address, as the driver has it.
  func part(_ address: UInt64) -> UnsafeMutableRawPointer { memory.base + Int(address - memory.guestAddress) }

  /// Where the device has the first byte of memory.
  var hostBase: UnsafeMutableRawPointer {
    guest.segment(guestAddress: memory.guestAddress, count: 1)?.base ?? memory.base
  }

  /// Writes heads into a split ring's available ring, and its index behind them.
  func offer(heads: [UInt16], from index: UInt16 = 0) {
    let ring = part(driver.driverAddress)
    for (step, head) in heads.enumerated() {
      ring.storeBytes(
        of: head, toByteOffset: 4 + 2 * Int((index &+ UInt16(step)) % driver.size), as: UInt16.self)
    }
    ring.storeBytes(of: index &+ UInt16(heads.count), toByteOffset: 2, as: UInt16.self)
  }
}
