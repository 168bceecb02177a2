import BlockEngine
import BlockModel
import Foundation
import FuzzSupport
import System
import Testing
import Virtqueue
import VirtqueueDriver

/// A folder that goes with its owner.
final class Folder {
  let path = FileManager.default.temporaryDirectory.appending(path: "atoll-block-\(UUID().uuidString)").path

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A file with `bytes`.
  func file(_ bytes: [UInt8], _ name: String = "disk") throws -> String {
    let place = "\(path)/\(name)"
    try Data(bytes).write(to: URL(filePath: place))
    return place
  }
}

/// How a disk is driven: what every test of the engine runs with.
struct DiskSetting: Sendable, CustomTestStringConvertible {
  var packed = false
  var synchronous = false
  var cache = CacheMode.writeback
  var testDescription: String {
    "\(packed ? "packed" : "split"), \(synchronous ? "system calls" : "io_uring"), cache \(cache)"
  }

  static let all = cached + (hasDirect ? direct : [])
  private static let cached = [DiskSetting(), DiskSetting(packed: true), DiskSetting(synchronous: true)]
  private static let direct = [
    DiskSetting(cache: .none), DiskSetting(packed: true, synchronous: true, cache: .none),
  ]

  /// Whether temporary files can be opened with O_DIRECT; in memory they cannot before Linux 6.6.
  static let hasDirect: Bool = {
    guard let folder = try? Folder(), let path = try? folder.file(pattern(4096)) else { return false }
    return (try? Disk.open(path, readOnly: false, cache: .none)) != nil
  }()
}

/// What came back for one request.
struct Outcome: Equatable {
  var status: RequestStatus?
  var written: UInt32
  /// The writable part without the status byte.
  var data: [UInt8] = []
}

/// A driver, a ring and an engine on a file. Requests are built in guest memory with any framing.
final class DiskRig {
  let memory: DriverMemory
  let driver: RingDriver
  private let guest: GuestMemory
  private var queue: Virtqueue
  private var chain = DescriptorChain(capacity: BlockEngine.chainCapacity)
  var engine: BlockEngine
  private let start: Int

  init(_ path: String, _ setting: DiskSetting = DiskSetting(), readOnly: Bool = false, identity: String = "") throws {
    memory = try DriverMemory(size: 64 << 20)
    driver = try #require(
      RingDriver(size: 256, packed: setting.packed, eventIndex: true, tableEntries: 257, in: memory))
    guest = try memory.mapped()
    let features = RingFeature.indirect | RingFeature.eventIndex | (setting.packed ? RingFeature.packed : 0)
    queue = try Virtqueue(
      size: 256, addresses: driver.addresses, features: features, base: driver.firstBase, memory: guest)
    start = try #require(memory.allocate(0, alignment: 4096))
    let disk = try Disk.open(path, readOnly: readOnly, cache: setting.cache)
    engine = BlockEngine(disk, identity: DiskIdentity(identity) ?? .none, synchronous: setting.synchronous)
  }

  deinit { engine.finish(queue: 0) { _ in } }

  /// A request on its way.
  struct Pending {
    let id: UInt16
    let room: [DriverBuffer]
  }

  /// Offers a request: `readable` in pieces of the given sizes, then `room` bytes with the status byte, in pieces too.
  func offer(_ readable: [UInt8], room: Int, pieces: [Int] = [], aligned: Bool = true) throws -> Pending {
    // The header lies apart: data begins at an aligned place unless it is to be misaligned.
    let first = [16] + pieces
    let input = try place(readable.count, first, writable: false, aligned)
    var done = 0
    for buffer in input {
      let count = Int(buffer.length)
      UnsafeMutableRawBufferPointer(start: pointer(buffer), count: count).copyBytes(from: readable[done..<done + count])
      done += count
    }
    var output = try place(max(0, room - 1), pieces, writable: true, aligned)
    if room > 0 { output += try place(1, [], writable: true, false) }
    for buffer in output {
      pointer(buffer).initializeMemory(as: UInt8.self, repeating: 0xee, count: Int(buffer.length))
    }
    let id = try #require(driver.add(input + output, indirect: true))
    return Pending(id: id, room: output)
  }

  private func pointer(_ buffer: DriverBuffer) -> UnsafeMutableRawPointer {
    memory.base + Int(buffer.address - memory.guestAddress)
  }

  private func place(_ count: Int, _ sizes: [Int], writable: Bool, _ aligned: Bool) throws -> [DriverBuffer] {
    var left = count
    var sizes = sizes
    var buffers: [DriverBuffer] = []
    while left > 0 {
      let size = min(left, sizes.isEmpty ? left : max(1, sizes.removeFirst()))
      let offset = try #require(memory.allocate(size + 4096, alignment: aligned ? 4096 : 1))
      let address = memory.address(offset + (aligned ? 0 : 3))
      buffers.append(DriverBuffer(address: address, length: UInt32(size), isWritable: writable))
      left -= size
    }
    return buffers
  }

  /// Serves until all offered requests came back; their outcomes in the order of `requests`.
  func serve(_ requests: [Pending]) throws -> [Outcome] {
    var written: [UInt16: UInt32] = [:]
    while written.count < requests.count {
      while engine.hasRoom, try queue.pop(into: &chain) { engine.take(chain, queue: 0) }
      engine.submit()
      var finished: [FinishedRequest] = []
      engine.finish(queue: 0) { finished.append($0) }
      for one in finished { queue.push(one.token, written: one.written) }
      while let used = driver.collect() { written[used.id] = used.written }
    }
    return requests.map { outcome($0, written[$0.id] ?? 0) }
  }

  private func outcome(_ request: Pending, _ written: UInt32) -> Outcome {
    var bytes: [UInt8] = []
    for buffer in request.room { bytes += UnsafeRawBufferPointer(start: pointer(buffer), count: Int(buffer.length)) }
    let status = bytes.popLast().flatMap { RequestStatus(rawValue: $0) }
    return Outcome(status: status, written: written, data: bytes)
  }

  /// Guest memory of requests that are over is used again.
  func rewind() { memory.rewind(to: start) }

  /// One request, start to end; guest memory is reused afterwards.
  func run(_ readable: [UInt8], room: Int, pieces: [Int] = [], aligned: Bool = true) throws -> Outcome {
    rewind()
    return try serve([try offer(readable, room: room, pieces: pieces, aligned: aligned)])[0]
  }

  func read(_ sector: UInt64, _ count: Int, pieces: [Int] = [], aligned: Bool = true) throws -> Outcome {
    try run(header(RequestType.read, sector), room: count + 1, pieces: pieces, aligned: aligned)
  }

  func write(_ sector: UInt64, _ data: [UInt8], pieces: [Int] = [], aligned: Bool = true) throws -> Outcome {
    try run(header(RequestType.write, sector) + data, room: 1, pieces: pieces, aligned: aligned)
  }

  func flush() throws -> Outcome { try run(header(RequestType.flush, 0), room: 1) }

  func range(_ type: UInt32, _ sector: UInt64, _ count: UInt32, flags: UInt32 = 0) throws -> Outcome {
    try run(header(type, 0) + bytes(sector) + bytes(count) + bytes(flags), room: 1)
  }
}

/// A request header.
func header(_ type: UInt32, _ sector: UInt64) -> [UInt8] { bytes(type) + bytes(UInt32(0)) + bytes(sector) }

/// Little-endian bytes.
func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// Bytes no two sectors of which are alike.
func pattern(_ count: Int, _ seed: UInt64 = 1) -> [UInt8] {
  var random = SeededRandom(seed: seed)
  let block = random.bytes(Sector.size - 8)
  var all: [UInt8] = []
  all.reserveCapacity(count + Sector.size)
  while all.count < count {
    all += bytes(UInt64(all.count))
    all += block
  }
  return Array(all[0..<count])
}
