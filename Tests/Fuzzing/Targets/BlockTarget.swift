// A whole disk: ring, engine and a file in memory, against what virtio 1.3, 5.2.6, says of each request.

import BlockEngine
import BlockModel
import FuzzSupport
import Glibc
import System
import Virtqueue
import VirtqueueDriver

/// Sends requests of any shape to a disk of 64 sectors.
///
/// Promises: every request comes back once and at once, with the status that it deserves; what it reads and what the file
/// holds afterwards is what a byte array holds; the file keeps its size.
enum BlockTarget {
  /// A read, a write, a flush, the identity, a discard, two ways to zero, and requests that are refused.
  static let seeds: [[UInt8]] = [0, 1, 2, 5].map { mode in
    [mode, 0, 8, 0, 1, 0, 0x10, 1, 8, 1, 0x55, 0, 8, 0, 2, 0, 0, 0, 3, 0, 0, 1, 20, 0]
      + [4, 0, 0, 0, 8, 8, 0, 0, 5, 0, 0, 0, 16, 8, 0, 0, 5, 0, 0, 0, 24, 4, 1, 0, 6, 99, 0, 0, 1, 1, 200, 1, 1, 0, 2]
  }

  static func run(_ input: [UInt8]) -> String? {
    var source = ByteSource(input)
    guard let bench = BlockBench(mode: source.byte()) else { return nil }
    while !source.isEmpty {
      if let broken = bench.request(&source) { return broken }
    }
    return nil
  }
}

/// What a request should do to the disk.
private struct Expectation {
  var status: UInt8
  /// What a read returns.
  var data: ArraySlice<UInt8>?
}

private final class BlockBench {
  private static let diskBytes = 64 * 512
  private static let pieces = 6
  private let readOnly: Bool
  private let memory: DriverMemory
  private let driver: RingDriver
  private let guest: GuestMemory
  private var queue: Virtqueue
  private var chain = DescriptorChain(capacity: BlockEngine.chainCapacity)
  private var engine: BlockEngine
  private let view: Mapping
  private var reference: [UInt8]
  private let start: Int

  init?(mode: UInt8) {
    readOnly = mode & 2 != 0
    do {
      memory = try DriverMemory(size: 1 << 18)
      guard let driver = RingDriver(size: 16, packed: mode & 1 != 0, in: memory) else { return nil }
      self.driver = driver
      guest = try memory.mapped()
      queue = try Virtqueue(
        size: 16, addresses: driver.addresses, features: mode & 1 != 0 ? RingFeature.packed : 0, base: driver.firstBase,
        memory: guest)
      let file = try MemoryFile.create("fuzz-disk", size: Self.diskBytes)
      view = try Mapping.shared(file, size: Self.diskBytes)
      engine = BlockEngine(
        try Disk(owning: file, readOnly: readOnly), identity: DiskIdentity("fuzz") ?? .none, synchronous: true)
    } catch { return nil }
    reference = (0..<Self.diskBytes).map { UInt8(truncatingIfNeeded: $0 >> 3) }
    UnsafeMutableRawBufferPointer(start: view.base, count: Self.diskBytes).copyBytes(from: reference)
    engine.writesThrough = mode & 4 != 0
    engine.logs = false
    start = memory.allocate(0, alignment: 4096) ?? 0
  }

  func request(_ source: inout ByteSource) -> String? {
    memory.rewind(to: start)
    let readable = Self.readable(&source)
    guard let out = place(readable.count, &source, writable: false) else { return nil }
    guard let room = place(Int(source.integer(UInt16.self)) % 20000, &source, writable: true) else { return nil }
    guard !(out + room).isEmpty else { return nil }
    fill(out, readable)
    guard let id = driver.add(out + room) else { return "the ring is full though nothing is under way" }
    let expected = expect(readable, room: Self.bytes(room))
    guard let used = serve() else { return "a request did not come back" }
    return used.id == id ? judge(used, expected, room) : "another chain came back than was offered"
  }

  // MARK: requests

  /// Header and data: a type, a sector, and bytes that are a range or a pattern.
  private static func readable(_ source: inout ByteSource) -> [UInt8] {
    let kind = source.byte() & 15
    let known: [UInt32] = [0, 1, 4, 8, 11, 13]
    let type = kind < 6 ? known[Int(kind)] : kind == 6 ? UInt32(source.byte()) : source.integer(UInt32.self)
    let wide = source.byte() == 0xff
    let sector = wide ? source.integer(UInt64.self) : UInt64(source.byte())
    let header = little(UInt64(type)) + little(sector)
    if kind == 15 { return Array(header.prefix(Int(source.byte()) % 17)) }
    guard type == 11 || type == 13 else {
      let count = type == 1 ? Int(source.byte()) * 256 : Int(source.byte()) % 3 * 512
      return header + [UInt8](repeating: source.byte(), count: count)
    }
    let range = little(UInt64(source.byte())) + little(UInt64(source.byte()) | UInt64(source.byte() & 3) << 32)
    return header + range + [UInt8](repeating: 0, count: Int(source.byte() & 7 == 7 ? 16 : 0))
  }

  private static func little(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }
  private static func bytes(_ buffers: [DriverBuffer]) -> Int { buffers.reduce(0) { $0 + Int($1.length) } }

  /// `count` bytes of memory in a few pieces.
  private func place(_ count: Int, _ source: inout ByteSource, writable: Bool) -> [DriverBuffer]? {
    var left = count
    var buffers: [DriverBuffer] = []
    while left > 0 {
      let wanted = buffers.count + 1 == Self.pieces ? left : 1 + Int(source.byte()) * 32
      guard let offset = memory.allocate(min(left, wanted), alignment: 1) else { return nil }
      buffers.append(
        DriverBuffer(address: memory.address(offset), length: UInt32(min(left, wanted)), isWritable: writable))
      left -= min(left, wanted)
    }
    return buffers
  }

  private func pointer(_ buffer: DriverBuffer) -> UnsafeMutableRawBufferPointer {
    .init(start: memory.base + Int(buffer.address - memory.guestAddress), count: Int(buffer.length))
  }

  private func fill(_ buffers: [DriverBuffer], _ bytes: [UInt8]) {
    var done = 0
    for buffer in buffers {
      pointer(buffer).copyBytes(from: bytes[done..<done + Int(buffer.length)])
      done += Int(buffer.length)
    }
  }

  private func serve() -> UsedChain? {
    while (try? queue.pop(into: &chain)) == true { engine.take(chain, queue: 0) }
    engine.submit()
    while let one = engine.nextFinished() { queue.push(one.token, written: one.written) }
    return driver.collect()
  }

  // MARK: what is right

  private func expect(_ readable: [UInt8], room: Int) -> Expectation? {
    guard room > 0 else { return nil }
    guard readable.count >= 16 else { return Expectation(status: 1) }
    let data = readable[16...]
    let sector = word(readable[8..<16])
    switch word(readable[0..<4]) {
    case 0: return data.isEmpty ? transfer(sector, room - 1, nil) : Expectation(status: 1)
    case 1: return readOnly || room > 1 ? Expectation(status: 1) : transfer(sector, data.count, data)
    case 4: return Expectation(status: 0)
    case 8: return Expectation(status: 0, data: ("fuzz".utf8 + [UInt8](repeating: 0, count: 16)).prefix(room - 1))
    case 11: return range(data, flags: 0)
    case 13: return range(data, flags: 1)
    default: return Expectation(status: 2)
    }
  }

  private func transfer(_ sector: UInt64, _ count: Int, _ data: ArraySlice<UInt8>?) -> Expectation {
    guard count % 512 == 0, sector <= 64, UInt64(count / 512) <= 64 - sector else { return Expectation(status: 1) }
    let place = Int(sector) * 512..<Int(sector) * 512 + count
    if let data { reference.replaceSubrange(place, with: data) }
    return Expectation(status: 0, data: data == nil ? reference[place] : nil)
  }

  private func range(_ data: ArraySlice<UInt8>, flags known: UInt64) -> Expectation {
    if readOnly { return Expectation(status: 1) }
    guard data.count == 16 else { return Expectation(status: 2) }
    let sector = word(data.prefix(8))
    let (count, flags) = (word(data.dropFirst(8).prefix(4)), word(data.suffix(4)))
    guard flags & ~known == 0 else { return Expectation(status: 2) }
    guard count > 0, sector <= 64, count <= 64 - sector else { return Expectation(status: 1) }
    let place = Int(sector) * 512..<Int(sector + count) * 512
    // A file in memory can give space back, and reads as zeroes there.
    reference.replaceSubrange(place, with: [UInt8](repeating: 0, count: place.count))
    return Expectation(status: 0)
  }

  private func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  private func judge(_ used: UsedChain, _ expected: Expectation?, _ room: [DriverBuffer]) -> String? {
    let written = room.flatMap { Array(pointer($0)) }
    guard Int(used.written) <= written.count else { return "more bytes were said to be written than there is room for" }
    if let expected {
      guard written.last == expected.status else {
        return "a request ended with status \(written.last ?? 0xff), not \(expected.status)"
      }
      if let data = expected.data, !written.starts(with: data) {
        return "a read returned something else than the disk holds"
      }
    }
    return memcmp(view.base, reference, Self.diskBytes) == 0 ? nil : "the disk holds something else than it should"
  }
}
