import System
import Testing
import VhostBenchSupport
import VirtqueueDriver

/// Writes blocks of 4 KiB over and over, several at a time, one at most on each block, and keeps what must be on the disk.
final class BlockWriter {
  static let blockSize = 4096
  let frontEnd: FrontEnd
  /// Version of each block that the device has reported as written; 0: the file's first content.
  private(set) var reported: [UInt64]
  /// By chain: the block and the version under way.
  private var underWay: [UInt16: (block: Int, version: UInt64)] = [:]
  private var version: UInt64 = 0
  private(set) var offered = 0
  private(set) var completed = 0
  private(set) var refused = 0
  private let slots: [Int]
  private var freeSlots: [Int]
  private var slotOf: [UInt16: Int] = [:]
  private var random = SystemRandomNumberGenerator()

  init(_ frontEnd: FrontEnd, blocks: Int, depth: Int) throws {
    self.frontEnd = frontEnd
    reported = Array(repeating: 0, count: blocks)
    slots = try (0..<depth).map { _ in try #require(frontEnd.memory.allocate(3 * 4096, alignment: 4096)) }
    freeSlots = slots
  }

  /// Content of a block: its number and version in every 16 bytes.
  static func content(_ block: Int, _ version: UInt64) -> [UInt8] {
    var piece: [UInt8] = []
    for value in [UInt64(block), version] {
      for shift in stride(from: 0, to: 64, by: 8) { piece.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }
    return [UInt8]((0..<(blockSize / 16)).flatMap { _ in piece })
  }

  /// Offers writes until `depth` are under way.
  func fill() throws {
    while let slot = freeSlots.popLast() {
      var block = Int.random(in: 0..<reported.count, using: &random)
      while underWay.values.contains(where: { $0.block == block }) { block = (block + 1) % reported.count }
      version += 1
      try offer(slot, block)
      offered += 1
    }
    frontEnd.queues[0].kick()
  }

  private func offer(_ slot: Int, _ block: Int) throws {
    let base = frontEnd.memory.base + slot
    base.storeBytes(of: UInt64(1), as: UInt64.self)
    base.storeBytes(of: UInt64(block * 8), toByteOffset: 8, as: UInt64.self)
    base.storeBytes(of: 0xee, toByteOffset: 16, as: UInt8.self)
    UnsafeMutableRawBufferPointer(start: base + 4096, count: Self.blockSize)
      .copyBytes(from: Self.content(block, version))
    let address = frontEnd.memory.address(slot)
    let id = try #require(
      frontEnd.queues[0].ring.add([
        DriverBuffer(address: address, length: 16, isWritable: false),
        DriverBuffer(address: address + 4096, length: UInt32(Self.blockSize), isWritable: false),
        DriverBuffer(address: address + 16, length: 1, isWritable: true),
      ]))
    underWay[id] = (block, version)
    slotOf[id] = slot
  }

  /// Takes what came back.
  func collect() throws {
    while let used = frontEnd.queues[0].ring.collect() {
      let write = try #require(underWay[used.id], "a chain came back that was not under way")
      let slot = try #require(slotOf[used.id])
      underWay[used.id] = nil
      slotOf[used.id] = nil
      completed += 1
      if (frontEnd.memory.base + slot + 16).load(as: UInt8.self) == 0 {
        reported[write.block] = write.version
      } else {
        refused += 1
      }
      freeSlots.append(slot)
    }
  }

  /// Waits until everything that is under way came back.
  func drain(seconds: Double = 20) throws {
    let deadline = Clock.monotonic + Int64(seconds * 1e9)
    while !underWay.isEmpty {
      try collect()
      if underWay.isEmpty { break }
      try #require(Clock.monotonic < deadline, "\(underWay.count) requests did not come back")
      _ = try frontEnd.waitForSignal(of: 0, seconds: 1)
    }
  }

  /// Blocks with a write under way: what the disk holds there is open.
  var open: Set<Int> { Set(underWay.values.map { $0.block }) }
}
